"""`tocsin doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tocsin.cli.asking import give, settings
from tocsin.cli.examination import Finding, State, examine
from tocsin.cli.failure import FAILED
from tocsin.cli.options import Json
from tocsin.cli.printing import paint, wrapped

_COLOURS = {State.OK: ("green",), State.WARN: ("yellow",), State.FAIL: ("bold", "red")}


def doctor(*, as_json: Json = False) -> int:
    """Look for what would keep a page from going out.

    It changes nothing and sends nothing. The exit code is 1 when something fails; warnings do not count.

    Example: tocsin doctor
    """
    findings = tuple(examine(settings()))
    failed = any(finding.state is State.FAIL for finding in findings)
    checks = [{"check": one.subject, "state": one.state.value, "detail": one.detail} for one in findings]
    give({"ok": not failed, "checks": checks}, _lines(findings), as_json=as_json)
    return FAILED if failed else 0


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    count = {state: sum(finding.state is state for finding in findings) for state in State}
    if count[State.FAIL]:
        yield paint(f"{count[State.FAIL]} of {len(findings)} checks failed.", "bold", "red")
    elif count[State.WARN]:
        yield f"Nothing fails; {count[State.WARN]} of {len(findings)} checks want a look."
    else:
        yield paint("All is well.", "green")
    yield ""
    for finding in findings:
        first, *rest = wrapped("", f"{finding.subject}: {finding.detail}", 6)
        yield paint(f"{finding.state.value:<6}", *_COLOURS[finding.state]) + first.strip()
        yield from rest
