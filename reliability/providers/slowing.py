"""How much one provider that hangs slows down another channel: the same load with it and without, in turns."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from reliability.providers.hook import FakeHook
from reliability.providers.loopback import Behaviour
from reliability.providers.mail import FakeMail
from reliability.providers.team import Far, Reached, address_on, fire, home_of, served
from reliability.servers import temporary_folder
from reliability.waiting import wait_until

AT_MOST = 1.10
"""The bar: a healthy channel's pages take at most this many times as long."""

MAILED = 10
"""People who are reached by mail only, beside the one whose webhook is watched; each alert pages all of them."""

EVERY_S = 0.15
WARM_UP_S = 2.0
"""The first seconds of a server are not measured."""

ARRIVES_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Slowed:
    """Milliseconds from an alert to its page at the healthy receiver.

    Args:
        without: while the mail server worked, by run.
        hanging: while it hung, by run.
    """

    without: list[list[float]] = field(default_factory=list)
    hanging: list[list[float]] = field(default_factory=list)

    @property
    def by_median(self) -> float:
        """How many times as long the median took, of all runs together."""
        return _median(self.hanging) / _median(self.without)

    def facts(self) -> dict[str, object]:
        """For one line of JSON; p99 is told without a bar, as two or three pages decide it."""
        return {
            "pages": sum(map(len, self.without)),
            "page_ms_p50_without": round(_median(self.without), 1),
            "page_ms_p50_hanging": round(_median(self.hanging), 1),
            "page_ms_p99_without": round(_p99(self.without), 1),
            "page_ms_p99_hanging": round(_p99(self.hanging), 1),
            "slower": round(self.by_median, 3),
            "slower_each": [
                round(_median([hanging]) / _median([without]), 3)
                for without, hanging in zip(self.without, self.hanging, strict=True)
            ],
            "holds": self.by_median <= AT_MOST,
        }


def _median(runs: Sequence[Sequence[float]]) -> float:
    return statistics.median(value for run in runs for value in run)


def _p99(runs: Sequence[Sequence[float]]) -> float:
    ranked = sorted(value for run in runs for value in run)
    return ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]


def slowing(rounds: int, seconds: float) -> Slowed:
    """Measure in turns (without, hanging, hanging, without, …), each on a server of its own.

    Args:
        rounds: runs of each kind.
        seconds: length of what is measured in a run.
    """
    found = Slowed()
    kinds = [(Behaviour.WORKS, found.without), (Behaviour.HANGS, found.hanging)]
    for turn in range(rounds):
        for mails, runs in reversed(kinds) if turn % 2 else kinds:
            runs.append(_run(mails, seconds))
    return found


def _run(mails: Behaviour, seconds: float) -> list[float]:
    with contextlib.ExitStack() as running:
        mail, hook = running.enter_context(FakeMail()), running.enter_context(FakeHook())
        people = [Reached("watched", (("webhook", hook.url, 0),))]
        people += [Reached(f"mailed {at}", (("email", address_on("email", at), 0),)) for at in range(MAILED)]
        folder = running.enter_context(temporary_folder())
        server = running.enter_context(served(home_of(folder / "home", Far(mail.port), people)))
        mail.behaviour = mails
        sent: dict[str, float] = {}
        began = due = time.monotonic()
        while due < began + WARM_UP_S + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            alert = f"Slowing{len(sent)}"
            sent[alert] = time.monotonic()
            fire(server, {alert: "error"})
            due += EVERY_S
        wait_until(lambda: {it.alert for it in list(hook.posted)} >= set(sent), ARRIVES_WITHIN_S, "every page is there")
        arrived = {it.alert: it.at for it in reversed(hook.posted)}
    taken = [(arrived[alert] - at) * 1000 for alert, at in sent.items() if at > began + WARM_UP_S]
    if not taken:
        raise ValueError("Nothing was measured; the run must be longer.")
    return taken
