"""The one table of operations that API, CLI and the tests of every route come from."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access

EACH = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


@EACH
def test_an_operation_takes_its_path_s_parameters_by_name(operation):
    wanted = set(re.findall(r"\{(\w+)\}", operation.path))
    taken = operation.run.__code__.co_varnames[: operation.run.__code__.co_argcount]
    assert set(taken[3:]) == wanted


@EACH
def test_what_changes_something_is_no_get_and_what_looks_needs_the_least(operation):
    assert (operation.method == "GET") is (operation.name in LOOKS)
    if operation.method == "GET" and operation.name not in {"integration-list", "token-list"}:
        assert operation.access is Access.VIEWER


LOOKS = {
    "list",
    "show",
    "timeline",
    "next",
    "pages",
    "alerts",
    "page",
    "oncall",
    "override-list",
    "integration-list",
    "token-list",
    "procedures",
}


@EACH
def test_the_facts_it_takes_are_a_frozen_value(operation):
    assert dataclasses.is_dataclass(operation.body)
    assert operation.body.__dataclass_params__.frozen
    assert operation.summary


def test_no_two_share_a_route():
    routes = [(operation.method, re.sub(r"\{\w+\}", "{}", operation.path)) for operation in OPERATIONS.values()]
    assert len(set(routes)) == len(routes)
