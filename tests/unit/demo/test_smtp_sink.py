"""The mail sink keeps real mail, sent over a real connection."""

from __future__ import annotations

import smtplib
import threading
from email.message import EmailMessage
from pathlib import Path

import pytest

from tocsin.demo.smtp_sink import SmtpSink


def send(sink: SmtpSink, subject: str, text: str = "body\n") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tocsin@example.org", "ana@example.org", subject
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(message)


def test_a_message_is_kept_with_its_envelope_subject_and_text(tmp_path: Path) -> None:
    with SmtpSink(tmp_path) as sink:
        send(sink, "CRITICAL: claudex is down: wake up Ünïcode", "Ünïcode body\n")
        mail = sink.wait_for(lambda mail: "claudex" in mail.subject, timeout=5)
    assert mail.sender == "tocsin@example.org"
    assert mail.recipients == ("ana@example.org",)
    assert mail.subject == "CRITICAL: claudex is down: wake up Ünïcode"
    assert mail.text.strip() == "Ünïcode body"


def test_each_message_is_written_to_a_file_of_its_own(tmp_path: Path) -> None:
    with SmtpSink(tmp_path / "mail") as sink:
        send(sink, "first")
        send(sink, "second")
        paths = [mail.path for mail in sink.messages]
    assert paths == [tmp_path / "mail" / "0001.eml", tmp_path / "mail" / "0002.eml"]
    assert b"Subject: second" in (tmp_path / "mail" / "0002.eml").read_bytes()


def test_without_a_directory_messages_stay_in_memory() -> None:
    with SmtpSink() as sink:
        send(sink, "kept")
    assert [(mail.subject, mail.path) for mail in sink.messages] == [("kept", None)]


def test_wait_for_is_woken_by_a_message_that_comes_later() -> None:
    with SmtpSink() as sink:
        send(sink, "not this one")
        later = threading.Thread(target=send, args=(sink, "this one"))
        later.start()
        found = sink.wait_for(lambda mail: mail.subject == "this one", timeout=5)
        later.join()
    assert found.subject == "this one"


def test_wait_for_says_what_came_instead() -> None:
    with SmtpSink() as sink:
        send(sink, "something else")
        with pytest.raises(TimeoutError, match=r"something else \(to ana@example.org\)"):
            sink.wait_for(lambda _: False, timeout=0.05)


def test_the_port_is_kept_over_a_stop_and_a_start() -> None:
    sink = SmtpSink()
    sink.start()
    port = sink.port
    sink.stop()
    with pytest.raises(ConnectionError):
        smtplib.SMTP("127.0.0.1", port, timeout=5)
    with sink:
        assert sink.port == port
        send(sink, "back again")
    assert [mail.subject for mail in sink.messages] == ["back again"]


def test_a_taken_port_is_an_error() -> None:
    with SmtpSink() as sink, pytest.raises(OSError, match="in use"):
        SmtpSink(port=sink.port).start()


def test_stopping_ends_sessions_that_a_client_left_open() -> None:
    with SmtpSink() as sink:
        client = smtplib.SMTP("127.0.0.1", sink.port, timeout=5)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        client.helo()
    sink.stop()
    client.close()
