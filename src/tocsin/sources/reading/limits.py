"""How much one alert may carry. Far above what monitoring tools send, far below what hurts a database or a reader."""

from __future__ import annotations

MAX_LABELS = 64
MAX_NAME = 256
"""Characters in a label's name."""
MAX_VALUE = 4096
"""Characters in a label's value."""
MAX_TEXT = 65536
"""Characters in all annotations of one alert together, with their names and the link."""
MAX_DAMAGED = 1 << 20
"""Bytes of a payload that is no sound JSON and still worth taking apart, which costs up to a microsecond each."""
FIRST_YEAR = 1970
"""Earlier instants are mistakes, but for Go's zero time in the year 1, which stands for no instant."""
