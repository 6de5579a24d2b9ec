"""Getting a page out: claim, write, send, settle, and every way in which that can fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.unit.application.world import NOON, PEOPLE, person, procedures, signal
from tocsin.application import deliver as delivery
from tocsin.application.breaker import OPENS_AFTER, Leave, Providers
from tocsin.application.moves import Reason, Resolution
from tocsin.application.ports import ChannelError
from tocsin.application.records import PageState
from tocsin.domain import events as ev
from tocsin.domain.people import Contact, Notify
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity

BUSY = ChannelError("451 try again later")
GONE = ChannelError("550 no such mailbox", permanent=True)


def states(world, **wanted):
    """Urgent pages by (person, channel, attempt)."""
    return {
        (page.person, page.channel, page.attempt): page.state
        for page in sorted(world.pages(), key=lambda page: page.round)
        if page.urgent and all(getattr(page, key) == value for key, value in wanted.items())
    }


def claim_mail(world, app=None, limit=9):
    return delivery.claim(app or world.app, "email", limit)


def test_a_page_that_was_taken_is_accepted(world):
    """A mail server's 250 is no proof (R24)."""
    world.begin()
    [outcome] = world.send_due()
    assert outcome.state is PageState.ACCEPTED
    page = world.does("ana", "page", page=outcome.page.id)
    assert (page["state"], page["provider_id"], page["sent_at"]) == ("accepted", "provider-1", "2026-11-23T12:00:00Z")
    assert [mail.to for mail in world.email.sent] == ["ana@example.org"]


def test_a_channel_that_proves_delivery_delivers(world):
    world.email.proves_delivery = True
    world.begin()
    assert [it.state for it in world.send_due()] == [PageState.DELIVERED]


def test_the_second_way_follows_by_the_persons_own_rules(world):
    world.begin()
    world.pass_time(2)
    assert [len(world.email.sent), len(world.webhook.sent)] == [1, 1]


def test_nothing_is_claimed_when_nothing_is_due(world):
    points: list[str] = []
    world.crash = points.append
    world.app = world.node("n1")
    assert claim_mail(world) == []
    assert points == []


def test_the_crash_points_of_a_send_are_passed_in_order(world):
    world.begin()
    points: list[str] = []
    world.crash = points.append
    world.app = world.node("n1")
    world.send_due()
    assert points == ["page.after_claim", "page.after_send", "page.before_result"]


def test_a_result_rings_the_bell(world):
    world.begin()
    rings = world.app.bell.rings
    world.send_due()
    assert world.app.bell.rings == rings + 1


def test_a_failure_for_the_moment_is_tried_again_and_hastens_the_other_way(world):
    world.email.fails = [BUSY]
    world.begin()
    world.send_due()
    assert states(world) == {
        ("ana", "email", 1): PageState.FAILED,
        ("ana", "email", 2): PageState.PLANNED,
        ("ana", "webhook", 1): PageState.ACCEPTED,
    }
    again = next(page for page in world.pages() if page.attempt == 2)
    assert (again.send_at - NOON, again.seq, again.round) == (timedelta(seconds=5), 2, 1)
    failed = next(page for page in world.pages() if page.state is PageState.FAILED)
    assert failed.error == "451 try again later"


def test_a_page_that_waits_long_for_a_worker_hastens_the_other_way(world):
    """A provider may be slow and take everything; then no failure would ever hasten anything."""
    world.begin()
    world.clock.forward(14)
    assert delivery.hasten_waiting(world.app) == 0
    world.clock.forward(1)
    assert delivery.hasten_waiting(world.app) == 1
    webhook = next(page for page in world.pages() if page.channel == "webhook")
    assert webhook.send_at == NOON + timedelta(seconds=15)


def test_a_page_to_a_provider_that_hangs_fails_at_once_and_is_not_lost(world):
    def hang(_message):
        world.clock.forward(8)

    def steady():
        return world.clock.at.timestamp()

    world.app = replace(world.app, providers=Providers(steady))
    world.email.meanwhile, world.email.down = hang, ChannelError("no answer within 8 s")
    for number in range(OPENS_AFTER):
        world.ingest(signal(f"Hangs{number}", severity="error"))
        world.send_due()
    world.email.meanwhile = lambda _message: pytest.fail("it was asked")
    world.ingest(signal("Fifth", severity="error"))
    world.send_due()
    assert states(world)["ana", "email", 1] is PageState.FAILED
    assert states(world)["ana", "webhook", 1] is PageState.ACCEPTED
    assert states(world)["ana", "email", 2] is PageState.PLANNED


