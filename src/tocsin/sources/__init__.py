"""Sources: what monitoring tools send, read into signals. One module per inbound format and one line below for each.

To add a format: write a module with `parse(body: bytes) -> Parsed`, then add its line here (docs/sources.md).
"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.sources import alertmanager, prometheus
from tocsin.sources.reading.parsed import Parsed

__all__ = ["REGISTRY", "Parsed"]

REGISTRY: dict[str, Callable[[bytes], Parsed]] = {
    "alertmanager": alertmanager.parse,
    "prometheus": prometheus.parse,
}
"""Every inbound format by the name it has in URLs."""
