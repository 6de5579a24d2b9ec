"""A refused payload is a lost page, so people hear of it: an incident, or a word on the one that is open."""

from __future__ import annotations

from datetime import timedelta

from tocsin.application.app import Application
from tocsin.application.handle import carry_out, facts
from tocsin.application.ingest import TITLE, actor_of, declare
from tocsin.application.ports import Transaction
from tocsin.application.records import Integration
from tocsin.domain import commands as cmd
from tocsin.domain.severity import from_label

REFUSAL_EVERY = timedelta(minutes=10)
REFUSED_BYTES = 2048


def refuse(app: Application, transaction: Transaction, integration: Integration, detail: str, body: bytes) -> bool:
    """Page the default level because a sender's payload was refused: a refused payload is a lost page.

    Args:
        app: the application.
        transaction: the caller's.
        integration: who sent it.
        detail: what was wrong with it.
        body: as received; the first 2 kB are kept.

    Returns:
        Whether it was recorded; at most once in ten minutes for an integration. Whoever has the incident of an earlier
        refusal is told; while nobody has it, its ladder goes on.
    """
    now = app.database.now()
    known = next((item for item in transaction.accounts.integrations() if item.id == integration.id), None)
    if known is None or (known.refused_at is not None and now - known.refused_at < REFUSAL_EVERY):
        return False
    transaction.accounts.refused(integration.id, now)
    shown = body[:REFUSED_BYTES].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
    procedures = app.shelf.active(transaction)
    group = f"refused\x1f{integration.id}"
    incident = transaction.incidents.open_in_group(group)
    if incident is not None:
        at = facts(app, transaction, incident)
        note = cmd.Note(
            at=at.at, actor=actor_of(integration), policy=at.policy, roster=at.roster, text=f"{detail}\n\n{shown}"
        )
        again = cmd.AttachAlerts(at=at.at, actor=actor_of(integration), policy=at.policy, roster=at.roster, new=1)
        carry_out(transaction, carry_out(transaction, incident, note), again)
        return True
    declare(
        transaction,
        procedures,
        cmd.Declare(
            at=now,
            actor=actor_of(integration),
            policy=procedures.policy,
            id=transaction.incidents.unused_id(now),
            title=f"Alerts from {integration.name} are being refused: {detail}"[:TITLE],
            service=procedures.service(None, integration.service).id,
            group=group,
            severity=from_label(None, {}),
            origin="system",
            symptoms=shown,
            impact="What this sender reports is not being paged until its payload is mended.",
        ),
    )
    return True
