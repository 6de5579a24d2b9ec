from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError

from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access, Operation
from tocsin.domain.errors import InvalidError
from tocsin.web.bodies import LARGEST, LONGEST_TEXT, body_of, model_of, require_sound


@dataclass(frozen=True)
class Facts:
    """What is asked.

    Args:
        name: how it is called,
            on two lines.
        many: several words.
    """

    name: str
    count: int | None = None
    many: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def operation(body):
    return Operation("try-it", "POST", "/try", Access.VIEWER, body, dict, "Try it")


def test_a_dataclass_becomes_a_model_that_explains_itself_and_knows_its_fields():
    model = model_of(operation(Facts))
    schema = model.model_json_schema()
    assert schema["title"] == "TryIt"
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["name"]["description"] == "how it is called, on two lines."
    with pytest.raises(ValidationError):
        model.model_validate({"name": "x", "nonsense": 1})


def test_what_was_validated_becomes_the_operations_own_dataclass():
    asked = operation(Facts)
    body = body_of(asked, model_of(asked).model_validate({"name": "x", "count": 3, "many": ["a", "b"]}))
    assert body == Facts("x", 3, ("a", "b"))


def test_nothing_sent_is_every_default():
    assert body_of(OPERATIONS["acknowledge"], None) == OPERATIONS["acknowledge"].body()


@pytest.mark.parametrize(
    "value",
    [
        "a\0b",
        "a\ud800b",
        {"a": [{"b": ("x\0",)}]},
        {"k\0": 1},
        float("nan"),
        [float("-inf")],
        LARGEST + 1,
        -LARGEST - 1,
        "x" * (LONGEST_TEXT + 1),
    ],
    ids=repr,
)
def test_what_no_database_keeps_is_refused(value):
    with pytest.raises(InvalidError):
        require_sound(value)


def test_what_every_database_keeps_passes_however_deep():
    deep: object = "ü🔔"
    for _ in range(5000):
        deep = [deep]
    require_sound({"deep": deep, "n": LARGEST, "f": 1.5, "none": None, "yes": True})
    require_sound("x" * (LONGEST_TEXT + 1), None)
