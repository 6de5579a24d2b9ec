"""docs/reliability.md says what the figures say, and nothing that anybody typed."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from reliability import chart, page, runs
from reliability.drivers import DRIVERS, STRIPS, Bar, Claim, Driver, Strip
from reliability.evidence import Verdict, findings, meets

ON = {"cores": 2, "python": "3.11.7", "system": "Linux", "sqlite": "3.40.1", "postgresql": "18.4"}
CLAIM = Claim("It comes back.", "≤ 2 s", "after {back_s} s", "tests/test_house_rules.py", (Bar("back_s", "<=", 2),))
DRIVER = Driver("back", "When it dies", "reliability.back --kills 3", 60, (CLAIM,))


def run_of(*lines, **facts):
    usual = {"command": "python -m reliability.back", "quick": False, "ended": "finished", "exit": 0, "seconds": 61.0}
    return usual | {"busy_before": 0.01, "on": ON, "lines": list(lines)} | facts


def found(driver, *lines, **facts):
    [finding] = findings({"back": run_of(*lines, **facts)}, [driver])
    return finding.verdict, finding.seen


def test_the_page_and_its_chart_are_what_the_figures_make_them():
    """`python -m reliability --render` after a change of the template or the claims."""
    assert page.PAGE.read_text(encoding="utf-8") == page.render(page.read())
    assert page.CHART.read_text(encoding="utf-8") == chart.draw(page.read())


def test_every_claim_names_a_test_that_is_there_and_every_strip_a_driver():
    tests = [claim.test for driver in DRIVERS for claim in driver.claims if claim.test]
    assert [test for test in tests if not (page.ROOT / test).is_file()] == []
    assert {strip.driver for strip in STRIPS} <= {driver.name for driver in DRIVERS}
    assert len({driver.name for driver in DRIVERS}) == len(DRIVERS)


def test_kept_figures_are_what_the_claims_ask_for():
    """A driver that calls a figure otherwise than its claim would leave a question mark on the page."""
    figures = {name: run for name, run in page.read().items() if not run["quick"]}  # a short run may leave parts out
    unread = [each.seen for each in findings(figures) if "?" in each.seen and each.verdict is not Verdict.NOT_SHOWN]
    assert unread == []


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ({"back_s": 1.5}, Verdict.HELD),
        ({"back_s": 1.5, "holds": True}, Verdict.HELD),
        ({"back_s": 1.5, "holds": False}, Verdict.FELL_SHORT),
        ({"back_s": 2.5, "holds": True}, Verdict.FELL_SHORT),
        ({"back_s": None}, Verdict.NOT_SHOWN),
        ({"holds": True}, Verdict.NOT_SHOWN),
        ({"holds": False}, Verdict.FELL_SHORT),
        ({}, Verdict.NOT_SHOWN),
    ],
)
def test_a_claim_holds_when_its_bars_are_met_and_its_driver_does_not_say_otherwise(line, verdict):
    assert found(DRIVER, line)[0] is verdict


def test_without_a_bar_and_without_a_judgement_of_the_driver_nothing_is_shown():
    unjudged = replace(DRIVER, claims=(replace(CLAIM, bars=()),))
    assert found(unjudged, {"back_s": 9}) == (Verdict.NOT_SHOWN, "after 9 s; the driver passed no judgement")
    assert found(unjudged, {"back_s": 9, "holds": True}) == (Verdict.HELD, "after 9 s")


def test_a_figure_that_is_missing_shows_nothing_although_the_driver_is_content():
    """A short run may leave a part out, such as the second call of a pair."""
    unbarred = replace(DRIVER, claims=(replace(CLAIM, bars=()),))
    assert found(unbarred, {"holds": True}) == (Verdict.NOT_SHOWN, "after ? s; a figure is missing")


def test_a_short_run_shows_a_claim_only_by_the_bars_as_they_are_written():
    unbarred = replace(DRIVER, claims=(replace(CLAIM, bars=()),))
    for driver, back_s in ((DRIVER, 2.5), (unbarred, 1.5)):
        verdict, seen = found(driver, {"back_s": back_s, "holds": True}, quick=True)
        assert (verdict, seen) == (Verdict.NOT_SHOWN, f"after {back_s} s; not shown in a short run")
    assert found(DRIVER, {"back_s": 1.5, "holds": True}, quick=True)[0] is Verdict.HELD
    assert found(DRIVER, {"back_s": 2.5}, quick=True)[0] is Verdict.FELL_SHORT, "it judged nothing itself"
    assert found(unbarred, {"back_s": 1.5, "holds": False}, quick=True)[0] is Verdict.FELL_SHORT
    text = page.render({"back": run_of({"back_s": 2.5, "holds": True}, quick=True)}, [DRIVER])
    assert "| after 2.5 s; not shown in a short run | **not shown**; [test]" in text


def test_a_driver_that_failed_or_took_too_long_shows_nothing():
    assert found(DRIVER, ended="failed", exit=1) == (Verdict.NOT_SHOWN, "the driver itself failed")
    late = found(DRIVER, {"back_s": 1}, ended="timed out", exit=None)
    assert late == (Verdict.NOT_SHOWN, "not done after 60 s"), "the last line it printed is no summary"
    assert [each.seen for each in findings({}, [DRIVER])] == ["not run yet"]


def test_a_claim_is_about_the_line_it_names():
    of_sqlite = replace(DRIVER, claims=(replace(CLAIM, where={"database": "sqlite"}),))
    lines = [{"database": "sqlite", "back_s": 1}, {"database": "postgresql", "back_s": 9}]
    assert found(of_sqlite, *lines) == (Verdict.HELD, "after 1 s")
    assert found(of_sqlite, lines[1]) == (Verdict.NOT_SHOWN, "no such figure")


def test_a_long_run_that_nobody_asked_for_is_no_claim():
    long = replace(DRIVER, long=True)
    assert findings({}, [long]) == []
    assert found(long, {"back_s": 1}) == (Verdict.HELD, "after 1 s")


def test_figures_may_lie_in_objects():
    assert meets({"gap": {"p99": 1.0}}, Bar("gap.p99", "<=", 1))
    assert not meets({"gap": 3}, Bar("gap.p99", "<=", 1))


def test_the_page_tells_what_fell_short_first_and_what_it_ran_on():
    text = page.render({"back": run_of({"back_s": 3}, quick=True, busy_before=0.42)}, [DRIVER])
    assert (
        "**0 of 1 claims held, 1 fell short.**\n\n- **fell short:** It comes back. Bar: ≤ 2 s. Seen: after 3 s." in text
    )
    assert "| It comes back. | ≤ 2 s | after 3 s; a short run | **fell short**; [test](../tests/" in text
    assert "    python -m reliability.back   # 61 s" in text
    assert "Measured on 2 cores, Linux, Python 3.11.7, SQLite 3.40.1, PostgreSQL 18.4." in text
    assert "Other programs were at work when these began, so their seconds say little: back 42%." in text
    assert not re.search(r"\$\w", text)


def test_figures_of_two_machines_say_which_is_whose():
    other = replace(DRIVER, name="other")
    text = page.render({"back": run_of({"back_s": 1}), "other": run_of({}, on=ON | {"cores": 8})}, [DRIVER, other])
    assert "Measured on 2 cores" in text
    assert "PostgreSQL 18.4: other." in text


def test_the_chart_is_a_picture_of_the_figures_there_are():
    strip = Strip("back <again>", "back", ("p50", "p99"), "p99", 2.0, scale=0.001)
    picture = ET.fromstring(chart.draw({"back": run_of({"p50": 10, "p99": 100})}, [strip, replace(strip, driver="no")]))
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("back <again>") == 1
    assert texts[-1] == "100 ms"
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))) == 2


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Makes a driver of some Python."""
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    monkeypatch.setattr(runs, "LOOKS_S", 0.01)

    def made(text, limit_s=60.0):
        (tmp_path / "tried.py").write_text(text, encoding="utf-8")
        return replace(DRIVER, run="tried --kills 3", quick="--short", limit_s=limit_s)

    return made


