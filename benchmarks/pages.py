"""How long the web page of an incident takes to make, small or huge, while nothing else happens.

One incident has one alert, the other as many as `--alerts` says; a signed-in person looks at each in turns, and at the
list of open incidents. Time to the last byte of the HTML.
"""

from __future__ import annotations

import json

from benchmarks import load, report, systems
from benchmarks.payloads import Writer
from benchmarks.visits import Visitor, share

BAR_MS_P99 = 300.0
PER_REQUEST = 50


def main() -> None:
    parser = report.options(__doc__, peer=False)
    parser.add_argument("--alerts", type=int, default=5_000, help="alerts of the large incident (default 5,000)")
    parser.add_argument("--looks", type=int, default=100, help="looks at each page (default 100)")
    chosen = parser.parse_args()
    with systems.tocsin(chosen.database_url) as server:
        writer = Writer(systems.tocsin_door(server, webhook=True), "pages", severity="critical")
        numbers = range(0, chosen.alerts, PER_REQUEST)
        requests = [writer.request(1, range(first, first + PER_REQUEST)) for first in numbers]
        load.drive(server.port, iter([writer.request(2, [0]), *requests]), seconds=50, limit=len(requests) + 1)
        listed = json.loads(server.cli("list", "--json").stdout)["items"]
        large = max(listed, key=lambda item: int(item["alerts"]))
        small = min(listed, key=lambda item: int(item["alerts"]))
        pages = {"list": "/", "small": f"/incidents/{small['id']}", "large": f"/incidents/{large['id']}"}
        visitor = Visitor(server)
        looks = [(name, *visitor.look(path)) for _ in range(chosen.looks) for name, path in pages.items()]
        visitor.close()
    for name in pages:
        mine = [took for page, _, took, _ in looks if page == name]
        sound = all(status == 200 for page, status, _, _ in looks if page == name)
        p99 = share(mine, 0.99) or 0.0
        report.tell(
            "pages",
            system="tocsin",
            database=report.database_name(chosen.database_url),
            page=name,
            alerts=int({"small": small, "large": large}[name]["alerts"]) if name != "list" else None,
            bytes=max(length for page, _, _, length in looks if page == name),
            ms_p50=share(mine, 0.5),
            ms_p99=p99,
            bar_ms=BAR_MS_P99,
            met=sound and p99 <= BAR_MS_P99,
        )


if __name__ == "__main__":
    main()