def test_no_level_is_given_up_before_its_page_was_tried_although_its_provider_hangs(world):
    alone(world)
    providers = Providers(world.clock.at.timestamp)  # it stands still
    world.app = replace(world.app, providers=providers)
    for _ in range(OPENS_AFTER):
        providers.note("email", lambda it: it.failed(0.0, Leave.SEND, 8.0, "no answer within 8 s"))
    providers.note("email", lambda it: replace(it, probing=1))  # another page is let through all the while
    tried = []
    world.email.meanwhile = lambda message: tried.append(message.page_id)
    world.email.down = BUSY
    world.begin(Severity.MEDIUM)
    world.pass_time(1)
    by_attempt = {page.attempt: page.id for page in world.pages()}
    assert tried == [by_attempt[delivery.GIVE_UP_LEVEL_AFTER]]


def alone(world):
    """Ana is the whole team, and has nothing but mail."""
    world.apply(procedures("v2", people={"ana": person("ana", contacts=PEOPLE["ana"].contacts[:1], rules=())}))


def test_the_waits_between_tries_grow(world):
    alone(world)
    world.email.down = BUSY
    world.begin(Severity.MEDIUM)
    world.pass_time(50)
    mine = sorted(world.pages(), key=lambda page: page.attempt)
    gaps = [later.send_at - earlier.sent_at for earlier, later in pairwise(mine)]
    assert gaps == [*delivery.RETRIES, delivery.KEEP_TRYING]
    assert [page.state for page in mine] == [PageState.FAILED] * 12 + [PageState.EXHAUSTED, PageState.PLANNED]


def test_an_unanswered_page_is_never_given_up_for_good(world):
    """A password is mended, a server comes back."""
    alone(world)
    world.email.down = GONE
    world.begin(Severity.LOW)
    world.pass_time(24 * 60 * 2)
    sent = sorted(page.sent_at for page in world.pages() if page.sent_at)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert (gaps[0], gaps[-1]) == (delivery.KEEP_TRYING, delivery.KEEP_TRYING_AFTER_A_DAY)
    world.email.down = None
    world.pass_time(60)
    assert [mail.to for mail in world.email.sent] == ["ana@example.org"]


def test_an_outage_of_hours_ends_in_one_mail_and_not_in_one_for_each_round(world):
    alone(world)
    world.email.down = BUSY
    world.begin(Severity.HIGH)
    world.pass_time(8 * 60)
    assert len(world.events(ev.RoundOpened)) == 33
    world.email.down = None
    world.pass_time(14)
    assert len(world.email.sent) <= 4, "of the rounds within the quick tries"


def test_who_is_alone_is_not_paged_anew_because_they_cannot_be_reached(world):
    """With nobody above, giving up would fall through to the same person, for as long as mail is down."""
    alone(world)
    world.email.down = BUSY
    world.begin(Severity.MEDIUM)
    world.pass_time(59)
    assert len(world.events(ev.LevelUnreachable)) == 1
    assert len(world.events(ev.RoundOpened)) == 1


def test_a_level_that_was_paged_in_the_same_round_is_not_paged_twice(world):
    """CRITICAL's repeat pages levels 2, 3 and 4 together."""
    world.begin(Severity.CRITICAL)
    world.pass_time(19)

    def not_bo(message):
        if message.person == "Bo":
            raise GONE

    world.email.meanwhile = world.webhook.meanwhile = not_bo
    world.pass_time(1)
    assert [it.level for it in world.events(ev.LevelUnreachable)] == [2]
    assert [it.cause for it in world.events(ev.RoundOpened)] == [ev.Cause.LADDER] * 4


