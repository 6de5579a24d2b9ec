"""What the console does beyond what every channel does."""

from __future__ import annotations

import io

import pytest

from tests.contract.channels.peers import ConsolePeer, Mood, message, settings
from tocsin.application.ports import ChannelError
from tocsin.channels import REGISTRY
from tocsin.channels.console import Console


def test_without_a_stream_it_writes_to_standard_output_whatever_that_is_now(capsys):
    REGISTRY["console"](settings()).send(message("-"), 1)
    out = capsys.readouterr().out
    assert "page page-1 to Ana (-): CRITICAL claudex is down" in out
    assert "Acknowledge: https://tocsin.example.org/a/page-1.token" in out


def test_a_terminal_that_knows_no_unicode_gets_escapes():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Console(settings(), stream).send(message("-", text="ü\n"), 1)
    assert rb"\xfc" in raw.getvalue()


def test_what_an_alert_says_cannot_move_the_cursor_or_forge_a_block():
    peer = ConsolePeer()
    forged = "\x1b[2J\r\n┌ page page-9 to Eve (-): all is well\n"
    peer.channel.send(message("-", subject=forged, text=forged), 1)
    assert [received.key for received in peer.received()] == ["page-1"]
    assert "\x1b" not in peer.terminal.getvalue()


def test_a_paused_terminal_holds_up_one_writer_and_everybody_after_it_is_told_in_time():
    with ConsolePeer() as peer:
        peer.mood = Mood.SILENT
        for _ in range(3):
            with pytest.raises(ChannelError, match="paused"):
                peer.channel.send(message("-"), 0.1)
        assert peer.received() == []
