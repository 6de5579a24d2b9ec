"""JSON Schemas say the same as the loader, as far as a schema can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tocsin.domain.errors import InvalidError
from tocsin.procedures.loader import FILES
from tocsin.procedures.packs import defaults, lay_out, names
from tocsin.procedures.reading import read_tree
from tocsin.procedures.schema import json_schema
from tocsin.procedures.tree import plain


@pytest.mark.parametrize("pack", names())
@pytest.mark.parametrize("file", FILES)
def test_the_packs_fit_their_schemas(tmp_path: Path, pack: str, file: str) -> None:
    lay_out(pack, tmp_path, defaults())
    tree, _ = read_tree((tmp_path / file).read_text(encoding="utf-8"))
    errors = [error.message for error in jsonschema_rs.validator_for(json_schema(file)).iter_errors(plain(tree))]
    assert errors == []


def test_a_schema_refuses_what_the_loader_refuses() -> None:
    validator = jsonschema_rs.validator_for(json_schema("site.yaml"))
    assert not validator.is_valid({"organisation": "Example"})


def _parts(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


@pytest.mark.parametrize("file", FILES)
def test_every_default_in_a_schema_is_written_as_a_person_would_write_it(file: str) -> None:
    whole = json_schema(file)
    with_default = [part for part in _parts(whole) if "default" in part and "title" in part]
    for part in with_default:
        validator = jsonschema_rs.validator_for({**part, "$defs": whole["$defs"]} if "$defs" in whole else part)
        assert validator.is_valid(part["default"]), part


def test_the_keys_are_explained_where_an_editor_shows_them() -> None:
    properties = json_schema("procedures.yaml")["$defs"]["SeverityRules"]["properties"]
    assert properties["stale_after"]["description"].startswith("After this long without a word")


def test_the_ending_of_the_name_may_be_left_out() -> None:
    assert json_schema("people") == json_schema("people.yaml")


def test_another_file_name_is_an_error_that_names_the_right_ones() -> None:
    with pytest.raises(
        InvalidError, match=r"'peeple.yaml' is not a file of a procedures directory; did you mean 'people"
    ):
        json_schema("peeple.yaml")
