"""What `procedures.yaml` may say: severities and their ladders, levels, roles, the team's calendar."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from tocsin.domain.policy import Wait
from tocsin.domain.severity import Severity
from tocsin.procedures.fields import (
    Channel,
    Date,
    Days,
    Id,
    Level,
    Levels,
    Line,
    Span,
    SpanFromZero,
    SpanOrAsNeeded,
    SpanOrNever,
    SpanOrWait,
    Strict,
    Text,
    TimeOfDay,
    Zone,
    as_written,
    wrong,
)
from tocsin.procedures.spans import show_span


class Rung(Strict):
    """One step of a ladder."""

    after: SpanOrWait
    """How long after the ladder began: 0, 15 min, 4 h, or "next business day"."""
    page: Levels = ()
    """Levels that are woken, such as [2]."""
    post: Levels = ()
    """Levels that are told without waking anybody, such as [1]."""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None
    """Use only these channels, whatever each person's own rules say; leave it out for their own rules."""

    @model_validator(mode="after")
    def _tells_somebody(self) -> Self:
        if not self.page and not self.post:
            raise wrong("this step tells nobody; write which levels it wakes: page: [1]")
        told = (*self.page, *self.post)
        if len(set(told)) < len(told):
            raise wrong("this step names a level twice; a level is either woken (page) or told (post)")
        return self