def test_a_run_keeps_the_lines_of_its_driver_and_how_it_ended(program, tmp_path):
    driver = program(
        "import sys, json\nprint('hm')\nprint(json.dumps({'holds': False, 'argv': sys.argv[1:]}))\nsys.exit(1)"
    )
    run = runs.run(driver, quick=True, log=tmp_path / "log")
    assert (run["ended"], run["exit"], run["lines"]) == (
        "finished",
        1,
        [{"holds": False, "argv": ["--kills", "3", "--short"]}],
    )
    assert run["command"] == "python -m tried --kills 3 --short"
    assert set(run["on"]) == set(ON)


def test_a_driver_that_breaks_is_told_as_failed_and_leaves_its_words(program, tmp_path):
    run = runs.run(program("raise SystemExit('it broke')"), quick=False, log=tmp_path / "log")
    assert (run["ended"], run["exit"], run["lines"]) == ("failed", 1, [])
    assert (tmp_path / "log").read_text() == "it broke\n"


def test_a_driver_that_breaks_after_a_part_of_its_lines_is_told_as_failed(program, tmp_path):
    driver = program("print('{\"part\": 1}', flush=True)\nraise SystemExit('it broke')")
    assert runs.run(driver, quick=False, log=tmp_path / "log")["ended"] == "failed"


def test_a_driver_that_takes_too_long_is_asked_to_clean_up_and_ended(program, tmp_path):
    text = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('{\"cleaned\": 1}')\n"
    run = runs.run(program(text, limit_s=2.0), quick=False, log=tmp_path / "log")
    assert (run["ended"], run["exit"], run["lines"]) == ("timed out", None, [{"cleaned": 1}])


def test_a_driver_is_there_or_not():
    assert runs.exists(replace(DRIVER, run=f"{runs.__name__} --x"))
    assert not runs.exists(replace(DRIVER, run="reliability.nobody_wrote_this"))
