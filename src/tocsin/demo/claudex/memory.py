"""What Claudex holds: files in memory, and a cache on disk. Both cost what they would cost a real product."""

from __future__ import annotations

import os
import threading
import time
import zlib
from pathlib import Path

FILE_BYTES = 64 * 1024
ENTRY_BYTES = 256 * 1024
_FILES_PER_STEP = 256


class OpenFiles:
    """Files kept in memory, a real 64 KiB each; they grow step by step up to a limit, as a leak does."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def __len__(self) -> int:
        return len(self._held)

    def step(self, limit: int) -> None:
        """Open at most 256 more files, or close those above `limit`."""
        del self._held[limit:]
        for _ in range(min(_FILES_PER_STEP, limit - len(self._held))):
            self._held.append(os.urandom(32) * (FILE_BYTES // 32))

    def forget(self) -> None:
        """Close them all."""
        self._held.clear()


class Cache:
    """Compressed entries in a directory; a look-up reads through all of them in turn, so a large cache is slow.

    Args:
        directory: where the entries are; it may vanish at any time, then the cache is empty.
    """

    _TAG = "CACHEDIR.TAG"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._entry = zlib.compress(os.urandom(64) * (ENTRY_BYTES // 64), 1)

    def was_cleared(self) -> bool:
        """Whether somebody removed the directory since the last time this was asked; it is made anew."""
        tag = self.directory / self._TAG
        if tag.exists():
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        tag.write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="ascii")
        return True

    def entries(self) -> list[Path]:
        """The entries now there, oldest first."""
        try:
            return sorted(self.directory.glob("*.entry"))
        except FileNotFoundError:
            return []

    def fit(self, megabytes: int) -> None:
        """Bring the cache to a size in MB of uncompressed entries: fetch what is missing, drop what is too much."""
        wanted = _entries_in(megabytes)
        with self._lock:
            there = self.entries()
            for surplus in there[wanted:]:
                surplus.unlink(missing_ok=True)
            for _ in range(len(there), wanted):
                self._write()

    def add(self, megabytes: int) -> None:
        """Add one entry, unless the cache has reached this size in MB."""
        with self._lock:
            if len(self.entries()) < _entries_in(megabytes):
                self._write()

    def _write(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / f"{time.time_ns():020d}.entry").write_bytes(self._entry)

    def look_up(self) -> int:
        """Read through every entry. Returns the checksum of all that was read."""
        checksum = 0
        for entry in self.entries():
            try:
                checksum = zlib.crc32(zlib.decompress(entry.read_bytes()), checksum)
            except (FileNotFoundError, zlib.error):
                continue
        return checksum


def _entries_in(megabytes: int) -> int:
    return megabytes * 1024 * 1024 // ENTRY_BYTES


def resident_bytes() -> int:
    """Memory of this process that is in RAM; the largest it ever was where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _peak_resident_bytes()


def _peak_resident_bytes() -> int:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else peak * 1024