def _climbs(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    waits = [position for position, rung in enumerate(rungs) if isinstance(rung.after, Wait)]
    if waits and len(rungs) > 1:
        raise wrong("a step on the next business day must be the only one of its ladder", waits[0], "after")
    for position, (before, rung) in enumerate(pairwise(rungs), start=1):
        if isinstance(before.after, timedelta) and isinstance(rung.after, timedelta) and rung.after <= before.after:
            raise wrong(
                f"{show_span(rung.after)} is not later than the step before it ({show_span(before.after)}); "
                "write the steps in the order of time, and what is due at one moment as one step",
                position,
                "after",
            )
    return rungs


Ladder = Annotated[tuple[Rung, ...], AfterValidator(_climbs)]


class SeverityRules(Strict):
    """What one severity is owed, and when."""

    criteria: tuple[Text, ...] = ()
    """What makes an incident this severe, shown to whoever assesses one."""
    symptoms: tuple[Text, ...] = ()
    """What users or monitoring report when it is."""
    respond_within: SpanOrWait
    """Target for the first acknowledgement by a person: a length of time, or "next business day"."""
    unacknowledged: Annotated[Ladder, Field(min_length=1)]
    """The ladder climbed from the declaration on, until somebody acknowledges."""
    repeat_every: SpanOrNever = as_written("never")
    """After the last step everybody on the ladder is paged again at this interval; "never" ends there."""
    acknowledged: Ladder = ()
    """The ladder climbed from the declaration on while somebody has it and it is not resolved; [] for none."""
    stale_after: SpanOrNever = as_written("never")
    """After this long without a word whoever acknowledged is paged again; "never" to trust them."""
    void_after: Span = as_written("5 min")
    """After this much further silence the acknowledgement no longer counts, and the first ladder resumes."""
    climbs_when_clear: bool = False
    """Whether the first ladder goes on when every alert has cleared (the monitoring itself may have died)."""
    update_every: SpanOrAsNeeded = as_written("as needed")
    """How often an internal update is due, or "as needed"."""
    voice: bool = False
    """Whether a telephone call may be made; CRITICAL and HIGH only."""

    @model_validator(mode="after")
    def _wakes_somebody(self) -> Self:
        if not any(rung.page for rung in self.unacknowledged):
            raise wrong("this ladder wakes nobody; give at least one step a page: [1]", "unacknowledged")
        return self


class Severities(Strict):
    """The four levels of severity; the names are fixed, what they mean is yours."""

    CRITICAL: SeverityRules
    HIGH: SeverityRules
    MEDIUM: SeverityRules
    LOW: SeverityRules

    @model_validator(mode="after")
    def _calls_only_for_the_urgent(self) -> Self:
        for name, rules in (("MEDIUM", self.MEDIUM), ("LOW", self.LOW)):
            if rules.voice:
                raise wrong(f"{name} never calls anybody; only CRITICAL and HIGH may", name, "voice")
        return self


class RoleWords(Strict):
    """What the team calls a role, and what it answers for."""

    title: Line
    responsibility: Text


class Roles(Strict):
    """The five roles; the names are fixed, the words are yours."""

    commander: RoleWords
    responder: RoleWords
    sme: RoleWords
    communications: RoleWords
    documentation: RoleWords


class LevelNames(Strict):
    """Who the four levels are, for people."""

    first: Line = Field(alias="1")
    second: Line = Field(alias="2")
    third: Line = Field(alias="3")
    fourth: Line = Field(alias="4")


class BusinessHours(Strict):
    """When the team works."""

    days: Days = as_written("mon-fri")
    """Days of work: mon-fri, or a list such as [mon, wed, sat]."""
    opens: TimeOfDay = as_written("09:00")
    """When a business day begins; what waits for the next business day happens then."""
    closes: TimeOfDay = as_written("17:00")
    """When it ends, for schedules whose coverage is "business hours"."""


class AlertRules(Strict):
    """How alerts become incidents."""

    severity_labels: dict[Line, Severity] = Field(
        default_factory=lambda: {
            "critical": Severity.CRITICAL,
            "error": Severity.HIGH,
            "warning": Severity.MEDIUM,
            "info": Severity.LOW,
        }
    )
    """What the value of an alert's `severity` label means; a value not named here counts as HIGH."""
    reopen_within: Span = as_written("30 min")
    """The same alert this soon after the resolution reopens its incident; later it declares a new one."""
    flaps: Annotated[int, Field(ge=2, le=100)] = 3
    """This many re-fires within `flap_window` mark an incident as flapping, and no new rounds begin."""
    flap_window: Span = as_written("30 min")
    """See `flaps`."""


_LONGEST_BETWEEN_BUNDLES = timedelta(minutes=10)


class BundleRules(Strict):
    """How what goes to one person by one channel is gathered, so that a flood does not bury them."""

    calm: Annotated[int, Field(ge=1, le=100)] = 5
    """As many pages within `every` are no flood."""
    wait: SpanFromZero = as_written("2s")
    """A page that is not the first within `every` waits this long for company."""
    every: Span = as_written("1 min")
    """In a flood each person gets one message this often, with everything that waits; 10 min at the most."""

    @model_validator(mode="after")
    def _reaches_people(self) -> Self:
        if self.every > _LONGEST_BETWEEN_BUNDLES:
            raise wrong("pages would wait too long in a flood; write 10 min or less", "every")
        if self.wait >= self.every:
            raise wrong(
                f"waiting {show_span(self.wait)} for company must be shorter than {show_span(self.every)}", "wait"
            )
        return self


class ProceduresFile(Strict):
    """The file `procedures.yaml`: what a team promises, and what happens when nobody answers."""

    pack: Id
    """The pack this was started from."""
    title: Line
    """What people call these procedures."""
    timezone: Zone = "UTC"
    """The team's time zone: business days, and every schedule and person that names no other."""
    business_hours: BusinessHours = Field(default_factory=BusinessHours)
    """When the team works."""
    holidays: tuple[Date, ...] = ()
    """Dates on which nobody works, such as 2026-12-25."""
    roles: Roles
    """The five roles of an incident."""
    levels: LevelNames
    """Who the four levels are, first to last."""
    default_level: Level = 1
    """Who is paged when nothing else is known, such as for an alert that cannot be read."""
    severities: Severities
    """What each severity means, and what it is owed."""
    alerts: AlertRules = Field(default_factory=AlertRules)
    """How alerts become incidents."""
    offer_within: Span = as_written("15 min")
    """A hand-over that has not been accepted by then pages both people."""
    bundles: BundleRules = Field(default_factory=BundleRules)
    """How messages to one person are gathered; takes effect at once, for open incidents too."""
