"""What `services.yaml` may say: what can break, and how its alerts become incidents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_serializer

from tocsin.domain.severity import Severity
from tocsin.procedures.fields import Id, Level, Line, Strict

Staffing = dict[Level, Annotated[tuple[Id, ...], Field(min_length=1)]]
"""Level to the schedules that staff it, first to last."""


class ServiceRules(Strict):
    """Something that can break."""

    title: Line
    """What people call it."""
    team: str = ""
    """Who owns it."""
    group_by: tuple[Line, ...] = ("alertname",)
    """Alerts that agree in these labels belong to one incident of the service; [] puts all of them into one."""
    alerts: dict[Line, Severity] = Field(default_factory=dict)
    """Names of alerts and how severe they are; what stands here wins over the alert's own `severity` label."""
    staffing: Staffing = Field(default_factory=dict)
    """Levels that other schedules staff for this service; a level left out is staffed as `people.yaml` says."""


class ServicesFile(Strict):
    """The file `services.yaml`: what can break, and how its alerts become incidents."""

    services: Annotated[dict[Id, ServiceRules], Field(min_length=1)]
    """By the id that an alert's `service` label carries."""

    @field_serializer("services", when_used="json")
    def _in_order(self, services: dict[str, ServiceRules]) -> list[dict[str, object]]:
        """As a list: the first service takes alerts that name none, and stored mappings keep no order."""
        return [{"id": name, **rules.model_dump(mode="json")} for name, rules in services.items()]
