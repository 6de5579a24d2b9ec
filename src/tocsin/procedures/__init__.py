"""Procedures: a team's YAML, read, judged and turned into `tocsin.domain.procedures.Procedures`.

`loader` reads a directory (`load`, `document`) and needs the YAML and validation libraries; `compiled` turns a stored
document into procedures and needs neither, so a server starts without them; `packs` lays out a new directory; `schema`
prints JSON Schemas; `secret` reads what `${NAME}` and `file:PATH` stand for.
"""
