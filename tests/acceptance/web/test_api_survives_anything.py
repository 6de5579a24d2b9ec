"""Requests made up from the OpenAPI document: never an error of ours, and every refusal a problem with a sentence."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access

EXAMPLES = 10


@pytest.fixture(scope="module")
def described(shared):
    shared.declared()
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", shared.web.asgi)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_answers_whatever_it_is_asked(described, shared, name):
    operation = OPERATIONS[name]
    strategy = described[f"/api/v1{operation.path}"][operation.method].as_strategy()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(data=st.data())
    def asked(data):
        case = data.draw(strategy)
        if "incident" in case.path_parameters and data.draw(st.booleans()):
            case.path_parameters["incident"] = "last"
        answer = case.call(headers=shared.bearer(Access.ADMIN))
        case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0] == "application/problem+json"
            assert answer.json()["detail"]

    asked()
