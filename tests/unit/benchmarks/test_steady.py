"""The steady load behind `benchmarks.restart`: what it counts, and how it measures a pause."""

from __future__ import annotations

import itertools
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks.payloads import Door, Writer, distinct
from benchmarks.steady import Answer, SteadyLoad, longest_gap, wait_ms
from reliability.waiting import wait_until
from tocsin.demo.children import free_port

STATUSES = (202, 503, 202, None)
"""What the far side answers in turn; None is to hang up without a word."""


class FarSide(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    turns = itertools.cycle(STATUSES)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status = next(self.turns)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    """One at which nobody listens yet."""
    return free_port()


def test_it_waits_for_somebody_to_listen_and_counts_each_answer_as_what_it_was(port):
    with SteadyLoad(port, distinct(Writer(Door(port, "/alerts"), "run"), 1), per_second=400) as load:
        assert not load.answers
        far = ThreadingHTTPServer(("127.0.0.1", port), FarSide)
        thread = Thread(target=far.serve_forever)
        thread.start()
        wait_until(lambda: min(len(load.answers), load.refused, load.lost) >= 10, 20, "every kind of answer")
    far.shutdown()
    thread.join()
    far.server_close()
    assert all(answer.at > answer.sent_at for answer in load.answers)
    assert load.refused <= len(load.answers)


def test_the_longest_pause_counts_up_to_the_end_and_from_the_first_answer():
    answers = [Answer(at - 0.01, at) for at in (15.0, 10.0, 11.0)]
    assert longest_gap(answers, until=16.0) == pytest.approx(4.0)
    assert longest_gap(answers, until=25.0) == pytest.approx(10.0), "nobody was answered any more"
    assert longest_gap([], until=25.0) == float("inf"), "nobody was answered at all"


def test_how_long_a_share_of_the_answers_took():
    answers = [Answer(0.0, number / 1000) for number in range(1, 101)]
    assert wait_ms(answers, 0.5) == 51.0
    assert wait_ms(answers, 1.0) == 100.0
    assert wait_ms([], 0.5) == float("inf")
