"""A provider that hangs is not waited for by every page; one that works again is found out by one page at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tocsin.application.breaker import OPENS_AFTER, PROBE_EVERY_S, REFUSES_AFTER, Breaker, Leave, Providers, provider_of
from tocsin.application.deliver import SEND_DEADLINE_S
from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.domain.severity import Severity

HANGS = ChannelError("The mail server did not finish within 8 s.")
REFUSED = ChannelError("451 try again later")
GONE = ChannelError("550 no such mailbox", permanent=True)
PAGE = Message("pg-1", "INC-1", Severity.HIGH, urgent=True, to="ana@example.org", person="Ana", subject="s", text="t")
CRITICAL = replace(PAGE, severity=Severity.CRITICAL)


class Provider:
    """A channel whose far side does as it is told; it takes as long as a steady clock is moved by it."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.does: Exception | None = None
        self.takes_s = 0.0
        self.asked = 0
        self.meanwhile = lambda: None

    def clock(self) -> float:
        return self.at

    def send(self, message: Message, deadline: float) -> Receipt:
        assert (message.person, deadline) == ("Ana", SEND_DEADLINE_S)
        self.asked += 1
        self.meanwhile()
        self.at += self.takes_s
        if self.does is not None:
            raise self.does
        return Receipt("taken")

    def close(self) -> None:
        self.asked = -1

    def hangs(self) -> None:
        self.does, self.takes_s = HANGS, SEND_DEADLINE_S

    def works(self) -> None:
        self.does, self.takes_s = None, 0.1


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def providers(provider):
    return Providers(provider.clock)


@pytest.fixture
def send(provider, providers):
    guarded = providers.guard({"email": provider}, "email")

    def sent(message=PAGE):
        """What came of it: "taken", or why not."""
        try:
            return guarded.send(message, SEND_DEADLINE_S).provider_id
        except ChannelError as failure:
            return failure.detail

    return sent


def opened(provider, send):
    provider.hangs()
    for _ in range(OPENS_AFTER):
        send()
    provider.asked = 0


def test_pages_are_held_back_after_some_that_hung(provider, send):
    provider.hangs()
    assert [send() for _ in range(OPENS_AFTER)] == [HANGS.detail] * OPENS_AFTER
    before = provider.at
    assert send() == (
        "Not tried now, because email has failed 3 times in a row and keeps everybody waiting; this page will be tried "
        "again. The last failure: The mail server did not finish within 8 s."
    )
    assert provider.asked == OPENS_AFTER
    assert provider.at == before, "at once"


def test_one_that_refuses_quickly_is_asked_for_every_page(provider, providers, send):
    """It keeps nobody waiting, and might take the next one."""
    provider.does, provider.takes_s = REFUSED, 0.01
    assert {send() for _ in range(50)} == {REFUSED.detail}
    assert provider.asked == 50
    assert list(providers.warnings()) == ["email has failed 50 times in a row: 451 try again later"]
    assert providers.open() == {"email": False}


def test_one_that_refuses_slowly_is_waited_for_only_for_as_long_as_one_that_hangs(provider, send):
    provider.does, provider.takes_s = REFUSED, 1.0
    assert [send() for _ in range(9)].count(REFUSED.detail) == 8


def test_refusals_for_good_open_nothing_however_many_and_slow(provider, providers, send):
    provider.does, provider.takes_s = GONE, 5.0
    assert {send() for _ in range(20)} == {GONE.detail}
    assert provider.asked == 20
    assert providers.open() == {"email": False}


def test_refusals_for_good_in_a_row_are_told_of_until_one_is_taken(provider, providers, send, caplog):
    """A rotated token or a closed account refuses everything for good, and nothing else would show it."""
    provider.does, provider.takes_s = GONE, 60.0
    for _ in range(REFUSES_AFTER - 1):
        send()
    assert list(providers.warnings()) == [], "a wrong address or two are no account"
    provider.does = REFUSED
    send()
    provider.does = GONE
    send()
    [warning] = providers.warnings()
    assert warning == (
        "email has refused for good all of the last 3 messages, for 3 min: its account or password may be at fault, or "
        "an address. The last refusal: 550 no such mailbox"
    )
    assert [record.getMessage() for record in caplog.records if "refused" in record.getMessage()] != []
    provider.works()
    send()
    assert list(providers.warnings()) == []
    assert providers.open() == {}


def test_a_page_that_is_taken_makes_the_failures_before_it_forgotten(provider, send):
    for _ in range(5):
        provider.hangs()
        send()
        send()
        provider.works()
        assert send() == "taken"


def test_one_page_at_a_time_is_let_through_until_one_is_taken(provider, send):
    opened(provider, send)
    seen = []
    provider.meanwhile = lambda: seen.append(send(CRITICAL)) if len(seen) < provider.asked else None
    provider.at += PROBE_EVERY_S
    assert send() == HANGS.detail
    assert send().startswith("Not tried now"), "the next one only after a while"
    provider.at += PROBE_EVERY_S
    provider.works()
    assert send() == "taken"
    assert provider.asked == 2
    assert [it[:13] for it in seen] == ["Not tried now"] * 2, "while one is under way, no other is"
    provider.meanwhile = lambda: None
    assert send() == "taken"


