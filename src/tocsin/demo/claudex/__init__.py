"""Claudex, a stand-in for the product that a team looks after: a small real program that can really break.

`python -m tocsin.demo.claudex --help` tells what it does. It uses the standard library only and nothing of Tocsin, so
it starts quickly and stays a stranger to the system that watches it.
"""

from __future__ import annotations

from tocsin.demo.claudex.wrapper import install

__all__ = ["install"]
