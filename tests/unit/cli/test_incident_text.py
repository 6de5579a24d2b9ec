"""An incident in lines for people."""

from __future__ import annotations

from datetime import UTC, datetime

from tocsin.cli.incident_text import (
    holder,
    incident_lines,
    list_lines,
    moved,
    next_lines,
    proof_lines,
    timeline_lines,
)

NOW = datetime(2026, 11, 23, 2, 20, tzinfo=UTC)
OPEN = {
    "id": "INC-20261123-021520",
    "title": "ClaudexDown on claudex",
    "service": "claudex",
    "severity": "CRITICAL",
    "status": "INVESTIGATING",
    "phase": "detection",
    "level": 2,
    "round": 1,
    "commander": None,
    "commander_acting": False,
    "roles": [],
    "offers": [],
    "declared_at": "2026-11-23T02:15:20Z",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "resolved_at": None,
    "resolved_by": None,
    "closed_as": None,
    "next_due_at": "2026-11-23T02:20:20Z",
    "alerts": 1,
    "firing": 1,
    "flapping": False,
    "held": False,
    "pages": 3,
    "procedures": "ab" * 32,
    "impact": "",
    "symptoms": "",
    "users": "",
}
TAKEN = OPEN | {"acknowledged_at": "2026-11-23T02:16:00Z", "acknowledged_by": "ana", "commander": "ana"}
OVER = TAKEN | {
    "resolved_at": "2026-11-23T02:19:00Z",
    "resolved_by": "ana",
    "status": "RESOLVED",
    "phase": "closed",
    "next_due_at": None,
}
STEPS = {
    "items": [
        {"at": "2026-11-23T02:20:20Z", "cause": "ladder", "levels": [3], "people": ["bo", "cem"], "posts": []},
        {"at": "2026-11-23T02:25:20Z", "cause": "reopened", "levels": [], "people": [], "posts": []},
    ],
    "next": None,
}


def test_the_first_line_says_who_has_it_and_what_comes_next():
    assert holder(OPEN, NOW, UTC) == "Nobody has it yet; next 02:20:20 (in 20 s)."
    assert holder(TAKEN, NOW, UTC) == "ana has it since 02:16:00; next 02:20:20 (in 20 s)."
    assert holder(TAKEN | {"next_due_at": None}, NOW, UTC).endswith("; nothing more happens by itself.")
    assert holder(OVER, NOW, UTC) == "It is over: resolved by ana at 02:19:00."
    assert holder(OVER | {"closed_as": "duplicate", "resolved_by": None}, NOW, UTC) == (
        "It is over: closed as duplicate at 02:19:00."
    )


def test_everything_about_an_incident_fits_eighty_columns():
    wordy = TAKEN | {
        "title": "claudex " * 30,
        "impact": "nobody can work " * 20,
        "commander_acting": True,
        "roles": [{"role": "commander", "person": "ana"}, {"role": "sme", "person": "bo"}],
        "offers": [{"role": "commander", "person": "cem"}],
        "flapping": True,
        "held": True,
    }
    lines = list(incident_lines(wordy, STEPS, NOW, UTC))
    assert lines[0].startswith("ana has it")
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "commander     ana (acting)" in text
    assert "sme           bo" in text
    assert "asked         cem to be commander" in text
    assert "1 (1 firing, flapping, all clear, so the ladder waits)" in text
    assert "02:20:20  in 20 s   L3  bo, cem (nobody acknowledged)" in text


def test_an_incident_that_is_over_has_no_ladder_ahead():
    lines = list(incident_lines(OVER, {"items": []}, NOW, UTC))
    assert lines[0].startswith("It is over")
    assert not any("If nothing happens" in line for line in lines)


def test_the_ladder_ahead_is_a_table():
    lines = next_lines(STEPS, NOW, UTC)
    assert lines[0] == "If nothing happens until then:"
    assert "nobody on call (reopened)" in lines[2]
    assert next_lines({"items": []}, NOW, UTC) == ["Nothing more happens by itself."]


def test_who_is_only_told_is_not_nobody():
    quiet = STEPS["items"][0] | {"levels": [2], "people": [], "posts": ["dee"]}
    both = STEPS["items"][0] | {"posts": ["dee"]}
    lines = next_lines({"items": [quiet, both]}, NOW, UTC)
    assert lines[1].endswith("L2  dee, told without waking (nobody acknowledged)")
    assert lines[2].endswith("L3  bo, cem; dee, told without waking (nobody acknowledged)")


def test_what_a_command_did_is_two_lines():
    lines = list(moved(TAKEN, "acknowledged", NOW))
    assert lines[0].startswith("INC-20261123-021520 acknowledged. ana has it since ")
    assert lines[1] == "CRITICAL L2 INVESTIGATING  ClaudexDown on claudex"


def test_a_list_is_one_line_each_and_says_who_has_it():
    lines = list(list_lines({"items": [OPEN, TAKEN, OVER | {"acknowledged_by": None}], "next": "abc"}, NOW))
    assert lines[0].split() == ["INC", "SEVERITY", "STATUS", "WHO", "AGE", "TITLE"]
    assert [line.split()[3] for line in lines[1:4]] == ["nobody", "ana", "-"]
    assert lines[4] == "There are more: tocsin list --cursor abc"
    assert max(map(len, lines)) <= 80
    assert list(list_lines({"items": [], "next": None}, NOW)) == ["There are no such incidents."]


def test_a_timeline_says_when_what_and_how_we_know_who():
    answer = {
        "items": [
            {"at": "2026-11-23T02:15:20Z", "by": "system", "authenticated_by": "system", "summary": "Round 1: paging."},
            {"at": "2026-11-23T02:16:00Z", "by": "person:ana", "authenticated_by": "link", "summary": "Ana has\x1bit."},
        ],
        "next": "9",
    }
    assert list(timeline_lines(answer, NOW, UTC)) == [
        "02:15:20  Round 1: paging.",
        "02:16:00  Ana has\N{REPLACEMENT CHARACTER}it. [ana, link]",
        "There is more: --cursor 9",
    ]


def test_a_proof_says_whether_the_chain_holds():
    assert list(proof_lines({"verified": True, "faults": [], "head": "ab"})) == [
        "The timeline is whole: every entry follows from the one before it.",
        "head ab",
    ]
    broken = list(proof_lines({"verified": False, "faults": ["link 2 does not follow"], "head": "ab"}))
    assert broken[:2] == ["The timeline has been changed:", "  link 2 does not follow"]