def test_a_critical_page_is_tried_whenever_no_other_is(provider, send):
    opened(provider, send)
    assert send(CRITICAL) == HANGS.detail
    assert send(CRITICAL) == HANGS.detail
    assert send(replace(CRITICAL, urgent=False)).startswith("Not tried now"), "a post about it is no page"


def test_pages_that_insist_are_tried_at_once_two_at_a_time(provider, providers, send):
    opened(provider, send)
    insists = providers.guard({"email": provider}, "email", insists=True)
    met = []

    def another():
        if len(met) < 2:
            met.append("")
            with pytest.raises(ChannelError) as failure:
                insists.send(PAGE, SEND_DEADLINE_S)
            met.append(failure.value.detail)
            assert send(CRITICAL).startswith("Not tried now"), "one that does not insist waits for those under way"

    provider.meanwhile = another
    with pytest.raises(ChannelError, match="did not finish"):
        insists.send(PAGE, SEND_DEADLINE_S)
    assert provider.asked == 2
    provider.meanwhile = lambda: None
    assert send(CRITICAL) == HANGS.detail, "none is under way any more"


def test_no_more_than_two_that_insist_are_under_way():
    breaker = Breaker(faults=3, lost_s=24.0, opened_at=5.0, probe_at=10.0)
    leaves = []
    for _ in range(3):
        breaker, leave = breaker.ask(6.0, critical=False, insists=True)
        leaves.append(leave)
    assert leaves == [Leave.PROBE, Leave.PROBE, Leave.HOLD]


def test_a_refusal_for_good_of_the_page_let_through_lets_another_follow(provider, send):
    opened(provider, send)
    provider.at += PROBE_EVERY_S
    provider.does, provider.takes_s = GONE, 0.1
    assert send() == GONE.detail
    provider.works()
    assert send() == "taken"


def test_an_error_nobody_foresaw_leaves_nothing_under_way(provider, send):
    opened(provider, send)
    provider.at += PROBE_EVERY_S
    provider.does = ValueError("nobody foresaw this")
    with pytest.raises(ValueError, match="foresaw"):
        send()
    provider.works()
    assert send() == "taken"


def test_what_was_under_way_when_it_opened_neither_ends_the_page_let_through_nor_begins_the_wait_again():
    open_one, leave = Breaker(faults=3, lost_s=24.0, opened_at=5.0, probe_at=10.0).ask(11.0, critical=False)
    assert leave is Leave.PROBE
    later = open_one.failed(12.0, Leave.SEND, 8.0, "late")
    assert (later.probing, later.opened_at, later.faults) == (1, 5.0, 4)
    assert later.ended(Leave.SEND) == later
    assert later.ask(99.0, critical=True)[1] is Leave.HOLD
    assert later.taken() == Breaker()


def test_an_operator_is_told_of_it_and_of_its_end(provider, providers, send, caplog):
    opened(provider, send)
    [warning] = providers.warnings()
    assert warning == (
        "email has failed 3 times in a row and is slow about it, so pages go out by their other ways at once; one at a "
        "time is tried until one is taken. The last failure: The mail server did not finish within 8 s."
    )
    assert providers.open() == {"email": True}
    provider.works()
    send(CRITICAL)
    assert list(providers.warnings()) == []
    assert [record.getMessage() for record in caplog.records] == [warning, "email takes messages again."]


def test_one_failure_is_nothing_to_tell(provider, providers, send):
    provider.hangs()
    send()
    assert list(providers.warnings()) == []


def test_a_broken_receiver_of_webhooks_holds_back_its_own_pages_only(provider, providers):
    hook = providers.guard({"webhook": provider}, "webhook")
    one, other = (replace(PAGE, to=f"https://{name}.example.org/secret") for name in ("one", "other"))
    provider.hangs()
    for _ in range(OPENS_AFTER):
        with pytest.raises(ChannelError, match="did not finish"):
            hook.send(one, SEND_DEADLINE_S)
    with pytest.raises(ChannelError, match=r"because webhook at https://one.example.org has failed 3 times"):
        hook.send(one, SEND_DEADLINE_S)
    provider.works()
    assert hook.send(other, SEND_DEADLINE_S).provider_id == "taken"


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("+1 202 555 0100", "sms"),
        ("ana@example.org", "sms"),
        ("https://hooks.example.org:8443/T0/secret", "sms at https://hooks.example.org:8443"),
        ("http://[broken", "sms"),
    ],
)
def test_a_provider_is_the_channel_or_the_host_of_an_address(address, provider):
    assert provider_of("sms", address) == provider


def test_a_guard_closes_what_it_guards_and_there_is_none_for_a_channel_there_is_not(provider, providers):
    assert providers.guard({"email": provider}, "sms") is None
    providers.guard({"email": provider}, "email").close()
    assert provider.asked == -1
