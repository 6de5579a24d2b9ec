"""JSON Schemas of the procedures files, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from tocsin.domain.errors import InvalidError
from tocsin.procedures.fields import nearest
from tocsin.procedures.loader import FILES


def json_schema(file_name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of the files.

    Args:
        file_name: such as "people.yaml"; the ending may be left out.

    Raises:
        InvalidError: there is no such file in a procedures directory.
    """
    name = file_name if file_name.endswith(".yaml") else f"{file_name}.yaml"
    if name not in FILES:
        raise InvalidError(f"{file_name!r} is not a file of a procedures directory; {nearest(name, tuple(FILES))}.")
    schema = FILES[name].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
