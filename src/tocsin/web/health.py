"""Health for machines: `/healthz` the process, `/readyz` whether pages would go out, `/metrics` for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.application.app import Application
from tocsin.application.intake import Intake
from tocsin.application.looks import readiness
from tocsin.application.ports import Transaction
from tocsin.degraded import notes
from tocsin.domain.errors import UnavailableError
from tocsin.domain.lifecycle import Status
from tocsin.web.answers import json_answer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

Troubles = Callable[[], Iterable[str]]
"""Answers what else stands in the way of paging, as sentences; nothing when nothing does."""
Warnings = Callable[[], Iterable[str]]
"""Answers what somebody should put right although pages go out, as sentences; nothing when all is well."""


def nothing_wrong() -> Iterable[str]:
    """What there is to say when nobody is asked."""
    return ()


class Health:
    """Health of one process.

    Args:
        app: the application.
        intake: its intake.
        troubles: what the engine and the clock have to say.
        warnings: what is wrong with the procedures directory; the version in the database goes on paging.
    """

    def __init__(
        self, app: Application, intake: Intake, troubles: Troubles, warnings: Warnings = nothing_wrong
    ) -> None:
        self._app = app
        self._intake = intake
        self._troubles = troubles
        self._warnings = warnings
        self._registry: CollectorRegistry | None = None

    async def alive(self, _request: Request) -> Response:
        """The process answers; nothing else is asked."""
        return json_answer({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Whether an alert that came now would be stored and paged; the reasons when not, and what to put right."""
        return await run_in_threadpool(self._ready)

    def _ready(self) -> Response:
        reasons = list(self._troubles())
        if self._app.flights.late:
            reasons += self._app.flights.troubles()
        facts: dict[str, object] = {}
        if self._intake.closing:
            reasons.append("The server is shutting down.")
        try:
            facts = dict(readiness(self._app))
        except UnavailableError as error:
            reasons.append(error.detail)
        else:
            if not facts.pop("ready"):
                reasons.append(f"The engine is {facts['engine_lag_seconds']} s behind: what is due is not being sent.")
        status = 503 if reasons else 200
        said = {"reasons": reasons, "warnings": list(self._warnings())}
        flights = self._app.flights
        said["warnings"] += [*([] if flights.late else flights.troubles()), *flights.warnings(), *notes(self._app)]
        return json_answer({"status": "not ready" if reasons else "ready", **said, **facts}, status)

    async def metrics(self, _request: Request) -> Response:
        """Prometheus's text format."""
        return await run_in_threadpool(self._metrics)

    def _metrics(self) -> Response:
        # Imported when first scraped; a start must not wait for it.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: PLC0415
        from prometheus_client.process_collector import ProcessCollector  # noqa: PLC0415

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        return PlainTextResponse(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def collect(self) -> Iterator[Metric]:
        """The figures, read at this moment; without the database only those of the process."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        yield CounterMetricFamily(
            "tocsin_ingest_accepted_alerts", "Alerts on disk, taken in by this process.", value=self._intake.accepted
        )
        valid = not list(self._warnings())
        yield GaugeMetricFamily(
            "tocsin_procedures_valid",
            "Whether the watched procedures are valid; if not, an older version is in force.",
            value=valid,
        )
        if (age := self._app.flights.age_s) is not None:
            told = "Seconds since a canary last came through the whole path."
            yield GaugeMetricFamily("tocsin_canary_age_seconds", told, value=max(0.0, age))
        held = GaugeMetricFamily(
            "tocsin_provider_held_back",
            "Providers that failed last: 1 while they hang and pages go out by other ways at once, else 0.",
            labels=["provider"],
        )
        for provider, is_open in self._app.providers.open().items():
            held.add_metric([provider], is_open)
        yield held
        up = GaugeMetricFamily("tocsin_database_up", "Whether the database answers.")
        try:
            lag = readiness(self._app)["engine_lag_seconds"]
            incidents, pages = self._app.database.read(_counts)
        except UnavailableError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield GaugeMetricFamily("tocsin_engine_lag_seconds", "How long the oldest due work has waited.", value=lag)
        by_status = GaugeMetricFamily("tocsin_incidents", "Incidents by status.", labels=["status"])
        for status, count in incidents.items():
            by_status.add_metric([status], count)
        yield by_status
        by_state = GaugeMetricFamily("tocsin_pages", "Pages by the state they are in.", labels=["state"])
        for state, count in pages.items():
            by_state.add_metric([state], count)
        yield by_state


def _counts(transaction: Transaction) -> tuple[dict[str, int], dict[str, int]]:
    incidents = {status.value: transaction.incidents.count(status.value) for status in Status}
    return incidents, transaction.pages.by_state()
