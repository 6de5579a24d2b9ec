"""Relative links and anchors in the Markdown files lead somewhere; `python -m tools.check_links` says which do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")


def markdown_files(root: Path = ROOT) -> list[Path]:
    """Every Markdown file of the project's own: the root's, and those below docs, src, tests and benchmarks."""
    below = (path for folder in ("docs", "src", "tests", "benchmarks") for path in (root / folder).rglob("*.md"))
    return sorted([*root.glob("*.md"), *below])


def anchors(text: str) -> set[str]:
    """The anchors a forge gives to the headings of a Markdown text."""
    plain = FENCE.sub("", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(plain)}


def broken_links(root: Path = ROOT) -> Iterator[str]:
    """Yield "file: link: what is wrong" for each relative link that leads nowhere."""
    for file in markdown_files(root):
        text = CODE.sub("", FENCE.sub("", file.read_text(encoding="utf-8")))
        for link in LINK.findall(text):
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue  # an address; checking those would need the network
            path, _, anchor = link.partition("#")
            target = (file.parent / path).resolve() if path else file
            if not target.exists():
                yield f"{file.relative_to(root)}: {link}: there is no such file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{file.relative_to(root)}: {link}: there is no such heading"


def main() -> int:
    """Print what is broken; 0 when nothing is."""
    faults = list(broken_links())
    for fault in faults:
        print(fault)
    print(f"{len(markdown_files())} Markdown files, {len(faults)} broken links")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