def test_after_three_failures_the_next_level_is_paged_while_this_one_goes_on_being_tried(world):
    world.email.down = world.webhook.down = BUSY
    world.begin()
    world.pass_time(0.2)
    assert world.events(ev.LevelUnreachable) == []
    world.pass_time(0.2)
    [gone] = world.events(ev.LevelUnreachable)
    assert (gone.round, gone.level, gone.at - NOON) == (1, 1, timedelta(seconds=15))
    assert [(it.cause, it.targets[0].person) for it in world.events(ev.RoundOpened)][:2] == [
        (ev.Cause.LADDER, "ana"),
        (ev.Cause.UNREACHABLE, "bo"),
    ]
    assert states(world, person="ana", channel="email", attempt=4) == {("ana", "email", 4): PageState.PLANNED}


def test_a_permanent_failure_of_one_way_leaves_the_other(world):
    world.email.fails = [GONE]
    world.begin()
    world.send_due()
    assert states(world) == {
        ("ana", "email", 1): PageState.EXHAUSTED,
        ("ana", "webhook", 1): PageState.ACCEPTED,
    }
    assert world.events(ev.LevelUnreachable) == [], "the other way was not even sent when the first failed"


def test_permanent_failures_of_every_way_page_the_next_level_at_once(world):
    world.email.fails, world.webhook.fails = [GONE], [GONE]
    world.begin()
    world.send_due()
    world.send_due()
    assert states(world, level=2) == {("bo", "email", 1): PageState.ACCEPTED, ("bo", "webhook", 1): PageState.PLANNED}
    assert world.clock.at == NOON


def test_at_the_top_there_is_no_further_level_and_that_is_said_once(world):
    world.email.down = world.webhook.down = GONE
    world.begin()
    for _ in range(8):
        world.send_due()
    assert [it.level for it in world.events(ev.LevelUnreachable)] == [1, 2, 3, 4]


def test_a_level_with_somebody_else_who_was_reached_is_not_given_up(world):
    both = procedures("v2")
    schedules = {**both.schedules, "level-1": replace(both.schedules["level-1"], people=("ana", "bo"))}
    world.apply(replace(both, schedules=schedules))
    world.webhook.down = GONE
    world.begin()

    def only_bo(message):
        if message.to.startswith("ana"):
            raise GONE

    world.email.meanwhile = only_bo
    world.pass_time(3)
    assert world.events(ev.LevelUnreachable) == []


def test_an_acknowledgement_between_claim_and_send_stops_it(world):
    world.begin()
    [page] = claim_mail(world)
    world.does("ana", "acknowledge")
    assert delivery.deliver(world.app, world.channels, page) is None
    assert world.email.sent == []
    assert states(world)["ana", "email", 1] is PageState.SUPERSEDED


def test_an_acknowledgement_during_the_send_lets_it_count_as_what_it_was(world):
    world.begin()
    world.email.meanwhile = lambda _message: world.does("ana", "acknowledge")
    assert [it.state for it in world.send_due()] == [PageState.ACCEPTED]


def test_a_failed_send_that_was_stopped_meanwhile_is_not_tried_again(world):
    world.begin()

    def taken(_message):
        world.does("ana", "acknowledge")
        raise BUSY

    world.email.meanwhile = taken
    assert [it.state for it in world.send_due()] == [PageState.SUPERSEDED]
    assert states(world) == {
        ("ana", "email", 1): PageState.SUPERSEDED,
        ("ana", "webhook", 1): PageState.SUPERSEDED,
    }


def test_whoever_declined_is_not_tried_again_while_the_round_goes_on(world):
    world.begin()

    def declines(_message):
        world.email.meanwhile = lambda _it: None
        world.does("ana", "decline", Reason("asleep"))
        raise BUSY

    world.email.meanwhile = declines
    world.send_due()
    assert {key[2] for key in states(world, person="ana")} == {1}


def test_a_failure_after_the_round_was_answered_is_not_tried_again(world):
    """Its own page was no longer planned when the round was answered, so nothing marked it."""
    world.begin()
    [page] = claim_mail(world)
    message = delivery.prepare(world.app, page)
    world.does("ana", "acknowledge")
    world.spoil("UPDATE pages SET superseded_by = 0")
    delivery.record(world.app, page, *delivery.send(world.app, {"email": Failing(BUSY)}, page, message))
    assert states(world, channel="email") == {("ana", "email", 1): PageState.FAILED}


class Failing:
    def __init__(self, error):
        self.error = error

    def send(self, _message, _deadline):
        raise self.error

    def close(self):
        pass


