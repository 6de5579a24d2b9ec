"""The load that benchmarks put on is what they say it is; a wrong generator would make every figure wrong."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from benchmarks.load import LoadError, drive, is_complete
from benchmarks.page_sink import PageSink
from benchmarks.payloads import GROUPS, Door, Writer, distinct, mostly_repeats

API = Door(9093, "/api/v2/alerts", key="secret")
WEBHOOK = Door(9093, "/ingest/KEY/alertmanager", webhook=True)


def body_of(request: bytes) -> Any:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    return json.loads(body)


def test_a_batch_holds_twenty_distinct_alerts_of_one_name() -> None:
    requests = list(itertools.islice(distinct(Writer(API, "run"), 20), 3))
    alerts = [alert for request in requests for alert in body_of(request)]
    assert len({json.dumps(alert["labels"], sort_keys=True) for alert in alerts}) == 60
    assert [len({alert["labels"]["alertname"] for alert in body_of(request)}) for request in requests] == [1, 1, 1]
    assert b"Authorization: Bearer secret\r\n" in requests[0]


def test_the_webhook_carries_the_same_alerts_in_alertmanagers_envelope() -> None:
    request = next(distinct(Writer(WEBHOOK, "run"), 20))
    envelope = body_of(request)
    assert request.startswith(b"POST /ingest/KEY/alertmanager HTTP/1.1\r\n")
    assert (envelope["version"], envelope["status"], len(envelope["alerts"])) == ("4", "firing", 20)
    for alert in envelope["alerts"]:
        assert alert["status"] == "firing"
        assert alert["labels"]["alertname"] == envelope["commonLabels"]["alertname"]


def test_the_names_come_round_so_that_incidents_grow_as_real_ones_do() -> None:
    names = [
        body_of(r)[0]["labels"]["alertname"] for r in itertools.islice(distinct(Writer(API, "run"), 1), 2 * GROUPS)
    ]
    assert Counter(Counter(names).values()) == {2: GROUPS}


def test_nineteen_of_twenty_requests_repeat_a_known_alert_byte_for_byte() -> None:
    known = list(itertools.islice(distinct(Writer(API, "known"), 1), 7))
    sent = list(itertools.islice(mostly_repeats(Writer(API, "fresh"), known), 200))
    assert sum(request in known for request in sent) == 190
    assert len(set(sent) - set(known)) == 10


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_counts_only_when_it_is_whole(answer: bytes, whole: bool) -> None:
    assert is_complete(answer) is whole


def test_every_request_up_to_the_limit_arrives_once_and_is_counted() -> None:
    with PageSink(rb"10\.0\.0\.1:\d{9}") as sink:
        door = Door(int(sink.url.rpartition(":")[2].split("/")[0]), "/page")
        outcome = drive(door.port, distinct(Writer(door, "run"), 1), seconds=30, limit=250, connections=5)
        assert sink.wait_for_count(250, timeout=5) == 250
    assert (outcome.accepted, outcome.refused, outcome.lost) == (250, 0, 0)
    assert outcome.waits == sorted(outcome.waits)
    assert 0 < outcome.wait_ms(0.5) <= outcome.wait_ms(1.0)


def test_a_system_that_stops_answering_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.load.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(LoadError, match=r"answered nothing for 0\.2 s"):
        drive(mute.getsockname()[1], itertools.repeat(b"x"), seconds=5, limit=3, connections=1)


def test_a_broken_connection_is_counted_as_lost_and_replaced() -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up_then_answer() -> None:
            listener.accept()[0].close()
            with listener.accept()[0] as second:
                while second.recv(100):
                    second.sendall(answer)

        server = threading.Thread(target=hang_up_then_answer)
        server.start()
        outcome = drive(listener.getsockname()[1], itertools.repeat(b"x"), seconds=5, limit=4, connections=1)
        server.join()
    assert (outcome.accepted, outcome.lost) == (3, 1)
