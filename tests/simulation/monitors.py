"""Simulated monitoring: alerts that fire, repeat, flap and clear, sent again until a 2xx came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from tests.simulation.store import MONITOR
from tests.simulation.team import BY_LABEL, SERVICES
from tests.simulation.world import World
from tocsin.application.ingest import Delivery
from tocsin.domain.alerts import Signal, fingerprint

SEND_AGAIN_S = 5.0
REPEAT_S = 240.0
WHERE = (*SERVICES, *("shop",) * 6, "depot", "depot", "unknown")

Post = Callable[[Delivery, Callable[[bool], None]], None]


@dataclass(slots=True)
class Alert:
    """One alert as its monitor sees it."""

    signal: Signal
    quiet: bool = False


class Monitors:
    """Every sender.

    Args:
        world: time and chance.
        post: hands a request to a node that listens; answers False when none does.
        accepted: called with the identity of each alert that was answered by a 2xx.
    """

    def __init__(self, world: World, post: Post, accepted: Callable[[bytes], None]) -> None:
        self._world, self._post, self._accepted = world, post, accepted
        self.off = False

    def begin(self, spread_s: float) -> None:
        """Let some alerts begin to fire over a span in seconds."""
        for index in range(self._world.random.randint(1, 3)):
            labels = {
                "alertname": f"Alert{self._world.random.randint(1, 3)}",
                "service": self._world.random.choice(WHERE),
                "severity": self._world.random.choice((*BY_LABEL, "critical", "error", "odd")),
                "instance": f"host-{index}",
            }
            self._world.after(self._world.between(0, spread_s), partial(self._fire, Alert(Signal(labels, True))))

    def _fire(self, alert: Alert) -> None:
        if self._world.calm:
            return
        alert.quiet = False
        alert.signal = replace(alert.signal, firing=True, starts_at=self._world.now, ends_at=None)
        self._world.note(f"{_name(alert)} fires")
        self._send(alert, alert.signal)
        self._world.after(REPEAT_S, partial(self._repeat, alert, alert.signal))
        if self._world.random.random() < 0.5:
            self._world.after(self._world.between(60, 2400), partial(self._clear, alert))

    def _repeat(self, alert: Alert, signal: Signal) -> None:
        if alert.signal is signal and not alert.quiet and not self.off:
            self._send(alert, signal)
            self._world.after(REPEAT_S, partial(self._repeat, alert, signal))

    def _clear(self, alert: Alert) -> None:
        if self._world.calm:
            return
        alert.quiet = True
        alert.signal = replace(alert.signal, firing=False, ends_at=self._world.now)
        self._world.note(f"{_name(alert)} clears")
        self._send(alert, alert.signal)
        if self._world.random.random() < 0.4:
            self._world.after(self._world.between(30, 1500), partial(self._fire, alert))

    def _send(self, alert: Alert, signal: Signal) -> None:
        """Say it; two replicas say everything twice."""
        for _replica in range(2 if self._world.random.random() < 0.2 else 1):
            self._say(alert, signal)

    def _say(self, alert: Alert, signal: Signal) -> None:
        """Until somebody answers with a 2xx, or something newer is to be said."""
        if not self.off and alert.signal is signal:
            self._post(Delivery(MONITOR, [signal]), partial(self._answered, alert, signal))

    def _answered(self, alert: Alert, signal: Signal, ok: bool) -> None:
        if not ok:
            self._world.after(SEND_AGAIN_S, partial(self._say, alert, signal))
            return
        self._world.count("accepted deliveries")
        if signal.firing:
            self._accepted(fingerprint(signal.labels))


def _name(alert: Alert) -> str:
    return f"{alert.signal.labels['alertname']} on {alert.signal.labels['instance']}"
