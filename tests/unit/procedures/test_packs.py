"""The packs that come with Tocsin: what they say, and how they are laid out."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from tocsin.domain.errors import InvalidError, NotAllowedNowError, ProceduresError
from tocsin.domain.people import Role
from tocsin.domain.policy import Rung, Timings, Wait
from tocsin.domain.procedures import Procedures
from tocsin.domain.severity import Severity
from tocsin.procedures.loader import FILES, load
from tocsin.procedures.packs import defaults, lay_out, names, questions
from tocsin.procedures.secret import resolve_secret

HOUR, MINUTE, NOW = timedelta(hours=1), timedelta(minutes=1), timedelta(0)


@pytest.fixture(scope="module")
def claudex(tmp_path_factory: pytest.TempPathFactory) -> Procedures:
    directory = tmp_path_factory.mktemp("claudex")
    lay_out("claudex-windows", directory, defaults())
    return load(directory)


# RULES.md, *Two clocks*, line by line.
LADDERS = {
    Severity.CRITICAL: Timings(
        respond_within=5 * MINUTE,
        unacknowledged=(
            Rung(NOW, page=(2,), post=(1,)),
            Rung(5 * MINUTE, page=(3,)),
            Rung(10 * MINUTE, page=(4,)),
        ),
        repeat_every=10 * MINUTE,
        acknowledged=(Rung(15 * MINUTE, page=(3,)), Rung(4 * HOUR, page=(4,))),
        stale_after=10 * MINUTE,
        void_after=5 * MINUTE,
        climbs_when_clear=True,
        update_every=5 * MINUTE,
        voice=True,
    ),
    Severity.HIGH: Timings(
        respond_within=15 * MINUTE,
        unacknowledged=tuple(Rung(15 * n * MINUTE, page=(n + 1,)) for n in range(4)),
        repeat_every=15 * MINUTE,
        acknowledged=(
            Rung(15 * MINUTE, post=(2,)),
            Rung(30 * MINUTE, page=(2,)),
            Rung(2 * HOUR, page=(3,)),
            Rung(4 * HOUR, page=(4,)),
        ),
        stale_after=30 * MINUTE,
        void_after=5 * MINUTE,
        climbs_when_clear=False,
        update_every=15 * MINUTE,
        voice=True,
    ),
    Severity.MEDIUM: Timings(
        respond_within=HOUR,
        unacknowledged=(Rung(NOW, page=(1,)), Rung(HOUR, page=(1, 2))),
        repeat_every=None,
        acknowledged=(Rung(2 * HOUR, page=(2,)), Rung(4 * HOUR, page=(3,))),
        stale_after=2 * HOUR,
        void_after=5 * MINUTE,
        climbs_when_clear=False,
        update_every=30 * MINUTE,
        voice=False,
    ),
    Severity.LOW: Timings(
        respond_within=Wait.NEXT_BUSINESS_DAY,
        unacknowledged=(Rung(Wait.NEXT_BUSINESS_DAY, page=(1,), channels=("email",)),),
        repeat_every=None,
        acknowledged=(),
        stale_after=None,
        void_after=5 * MINUTE,
        climbs_when_clear=False,
        update_every=None,
        voice=False,
    ),
}


@pytest.mark.parametrize("severity", Severity)
def test_the_claudex_pack_has_the_ladders_of_the_rules(claudex: Procedures, severity: Severity) -> None:
    """R8-R16, R71-R76, R82."""
    assert claudex.policy.timings[severity] == LADDERS[severity]


def test_the_claudex_pack_names_roles_levels_and_severities(claudex: Procedures) -> None:
    """R1, R5, R71-R74."""
    assert [claudex.roles[role].title for role in Role] == [
        "Incident Commander", "Responder", "Subject Matter Expert", "Communications", "Documentation",
    ]  # fmt: skip
    assert list(claudex.policy.levels.values()) == [
        "Tier 1 support", "Tier 2 engineers", "Development team", "Management",
    ]  # fmt: skip
    for severity in Severity:
        assert len(claudex.severities[severity].criteria) == 4
        assert len(claudex.severities[severity].symptoms) >= 3


def test_the_claudex_pack_knows_how_severe_its_alerts_are(claudex: Procedures) -> None:
    grouping = claudex.services["claudex"].grouping
    assert grouping.by_name == {
        "ClaudexDown": Severity.CRITICAL,
        "ConfigurationInvalid": Severity.CRITICAL,
        "HighErrorRate": Severity.MEDIUM,
        "HighMemoryUsage": Severity.MEDIUM,
        "HighCPUUsage": Severity.MEDIUM,
        "DiskSpaceLow": Severity.MEDIUM,
    }
    assert grouping.by_label == {
        "critical": Severity.CRITICAL,
        "error": Severity.HIGH,
        "warning": Severity.MEDIUM,
        "info": Severity.LOW,
    }
    assert next(iter(claudex.services)) == "claudex"


def test_the_main_service_has_somebody_at_every_level_at_any_hour(claudex: Procedures) -> None:
    for schedules in claudex.services["claudex"].staffing.values():
        assert any(claudex.schedules[name].coverage is None for name in schedules)


def test_another_service_has_a_first_level_with_office_hours_only(claudex: Procedures) -> None:
    """Decision E: outside them a page falls through to the next level."""
    (desk,) = claudex.services["claudex-docs"].staffing[1]
    assert claudex.schedules[desk].coverage is not None


@pytest.mark.parametrize("pack", names())
def test_a_pack_is_valid_with_the_default_answers_and_pages_by_mail_at_once(tmp_path: Path, pack: str) -> None:
    lay_out(pack, tmp_path, defaults())
    procedures = load(tmp_path)
    assert procedures.pack == pack
    assert set(procedures.policy.timings) == set(Severity)
    assert procedures.site.mail.host == "127.0.0.1"
    for person in procedures.people.values():
        assert person.contacts[0].channel == "email"
        assert person.contacts[0].address.endswith("@example.org")
        assert (person.rules[0].channel, person.rules[0].after) == ("email", timedelta(0))


@pytest.mark.parametrize("pack", names())
def test_what_nobody_answered_is_left_to_change_and_refused(tmp_path: Path, pack: str) -> None:
    """Decision S."""
    lay_out(pack, tmp_path, {})
    with pytest.raises(ProceduresError) as caught:
        load(tmp_path)
    left = [fault for fault in caught.value.faults if "'CHANGE-ME' is a placeholder" in fault]
    assert len(left) == len(caught.value.faults) == 5


@pytest.mark.parametrize("pack", names())
def test_answering_every_question_that_has_no_default_makes_a_pack_valid(tmp_path: Path, pack: str) -> None:
    example = defaults()
    lay_out(pack, tmp_path, {q.key: example[q.key] if q.default is None else q.default for q in questions()})
    assert load(tmp_path).site.mail.port == 587


@pytest.mark.parametrize("pack", names())
def test_comments_and_everything_else_stay_as_they_were(tmp_path: Path, pack: str) -> None:
    lay_out(pack, tmp_path / "bare", {})
    lay_out(pack, tmp_path / "set", {"mail.port": "2525", "organization": "Example: one"})
    for file in FILES:
        bare, changed = ((tmp_path / folder / file).read_text().splitlines() for folder in ("bare", "set"))
        differing = [pair for pair in zip(bare, changed, strict=True) if pair[0] != pair[1] and "secret" not in pair[0]]
        assert differing == (
            [("organization: CHANGE-ME", "organization: 'Example: one'"), ("  port: 587", "  port: 2525")]
            if file == "site.yaml"
            else []
        )


def test_a_section_that_the_pack_leaves_out_is_added(tmp_path: Path) -> None:
    lay_out("generic", tmp_path, {**defaults(), "slack.base_url": "http://127.0.0.1:9", "sms.auth_token": "${SMS}"})
    text = (tmp_path / "site.yaml").read_text()
    assert "slack:\n  base_url: http://127.0.0.1:9\n" in text
    assert load(tmp_path)


def test_a_typed_secret_is_kept_in_a_file_of_its_own_for_this_user_only(tmp_path: Path) -> None:
    lay_out("generic", tmp_path / "procedures", {**defaults(), "mail.password": "s3cret: 'x'"})
    kept = tmp_path / "procedures" / "secrets" / "mail.password"
    assert kept.read_text() == "s3cret: 'x'\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert (kept.parent / ".gitignore").read_text() == "*\n"
    assert "s3cret" not in (tmp_path / "procedures" / "site.yaml").read_text()
    assert load(tmp_path / "procedures").site.mail.password == f"file:{kept}"


def test_a_reference_to_a_secret_is_kept_as_it_is(tmp_path: Path) -> None:
    lay_out("generic", tmp_path, {**defaults(), "mail.password": "${PASSWORD}", "webhook.secret": "file:/etc/tocsin/w"})
    site = load(tmp_path).site
    assert (site.mail.password, site.webhook_secret) == ("${PASSWORD}", "file:/etc/tocsin/w")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_the_secret_that_signs_webhooks_is_made_once_for_each_directory(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        lay_out("generic", tmp_path / name, defaults())
        made.append(resolve_secret(load(tmp_path / name).site.webhook_secret, {}))
    assert made[0] != made[1]
    assert Webhook(made[0]).sign("page", datetime.now(UTC), "{}").startswith("v1,")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"mail.prot": "25"}, "site.yaml has no value 'mail.prot'; did you mean 'mail.port'?"),
        ({"mail": "x"}, "site.yaml has no value 'mail'; did you mean"),
        ({"zzz": "x"}, "site.yaml has no value 'zzz'; it can be organization, public_url, support_address"),
        ({"mail.port": "many"}, "mail.port=many: port: 'many' is not a whole number"),
        ({"mail.security": "ssl"}, "mail.security=ssl: security: 'ssl' is not known here"),
        ({"public_url": "example"}, "public_url=example: public_url: 'example' is not a web address"),
        ({"mail.sender": "a\nb"}, "mail.sender=a\nb: sender: 'a\\nb' is not a mail address"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, answers: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        lay_out("generic", tmp_path / "new", {**defaults(), **answers})
    assert caught.value.detail.startswith(message)
    assert caught.value.detail.endswith("Nothing was written.")
    assert not (tmp_path / "new").exists()


def test_there_is_no_other_pack(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"There is no pack 'claudex'; did you mean 'claudex-windows'\?"):
        lay_out("claudex", tmp_path, {})
    assert names() == ("claudex-windows", "generic")


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text("mine")
    with pytest.raises(NotAllowedNowError, match=r"already has people\.yaml; nothing was written"):
        lay_out("generic", tmp_path, defaults())
    assert [path.name for path in tmp_path.iterdir()] == ["people.yaml"]
    assert (tmp_path / "people.yaml").read_text() == "mine"


def test_only_the_password_is_asked_for_without_showing_it() -> None:
    assert [question.key for question in questions() if question.secret] == ["mail.password"]
    assert {question.key for question in questions() if question.default is None} <= set(defaults())
