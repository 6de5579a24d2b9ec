"""A valid directory becomes the values the core works with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tocsin.domain.errors import ProceduresError
from tocsin.domain.people import Contact, Notify, Role
from tocsin.domain.policy import Rung, Wait
from tocsin.domain.procedures import Bundles, Telephone
from tocsin.domain.schedules import Coverage, Schedule
from tocsin.domain.severity import Severity
from tocsin.procedures.compiled import compile_document
from tocsin.procedures.loader import FILES, document, load

Change = Callable[[str, str, str], None]
MINUTES = timedelta(minutes=1)


def test_people_get_what_they_leave_out_from_the_team_and_from_their_first_verified_contact(directory: Path) -> None:
    people = load(directory).people
    assert people["ana"].contacts[1] == Contact("webhook", "https://hooks.example.org/ana", verified=False)
    assert people["ana"].rules == (Notify("email"), Notify("webhook", 2 * MINUTES))
    assert (people["ana"].timezone, people["ana"].quiet) == ("UTC", "email")
    assert people["bo"].rules == (Notify("console"),)
    assert (people["bo"].timezone, people["bo"].quiet) == ("Europe/Berlin", "console")


def test_schedules_get_their_hours_from_the_business_hours_they_name(directory: Path) -> None:
    schedules = load(directory).schedules
    assert schedules["turns"] == Schedule(
        id="turns", people=("ana", "bo"), rotation="weekly", starts_on=date(2026, 1, 7), handover=time(8, 30)
    )
    assert schedules["desk"].coverage == Coverage(frozenset({1, 2, 3, 4, 5}), time(9), time(17))
    assert schedules["desk"].timezone == "Europe/Berlin"


def test_coverage_may_be_hours_of_its_own_past_midnight(directory: Path, change: Change) -> None:
    hours = "{days: 'fri-mon, wed', opens: '18:00', closes: '24:00'}"
    change("people.yaml", "coverage: business hours", f"coverage: {hours}")
    assert load(directory).schedules["desk"].coverage == Coverage(frozenset({1, 3, 5, 6, 7}), time(18), time(0))


def test_a_service_staffs_the_levels_it_names_and_leaves_the_others_to_the_default(directory: Path) -> None:
    service = load(directory).services["app"]
    assert service.staffing == {1: ("turns",), 2: ("desk",), 3: ("turns",), 4: ("turns",)}
    assert (service.title, service.team) == ("The application", "")


def test_alert_names_and_lower_cased_labels_lead_to_severities(directory: Path) -> None:
    grouping = load(directory).services["app"].grouping
    assert grouping.by_name == {"AppDown": Severity.CRITICAL}
    assert grouping.by_label == {"critical": Severity.CRITICAL, "page": Severity.HIGH}


def test_what_is_left_out_of_the_severities_has_its_default(directory: Path) -> None:
    policy = load(directory).policy
    critical, low = policy.timings[Severity.CRITICAL], policy.timings[Severity.LOW]
    assert critical.unacknowledged == (Rung(timedelta(0), page=(1,)), Rung(5 * MINUTES, page=(2,), post=(1,)))
    assert (critical.repeat_every, critical.acknowledged, critical.stale_after) == (None, (), None)
    assert (critical.void_after, critical.climbs_when_clear, critical.update_every) == (5 * MINUTES, True, None)
    assert low.respond_within is Wait.NEXT_BUSINESS_DAY
    assert low.unacknowledged == (Rung(Wait.NEXT_BUSINESS_DAY, page=(1,), channels=("email",)),)
    assert (policy.default_level, policy.reopen_within, policy.flaps) == (1, 30 * MINUTES, 3)
    assert (policy.flap_window, policy.offer_within) == (30 * MINUTES, 15 * MINUTES)
    assert policy.levels == {1: "One", 2: "Two", 3: "Three", 4: "Four"}


def test_how_messages_are_gathered_is_the_teams_own(directory: Path, change: Change) -> None:
    assert load(directory).bundles == Bundles(calm=5, wait=timedelta(seconds=2), every=MINUTES)
    change("procedures.yaml", "timezone: UTC", "timezone: UTC\nbundles: {calm: 3, wait: 0, every: 90s}")
    assert load(directory).bundles == Bundles(calm=3, wait=timedelta(0), every=timedelta(seconds=90))


def test_a_version_kept_before_anything_was_gathered_is_read(directory: Path) -> None:
    data = document(directory).data
    del data["procedures"]["bundles"]
    assert compile_document(data, "old").bundles == Bundles()


def test_the_team_calendar_knows_its_holidays(directory: Path) -> None:
    """R11."""
    calendar = load(directory).policy.calendar
    christmas_eve = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert calendar.next_business_day(christmas_eve) == datetime(2026, 12, 28, 9, tzinfo=UTC)


def test_roles_and_severities_carry_the_words_of_the_team(directory: Path, change: Change) -> None:
    """R1, R5."""
    change(
        "procedures.yaml", "    climbs_when_clear: true", "    criteria: [All is down]\n    symptoms: [Errors, Silence]"
    )
    procedures = load(directory)
    assert procedures.roles[Role.DOCUMENTATION].title == "Scribe"
    assert set(procedures.roles) == set(Role)
    assert procedures.severities[Severity.CRITICAL].criteria == ("All is down",)
    assert procedures.severities[Severity.CRITICAL].symptoms == ("Errors", "Silence")
    assert (procedures.pack, procedures.title) == ("small", "Small procedures")


def test_what_must_not_wake_goes_by_the_first_contact_that_is_no_call(directory: Path, change: Change) -> None:
    change("site.yaml", "webhook:", "sms: {account_sid: AC1, auth_token: '${SMS}', sender: '+15550100000'}\nwebhook:")
    call, text = "{channel: voice, address: '+15550100002'}", "{channel: sms, address: '+15550100002'}"
    change("people.yaml", "{channel: console, address: bo}", f"{call}, {text}")
    assert load(directory).people["bo"].quiet == "sms"
    change("people.yaml", f"{call}, {text}", call)
    assert load(directory).people["bo"].quiet == "voice", "nothing else is there; no post goes by it"


def test_a_secret_stays_a_reference(directory: Path) -> None:
    site = load(directory).site
    assert site.mail.password == "${TOCSIN_MAIL_PASSWORD}"
    assert site.webhook_secret == "file:/etc/tocsin/webhook"
    assert site.public_url == "https://tocsin.example.org"


def test_site_values_of_later_channels_are_kept_with_the_document(directory: Path, change: Change) -> None:
    change("site.yaml", "mail:\n", "sms: {account_sid: AC1, auth_token: '${SMS}', sender: +1-555-0100}\nmail:\n")
    assert document(directory).data["site"]["sms"]["sender"] == "+1-555-0100"
    assert load(directory).site.telephone == Telephone("", "AC1", "${SMS}", "+1-555-0100")


def test_the_version_is_that_of_the_meaning_and_not_of_the_spelling(directory: Path, change: Change) -> None:
    before = document(directory).version
    change("procedures.yaml", "respond_within: 5 min", "respond_within: 300 s   # a comment")
    assert document(directory).version == before
    change("procedures.yaml", "respond_within: 300 s", "respond_within: 301 s")
    assert document(directory).version != before
    assert len(before) == 64


def test_a_document_means_the_same_after_it_was_stored_as_json(directory: Path, change: Change) -> None:
    change("services.yaml", "services:\n", "services:\n  zebra: {title: Taken first}\n")
    sealed = document(directory)
    stored = json.loads(json.dumps(sealed.data, sort_keys=True))
    assert compile_document(stored, sealed.version) == load(directory)
    assert next(iter(compile_document(stored, "").services)) == "zebra"


def test_a_stored_document_that_is_none_says_so() -> None:
    with pytest.raises(ProceduresError, match="cannot be read"):
        compile_document({"procedures": {}}, "ab" * 32)


def test_starting_from_a_stored_document_loads_neither_yaml_nor_validation() -> None:
    program = "import sys, tocsin.procedures.compiled, tocsin.procedures.secret; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "tocsin.procedures.compiled" in loaded
    assert not {"ruamel.yaml", "pydantic"} & set(loaded)


MARKS = {*":-[]{}|?#%@0~", "&a", "*a", "!!int", "null", "1e999", "-1", "9" * 20, "<<:", "{{x}}", "[[[["}
PIECES = st.sampled_from(
    [*sorted(MARKS), ": ", "- ", "'", '"', "\n", "\n  ", "---\n", "...\n", "\t", "\r", "\0", "\x85", "\u2028"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=st.sampled_from(list(FILES)),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES | st.text(max_size=5)), min_size=1, max_size=4
    ),
)
@example(file="site.yaml", edits=[(0.0, 0, "\ud800")])
def test_whatever_is_done_to_a_file_it_is_valid_or_refused_with_places(
    directory: Path, faults: Callable[[], list[str]], file: str, edits: list[tuple[float, int, str]]
) -> None:
    path = directory / file
    original = path.read_text(encoding="utf-8")
    text = original
    for position, length, piece in edits:
        start = int(position * len(text))
        text = text[:start] + piece + text[start + length :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for fault in faults():
        name, line, column, message = fault.split(":", 3)
        assert name in FILES
        assert (int(line), int(column)) >= (1, 1)
        assert message.strip()
    path.write_text(original, encoding="utf-8")