def test_a_claim_that_was_lost_sends_nothing(world):
    world.begin()
    [page] = claim_mail(world)
    world.clock.forward(10)
    [again] = claim_mail(world, world.node("n2"))
    assert delivery.deliver(world.app, world.channels, page) is None
    assert delivery.deliver(world.node("n2"), world.channels, again).state is PageState.ACCEPTED
    assert len(world.email.sent) == 1


@pytest.mark.parametrize("error", [None, BUSY])
def test_a_result_that_comes_after_the_claim_was_lost_counts_for_nothing(world, error):
    world.begin()
    [page] = claim_mail(world)

    def slow(_message):
        world.clock.forward(10)
        claim_mail(world, world.node("n2"))
        if error:
            raise error

    world.email.meanwhile = slow
    assert delivery.deliver(world.app, world.channels, page) is None
    assert states(world, channel="email") == {("ana", "email", 1): PageState.SENDING}


def test_a_send_that_begins_late_begins_its_lease_anew(world):
    """Whoever still sends when its lease runs out would overlap with whoever claims next."""
    world.begin()
    [page] = claim_mail(world)
    world.clock.forward(9)
    overlapping = []

    def look(_message):
        world.clock.forward(8)
        overlapping.extend(claim_mail(world, world.node("n2")))

    world.email.meanwhile = look
    assert delivery.deliver(world.app, world.channels, page).state is PageState.ACCEPTED
    assert overlapping == []


def test_a_send_in_time_leaves_the_lease_as_it_is(world):
    world.begin()
    [page] = claim_mail(world)
    world.clock.forward(2)
    delivery.prepare(world.app, page)
    world.clock.forward(8)
    assert len(claim_mail(world, world.node("n2"))) == 1


def test_a_person_who_left_hands_over_to_the_next_way_and_level(world):
    world.begin()
    world.apply(procedures("v2", people={key: value for key, value in PEOPLE.items() if key != "ana"}))
    world.send_due()
    world.send_due()
    gone = next(page for page in world.pages() if page.channel == "email" and page.person == "ana")
    assert (gone.state, gone.error) == (PageState.EXHAUSTED, "ana has no email contact any more.")
    assert [mail.to for mail in world.email.sent] == ["bo@example.org"]


def test_a_contact_that_was_removed_hands_over_to_the_other(world):
    world.begin()
    world.apply(procedures("v2", people={**PEOPLE, "ana": person("ana", contacts=PEOPLE["ana"].contacts[1:])}))
    world.send_due()
    assert [len(world.email.sent), len(world.webhook.sent)] == [0, 1]


def test_a_channel_that_this_node_does_not_have_is_a_failure_for_good(world):
    world.begin()
    [page] = claim_mail(world)
    assert delivery.deliver(world.app, {}, page).state is PageState.EXHAUSTED
    assert "There is no channel named email on this node." in {page.error for page in world.pages()}


def test_pages_by_a_channel_that_no_node_has_are_found_after_a_while(world):
    """A downgrade, perhaps: whoever finds them lets them fail for good, so that the next way is tried."""
    pigeon = person(
        "ana", contacts=(Contact("pigeon", "loft 3"), *PEOPLE["ana"].contacts[1:]), rules=(Notify("pigeon"),)
    )
    world.apply(procedures("v2", people={**PEOPLE, "ana": pigeon}))
    world.begin()
    assert delivery.strange(world.app, world.channels) == []
    world.clock.forward(delivery.STRANGE_AFTER.total_seconds() + 1)
    assert delivery.strange(world.app, world.channels) == ["pigeon"]
    [page] = delivery.claim(world.app, "pigeon", 9)
    assert delivery.deliver(world.app, world.channels, page).state is PageState.EXHAUSTED
    assert [it.person for it in world.events(ev.RoundOpened)[-1].targets] == ["bo"]


def test_what_went_wrong_unforeseen_counts_as_failed_and_is_tried_again(world):
    world.begin()
    [page] = claim_mail(world)
    delivery.fail(world.app, page, "It could not be written or sent: KeyError('x')")
    assert states(world, channel="email") == {
        ("ana", "email", 1): PageState.FAILED,
        ("ana", "email", 2): PageState.PLANNED,
    }


def test_a_long_error_is_cut(world):
    world.begin()
    [page] = claim_mail(world)
    delivery.fail(world.app, page, "x" * 9000)
    assert {len(page.error) for page in world.pages()} == {0, 500}


