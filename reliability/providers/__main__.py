"""Providers that fail, hang, drip, refuse, or take messages and lose them: `python -m reliability.providers`.

Three parts, each against a real server: every fault at every provider, and how soon the next way is tried; a channel
that works, beside one whose provider hangs; a CRITICAL page behind ten thousand LOW ones.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from reliability.providers.faults import Tried, all_but_webhooks, share, webhooks
from reliability.providers.loopback import Behaviour
from reliability.providers.overtaking import overtaking
from reliability.providers.slowing import slowing
from reliability.telling import conclude, options, progress, tell

NAME = "providers"
FAULTS = (Behaviour.HANGS, Behaviour.DRIPS, Behaviour.LOSES, Behaviour.FAILS, Behaviour.REFUSES)
SEEN_BY_WEBHOOKS = tuple(fault for fault in FAULTS if fault is not Behaviour.LOSES)
"""A webhook's 2xx means that its receiver has it; there is nobody behind it who could lose it."""
SERVERS = 3
"""Under test at once; what they wait for is time."""


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--people", type=int, default=50, help="with each channel; two pages each (default 50)")
    parser.add_argument("--rounds", type=int, default=2, help="runs with and without a provider that hangs (default 2)")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of such a run (default 12)")
    parser.add_argument("--queue", type=int, default=10_000, help="LOW pages that wait (default 10,000)")
    chosen = parser.parse_args()
    tried = every_fault(chosen.people)
    for one in tried:
        tell(NAME, part="fault", **one.facts())
    slowed = slowing(chosen.rounds, chosen.seconds).facts()
    tell(NAME, part="slowing", **slowed)
    overtaken = overtaking(chosen.queue).facts()
    tell(NAME, part="overtaking", **overtaken)
    noticed = tuple(sorted(second for one in tried if one.noticed for second in one.seconds))
    return conclude(
        NAME,
        "A provider that fails, hangs, drips, refuses or loses messages costs no page, and delays no other channel.",
        holds=all(one.holds for one in tried) and bool(slowed["holds"]) and bool(overtaken["holds"]),
        faults=len(FAULTS),
        channels=len({one.channel for one in tried}),
        pages=sum(one.pages for one in tried),
        lost=sum(one.lost + one.given_up for one in tried),
        fallback_s_p50=share(noticed, 0.5),
        fallback_s_p99=share(noticed, 0.99),
        fallback_s_max=share(noticed, 1.0),
        slower=slowed["slower"],
        low_before_critical=overtaken["before"],
    )


def every_fault(each: int) -> list[Tried]:
    """Every fault at every provider; a few servers at once, the longest first."""
    with ThreadPoolExecutor(SERVERS) as together:
        runs = [together.submit(all_but_webhooks, fault, each) for fault in FAULTS]
        runs += [together.submit(webhooks, fault, each) for fault in SEEN_BY_WEBHOOKS]
        found = []
        for run in runs:
            of_one = run.result()
            progress(", ".join(f"{one.fault.name} {one.channel} {share(one.seconds, 1.0)} s" for one in of_one))
            found += of_one
        return found


if __name__ == "__main__":
    sys.exit(main())
