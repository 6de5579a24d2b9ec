"""Every way a file can be wrong, and the line that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tocsin.domain.errors import ProceduresError
from tocsin.procedures.loader import load

Change = Callable[[str, str, str], None]
Faults = Callable[[], list[str]]


@dataclass(frozen=True)
class Case:
    file: str
    old: str
    new: str
    expected: list[str]


def cases() -> Iterator[Case]:
    """The blocks of `broken.txt`, which says how to read it."""
    file = ""
    text = Path(__file__).with_name("broken.txt").read_text(encoding="utf-8")
    for block in text.split("\n\n")[1:]:
        lines = block.splitlines()
        if lines[0].startswith("@ "):
            file = lines.pop(0).removeprefix("@ ")
        old, new, expected = ([line[1:] for line in lines if line[0] == mark] for mark in "-+!")
        yield Case(file, "\n".join(old) + ("" if new else "\n"), "\n".join(new), expected)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.file} {case.new!r:.40}")
def test_a_fault_is_named_with_file_line_column_and_what_would_be_right(
    change: Change, faults: Faults, case: Case
) -> None:
    change(case.file, case.old, case.new)
    assert faults() == case.expected


def test_the_table_of_broken_files_is_read_whole() -> None:
    assert len(list(cases())) > 90
    assert all(case.expected and case.old != case.new for case in cases())


def test_the_small_directory_itself_has_no_fault(faults: Faults) -> None:
    assert faults() == []


def test_a_level_that_every_service_staffs_itself_needs_no_default(change: Change, faults: Faults) -> None:
    change("people.yaml", "  2: [turns, desk]\n", "")
    assert faults() == []


def test_all_faults_of_all_files_come_at_once_in_the_order_of_files_and_lines(change: Change, faults: Faults) -> None:
    change("site.yaml", "port: 587", "port: none")
    change("people.yaml", "people: [ana, bo]", "people: [ana, zed]")
    change("people.yaml", "name: Ana", "nome: Ana")
    change("services.yaml", "[desk]", "[dsk]")
    change("procedures.yaml", "timezone: UTC", "timezone: 'UTC")
    assert [fault.split(": ")[0] for fault in faults()] == [
        "procedures.yaml:3:11",
        "services.yaml:6:20",
        "people.yaml:2:3",
        "people.yaml:3:5",
        "people.yaml:14:19",
        "site.yaml:7:9",
    ]


def test_a_missing_file_is_a_fault_of_that_file(directory: Path, faults: Faults) -> None:
    (directory / "people.yaml").unlink()
    assert faults() == ["people.yaml:1:1: the file is missing; copy it from a pack and make it yours"]


def test_a_folder_in_the_place_of_a_file_is_a_fault(directory: Path, faults: Faults) -> None:
    (directory / "site.yaml").unlink()
    (directory / "site.yaml").mkdir()
    assert faults() == ["site.yaml:1:1: this is not a file; a YAML file of this name is needed"]


def test_a_missing_directory_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(ProceduresError) as caught:
        load(tmp_path / "nowhere")
    assert caught.value.faults == (f"{tmp_path}/nowhere:1:1: there is no such directory; `tocsin init` lays one out",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "site.yaml:1:1: the file is empty; start from the same file of a pack"),
        (b"# nothing yet\n", "site.yaml:1:1: the file is empty; start from the same file of a pack"),
        (b"organization: Caf\xe9\n", "site.yaml:1:18: this is not UTF-8; save the file as UTF-8 text"),
        ("organization: x\n".encode("utf-16"), "site.yaml:1:1: this is not UTF-8; save the file as UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\x00", "site.yaml:1:1: the character U+007F cannot stand in YAML; take it out"),
        (b"# " + b"x" * 1_000_000, "site.yaml:1:1: the file is larger than 1 MB; procedures are a few kB"),
        (b"organization: E\x00\n", "site.yaml:1:16: the character U+0000 cannot stand in YAML; take it out"),
        (b"- a\n", "site.yaml:1:1: the file: a list is not a mapping; write 'key: value' lines, indented below it"),
        (b"[" * 900_000, "site.yaml:1:21: more than 20 levels of nesting; procedures need six at most"),
        (b"- " * 400_000, "site.yaml:1:41: more than 20 levels of nesting; procedures need six at most"),
    ],
    ids=["empty", "comment", "latin-1", "utf-16", "binary", "large", "nul", "list", "brackets", "dashes"],
)
def test_a_file_of_something_else_is_a_fault_and_never_a_traceback(
    directory: Path, faults: Faults, content: bytes, fault: str
) -> None:
    (directory / "site.yaml").write_bytes(content)
    assert faults() == [fault]


def test_a_webhook_contact_needs_the_secret_that_signs(change: Change, faults: Faults) -> None:
    change("site.yaml", 'webhook: {secret: "file:/etc/tocsin/webhook"}\n', "webhook: {secret: ''}\n")
    said = "webhook.secret is missing, and 'ana' has a webhook; write where the secret is: ${NAME}"
    assert faults() == [f"site.yaml:12:11: {said}"]
    change("site.yaml", "webhook: {secret: ''}\n", "")
    assert faults() == [f"site.yaml:1:1: {said}"]
    change("people.yaml", "{channel: webhook, address:", "{channel: console, address:")
    change("people.yaml", "{channel: webhook, after: 2 min}", "{channel: console}")
    assert faults() == []


@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_a_number_needs_the_account_that_messages_and_calls_go_out_by(
    change: Change, faults: Faults, channel: str
) -> None:
    change("people.yaml", "{channel: console, address: bo}", f"{{channel: {channel}, address: +1 (555) 010-0002}}")
    missing = [fault.partition(" is missing, and 'bo' has a number for ")[0] for fault in faults()]
    assert missing == [f"site.yaml:1:1: sms.{key}" for key in ("account_sid", "auth_token", "sender")]
    change("site.yaml", "webhook:", "sms: {account_sid: AC1, auth_token: '${SMS}', sender: '+15550100000'}\nwebhook:")
    assert faults() == []


def test_two_channels_of_one_account_are_told_once(change: Change, faults: Faults) -> None:
    both = "{channel: sms, address: '+15550100002'}, {channel: voice, address: '+15550100002'}"
    change("people.yaml", "{channel: console, address: bo}", both)
    assert len(faults()) == 3


@pytest.mark.parametrize(
    ("channel", "address", "said"),
    [
        ("sms", "555-0100", "is not a phone number with its country; write it like '+15550100001'"),
        ("voice", "'+1 (555) 010-00001234567'", "is not a phone number with its country"),
        ("sms", "+15550100001", "is not text; put it in quotes"),
        ("slack", "'#ops'", "is not a Slack member's id; write it like U012AB3CD, or - to mention nobody"),
    ],
)
def test_an_address_fits_its_channel(change: Change, faults: Faults, channel: str, address: str, said: str) -> None:
    change("people.yaml", "{channel: console, address: bo}", f"{{channel: {channel}, address: {address}}}")
    first = faults()[0]
    assert first.startswith("people.yaml:11:")
    assert said in first


def test_what_must_not_wake_goes_by_no_call(change: Change, faults: Faults) -> None:
    change("site.yaml", "webhook:", "sms: {account_sid: AC1, auth_token: '${SMS}', sender: '+15550100000'}\nwebhook:")
    both = "{channel: console, address: bo}, {channel: voice, address: '+15550100002'}]\n    quiet: voice"
    change("people.yaml", "{channel: console, address: bo}]", both)
    [fault] = faults()
    assert "a call always wakes; name a channel that is read, or leave it out" in fault


def test_a_slack_contact_needs_the_webhook(change: Change, faults: Faults) -> None:
    change("people.yaml", "{channel: console, address: bo}", "{channel: slack, address: U012AB3CD}")
    assert faults() == [
        "site.yaml:1:1: slack.webhook_url is missing, and 'bo' has a Slack contact; write where the secret is: ${NAME}"
    ]
    change("site.yaml", "webhook:", "slack: {webhook_url: '${SLACK}'}\nwebhook:")
    assert faults() == []


def test_the_number_that_messages_come_from_is_one(change: Change, faults: Faults) -> None:
    change("site.yaml", "webhook:", "sms: {account_sid: AC1, auth_token: '${SMS}', sender: 0100}\nwebhook:")
    [fault] = faults()
    assert "sender" in fault


def test_a_byte_order_mark_does_no_harm(directory: Path, faults: Faults) -> None:
    site = directory / "site.yaml"
    site.write_bytes(b"\xef\xbb\xbf" + site.read_bytes())
    assert faults() == []


def test_other_files_and_folders_are_left_alone(directory: Path, faults: Faults) -> None:
    (directory / "runbooks").mkdir()
    (directory / "runbooks" / "restart.md").write_text("# Restart\n")
    (directory / "notes.yaml").write_text("{not: [valid")
    assert faults() == []