def test_a_post_is_tried_again_but_hastens_nothing(world):
    world.begin(Severity.CRITICAL)
    world.email.meanwhile = lambda message: None if message.urgent else (_ for _ in ()).throw(BUSY)
    world.send_due()
    post = [page for page in world.pages() if page.topic is Topic.POSTED]
    assert [(page.person, page.attempt, page.state) for page in post] == [
        ("ana", 1, PageState.FAILED),
        ("ana", 2, PageState.PLANNED),
    ]
    assert states(world, channel="webhook") == {("bo", "webhook", 1): PageState.PLANNED}


def test_posts_of_an_ended_incident_are_still_tried(world):
    world.begin()
    world.send_due()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    world.email.fails = [BUSY]
    world.pass_time(1)
    assert world.email.sent[-1].subject.startswith("All clear: ")


def test_a_failure_in_an_incident_that_is_over_is_not_tried_again(world):
    world.begin()
    [page] = claim_mail(world)
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    delivery.fail(world.app, page, "late")
    assert {page.attempt for page in world.pages() if page.urgent} == {1}


def test_a_test_page_goes_by_every_way_a_person_has_and_is_tried_once(world):
    world.webhook.fails = [BUSY]
    shown = world.does("ana", "test-page", person="bo")["items"]
    assert [(page["person"], page["channel"], page["state"]) for page in shown] == [
        ("bo", "email", "planned"),
        ("bo", "webhook", "planned"),
    ]
    assert [it.state for it in world.send_due()] == [PageState.ACCEPTED, PageState.FAILED]
    [mail] = world.email.sent
    assert mail.subject == "TEST page for Bo: nothing is broken"
    world.clock.forward(minutes=60)
    assert world.send_due() == []


def test_a_test_page_waits_for_critical_ones(world):
    world.does("ana", "test-page", person="bo")
    world.clock.forward(1)
    world.begin(Severity.CRITICAL)
    assert [page.topic for page in claim_mail(world)] == [Topic.PAGE, Topic.TEST, Topic.POSTED]


def test_a_page_of_an_incident_that_is_gone_goes_out_with_the_plain_facts(world, caplog):
    world.begin()
    world.spoil("DELETE FROM incidents")
    assert [it.state for it in world.send_due()] == [PageState.ACCEPTED]
    assert "it cannot be read, so look at it" in world.email.sent[0].subject


def test_a_failing_page_of_an_incident_that_cannot_be_read_is_settled(world, caplog):
    world.begin()
    world.spoil("UPDATE incidents SET state = ?", b"garbage")
    world.spoil("UPDATE events SET body = ?", b"garbage")
    world.email.fails = [BUSY]
    assert [it.state for it in world.send_due()] == [PageState.FAILED]
    assert "cannot be read" in caplog.text


def test_a_level_that_cannot_be_given_up_by_broken_rules_still_settles(world, caplog):
    world.begin()
    broken = procedures()
    world.apply(replace(broken, policy=replace(broken.policy, timings={})))
    world.email.down = world.webhook.down = GONE
    assert {it.state for it in world.send_due()} == {PageState.EXHAUSTED}
    assert world.events(ev.LevelUnreachable) == []
    assert "The rules of" in caplog.text


def test_words_that_cannot_be_written_are_replaced_by_the_plain_facts(world, caplog):
    """ARCHITECTURE.md: a broken template pages with the raw text."""
    world.apply(procedures("v2", people={**PEOPLE, "ana": person("ana", timezone="No/Where")}))
    incident = world.begin()
    world.send_due()
    [mail] = world.email.sent
    assert mail.subject == f"HIGH: {incident.title} [{incident.id}]"
    assert "Acknowledge: https://tocsin.example.org/a/" in mail.text
    assert "goes out with the plain facts" in caplog.text


def test_people_reached_in_one_way_only_are_paged_by_it(world):
    only = Contact("webhook", "https://hooks.example.org/ana")
    world.apply(procedures("v2", people={**PEOPLE, "ana": person("ana", contacts=(only,), rules=(Notify("email"),))}))
    world.ingest(signal())
    world.send_due()
    assert [message.to for message in world.webhook.sent] == [only.address]
