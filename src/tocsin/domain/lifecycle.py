"""★ The life of an incident as one table: which command is legal in which phase, and where it can lead.

Start reading here. `TRANSITIONS` is the only place that knows; `decide` asks it before anything else, the diagram in
docs/lifecycle.md is drawn from it, and a test walks every phase and every command (R17).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tocsin.domain.errors import NotAllowedNowError


class Phase(StrEnum):
    """The five phases of the procedures, in order, and the end (R17)."""

    DETECTION = "detection"
    TRIAGE = "triage"
    INVESTIGATION = "investigation"
    REMEDIATION = "remediation"
    VERIFICATION = "verification"
    CLOSED = "closed"


class Status(StrEnum):
    """What outsiders are told (R81, decision G)."""

    INVESTIGATING = "INVESTIGATING"
    MITIGATING = "MITIGATING"
    RESOLVED = "RESOLVED"


STATUS: Mapping[Phase, Status] = {
    Phase.DETECTION: Status.INVESTIGATING,
    Phase.TRIAGE: Status.INVESTIGATING,
    Phase.INVESTIGATION: Status.INVESTIGATING,
    Phase.REMEDIATION: Status.MITIGATING,
    Phase.VERIFICATION: Status.MITIGATING,
    Phase.CLOSED: Status.RESOLVED,
}

_STAYS = (
    "acknowledge",
    "assign",
    "accept",
    "decline",
    "severity",
    "escalate",
    "note",
    "attach-alerts",
    "report-pages",
    "give-up-level",
    "tick",
)


def _open(phase: Phase) -> dict[str, tuple[Phase, ...]]:
    # Closing a CRITICAL incident takes two people: the first one's word changes no phase.
    return {**dict.fromkeys(_STAYS, (phase,)), "resolve": (Phase.CLOSED,), "close": (phase, Phase.CLOSED)}


TRANSITIONS: Mapping[Phase | None, Mapping[str, tuple[Phase, ...]]] = {
    None: {"declare": (Phase.DETECTION,)},
    **{phase: _open(phase) for phase in Phase if phase is not Phase.CLOSED},
    Phase.CLOSED: {
        "note": (Phase.CLOSED,),
        "report-pages": (Phase.CLOSED,),
        "give-up-level": (Phase.CLOSED,),
        "tick": (Phase.CLOSED,),
        "attach-alerts": (Phase.CLOSED, Phase.REMEDIATION),
        "reopen": (Phase.REMEDIATION,),
    },
}
"""Phase (None before declaration) → command → phases it may lead to."""

SYSTEM_COMMANDS = frozenset({"attach-alerts", "report-pages", "give-up-level", "tick"})
"""Commands nobody types; left out of what a person is told is possible now."""


def require(phase: Phase | None, command: str) -> None:
    """Let a legal command pass.

    Args:
        phase: the incident's phase, None before it is declared.
        command: its name in `TRANSITIONS`.

    Raises:
        NotAllowedNowError: the table does not list it; carries what it does list.
    """
    legal = TRANSITIONS[phase]
    if command not in legal:
        obstacle = "needs a declared incident" if phase is None else f"is not possible in the phase {phase}"
        raise NotAllowedNowError(f"'{command}' {obstacle}; nothing was changed.", set(legal) - SYSTEM_COMMANDS)


def diagram() -> str:
    """The moves from one phase to another as a Mermaid state diagram, for docs/lifecycle.md."""
    lines = ["stateDiagram-v2"]
    for phase, moves in TRANSITIONS.items():
        by_target: dict[Phase, list[str]] = {}
        for command, targets in moves.items():
            for target in targets:
                if target is not phase:
                    by_target.setdefault(target, []).append(command)
        source = "[*]" if phase is None else phase.value
        lines += [f"    {source} --> {target}: {', '.join(names)}" for target, names in by_target.items()]
    return "\n".join(lines) + "\n"
