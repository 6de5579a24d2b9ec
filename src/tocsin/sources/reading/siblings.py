"""Taking a damaged JSON text apart, so that one bad alert does not take its siblings with it.

A JSON reader gives up at the first fault, wherever it is. Here brackets are counted instead, without looking inside
the parts: a lone surrogate, a byte that is no UTF-8 or five thousand levels of nesting stay in the part they are in.
"""

from __future__ import annotations

import re

# A text that ends inside a string counts as one last string: the next quote would start a search to the end again,
# and a body made of escaped quotes would take quadratic time.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_PLAIN = re.compile(rb'"[ !#-\[\]-~]*+"')


def split(body: bytes, depth: int) -> tuple[bytes, list[bytes]] | None:
    """Cut out the objects and lists that stand inside `depth` others.

    Args:
        body: a JSON text, perhaps with faults in it.
        depth: how many brackets are open around the parts to cut out.

    Returns:
        The text with each part replaced by its position as `[0]`, `[1]` …, and the parts. Strings outside the parts
        that are not plain ASCII are emptied, because nobody reads them and their faults are not the parts' faults.
        None when brackets do not match, so that the text ends early or says nothing certain about its parts.
    """
    skeleton: list[bytes] = []
    parts: list[bytes] = []
    level = copied = start = 0
    for token in _TOKEN.finditer(body):
        char = token.group()[0:1]
        if char in b"[{":
            if level == depth:
                start = token.start()
                skeleton.append(body[copied:start])
            level += 1
        elif char in b"]}":
            level -= 1
            if level == depth:
                skeleton.append(b"[%d]" % len(parts))
                parts.append(body[start : token.end()])
                copied = token.end()
        elif level <= depth and not _PLAIN.fullmatch(token.group()):
            skeleton += (body[copied : token.start()], b'""')
            copied = token.end()
        if level < 0:
            return None
    skeleton.append(body[copied:])
    return None if level else (b"".join(skeleton), parts)
