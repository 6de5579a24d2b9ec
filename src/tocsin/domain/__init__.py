"""The pure core: frozen values and functions of them; no clock, no random, no I/O.

It imports the standard library and its own files only; import-linter holds it to that.
"""
