"""What goes to the terminal."""

from __future__ import annotations

import io

from tocsin.cli.printing import WIDTH, colourful, cut, paint, print_json, printable, table, wrapped


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_text_from_outside_cannot_steer_the_terminal():
    assert printable("disk \x1b[31mfull\x07") == "disk \N{REPLACEMENT CHARACTER}[31mfull\N{REPLACEMENT CHARACTER}"
    assert printable("two\nlines\tand  more") == "two lines and more"
    assert printable("gnp.\u202eexe") == "gnp.\N{REPLACEMENT CHARACTER}exe"
    assert printable("Größe ✓") == "Größe ✓"


def test_colours_are_for_terminals_that_were_not_told_otherwise():
    assert colourful(Terminal(), {})
    assert not colourful(io.StringIO(), {})
    assert not colourful(Terminal(), {"NO_COLOR": "1"})
    assert not colourful(Terminal(), {"TERM": "dumb"})


def test_paint_marks_text_only_where_it_shows(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert paint("CRITICAL", "bold", "red") == "\x1b[1;31mCRITICAL\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("CRITICAL", "bold", "red") == "CRITICAL"


def test_tables_are_aligned_and_fit_the_width():
    lines = table([["a", "one"], ["long", "x" * 200]])
    assert lines[0] == "a     one"
    assert len(lines[1]) == WIDTH
    assert lines[1].endswith("…")
    assert table([]) == []


def test_what_is_cut_says_so():
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


def test_paragraphs_stand_beside_their_label():
    lines = wrapped("impact", "word " * 30)
    assert lines[0].startswith("impact    word")
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert all(len(line) <= WIDTH for line in lines)
    assert wrapped("impact", "") == ["impact"]


def test_json_keeps_letters_as_they_are_or_escapes_them_but_loses_none(capsys, monkeypatch):
    print_json({"title": "Größe"})
    assert '"Größe"' in capsys.readouterr().out
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    monkeypatch.setattr("sys.stdout", narrow)
    print_json({"title": "Größe"})
    narrow.flush()
    assert b'"Gr\\u00f6\\u00dfe"' in narrow.buffer.getvalue()
