from __future__ import annotations

import json

import pytest

from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access

MIB = 1024 * 1024


def is_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.fixture
def ana(house):
    """A responder's program."""
    house.client.headers.update(house.bearer(Access.RESPONDER))
    return house.client


def test_the_openapi_document_lists_every_operation_with_its_schema_and_its_token(house):
    document = house.client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    listed = {
        (method.upper(), path.removeprefix("/api/v1"), operation["operationId"]): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(listed) == {(op.method, op.path, op.name) for op in OPERATIONS.values()}
    assert all(operation["security"] == [{"token": []}] for operation in listed.values())
    assert all("application/problem+json" in one["responses"]["default"]["content"] for one in listed.values())
    note = document["components"]["schemas"]["Note"]
    assert note["required"] == ["text"]
    assert "ValidationError" not in document["components"]["schemas"]


def test_a_closing_is_called_as_outside_where_python_cannot_and_by_its_own_name_too(house):
    document = house.client.get("/api/v1/openapi.json").json()
    assert "as" in document["components"]["schemas"]["Close"]["properties"]
    for field in ("as", "outcome"):
        incident = house.declared(severity=None)
        answer = house.client.post(
            f"/api/v1/incidents/{incident}/close",
            json={field: "false-alarm", "why": "the probe was wrong"},
            headers=house.bearer(Access.ADMIN),
        )
        assert answer.json()["closed_as"] == "false-alarm"


def test_the_documentation_loads_nothing_from_elsewhere(house):
    page = house.client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert house.client.get("/api/v1/docs/files/swagger-ui-bundle.js").status_code == 200


def test_a_life_over_rest_declare_acknowledge_note_resolve(ana):
    declared = ana.post("/api/v1/incidents", json={"title": "Slow", "service": "claudex", "symptom": ["5 s", "504"]})
    assert declared.status_code == 201
    incident = declared.json()["id"]
    assert declared.json()["symptoms"] == "5 s\n504"
    assert ana.post(f"/api/v1/incidents/{incident}/acknowledge").json()["acknowledged_by"] == "ana"
    assert ana.post("/api/v1/incidents/last/note", json={"text": "restarted it"}).status_code == 200
    resolved = ana.post(f"/api/v1/incidents/{incident[-6:]}/resolve", json={"why": "it answers again"}).json()
    assert (resolved["status"], resolved["phase"]) == ("RESOLVED", "closed")
    timeline = ana.get(f"/api/v1/incidents/{incident}/timeline?verify=true").json()
    assert timeline["verified"] is True
    assert {entry["authenticated_by"] for entry in timeline["items"] if entry["by"] == "person:ana"} == {"token"}


def test_lists_go_on_where_their_cursor_points(house, ana):
    names = [house.declared(f"number {n}") for n in range(3)]
    first = ana.get("/api/v1/incidents?limit=2").json()
    second = ana.get("/api/v1/incidents", params={"limit": 2, "cursor": first["next"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == names[::-1]
    assert second["next"] is None


def test_who_acts_for_somebody_is_named_and_marked_as_a_claim(house):
    incident = house.declared()
    answer = house.client.post(
        f"/api/v1/incidents/{incident}/note", json={"text": "by phone"}, headers=house.bearer(**{"Tocsin-As": "cem"})
    )
    assert answer.status_code == 200
    entry = house.ask("timeline", path={"incident": incident})["items"][-1]
    assert (entry["by"], entry["data"]["claimed"]) == ("person:cem", True)


@pytest.mark.parametrize("name", ["x" * 65, "a%00b", "a%0Ab"])
def test_a_name_to_act_for_is_a_short_word(house, name):
    answer = house.client.get("/api/v1/oncall", headers=house.bearer(**{"Tocsin-As": name}))
    is_problem(answer, 422)


def test_a_move_that_is_not_allowed_now_says_which_are(house, ana):
    incident = house.declared()
    ana.post(f"/api/v1/incidents/{incident}/resolve", json={"why": "over", "take_command": True})
    problem = is_problem(ana.post(f"/api/v1/incidents/{incident}/escalate", json={"why": "help"}), 409)
    assert "reopen" in problem["allowed"]


def test_what_does_not_exist_is_404_and_a_wrong_method_405(ana):
    is_problem(ana.get("/api/v1/incidents/none"), 404)
    is_problem(ana.get("/api/v1/nothing"), 404)
    assert is_problem(ana.put("/api/v1/oncall"), 405)
    assert ana.put("/api/v1/oncall").headers["allow"] == "GET"


def test_faults_of_a_body_are_named_without_repeating_what_was_sent(house, ana):
    incident = house.declared()
    answer = ana.post(f"/api/v1/incidents/{incident}/escalate", json={"level": "hunter2", "hunter3": "hunter4"})
    problem = is_problem(answer, 422)
    assert {error["pointer"] for error in problem["errors"]} == {"#/body/why", "#/body/level", "#/body"}
    assert "hunter" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"text": 5}', 422),
        (b'{"text": null}', 422),
        (b'{"text": "a\\u0000b"}', 422),
        (b'{"text": "\\ud800"}', 422),
        (b'{"text": "\xff\xfe"}', 400),
        (b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"text": ' + b"9" * 5000 + b"}", 400),
        (b'{"text": "' + b"x" * 20_001 + b'"}', 422),
        (b'{"text": "' + b"x" * MIB + b'"}', 413),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes) else None,
)
def test_a_malformed_body_is_refused_and_never_an_error_of_ours(house, ana, body, status):
    incident = house.declared()
    before = house.ask("show", path={"incident": incident})["seq"]
    headers = {"Content-Type": "application/json"}
    is_problem(ana.post(f"/api/v1/incidents/{incident}/note", content=body, headers=headers), status)
    assert house.ask("show", path={"incident": incident})["seq"] == before


def test_a_body_that_is_not_said_to_be_json_is_refused(house, ana):
    incident = house.declared()
    answer = ana.post(f"/api/v1/incidents/{incident}/note", content=b'{"text": "x"}')
    assert "Content-Type" in is_problem(answer, 422)["errors"][0]["detail"]


def test_numbers_that_json_does_not_have_are_refused(house):
    answer = house.client.post(
        "/api/v1/procedures",
        content=b'{"data": {"a": {"b": [NaN]}}}',
        headers=house.bearer(Access.ADMIN, **{"Content-Type": "application/json"}),
    )
    is_problem(answer, 422)


@pytest.mark.parametrize("path", ["/api/v1/incidents/a%00b", "/api/v1/incidents?cursor=%00", "/incidents/a%00b"])
def test_a_nul_in_an_address_is_refused(house, ana, path):
    house.sign_in()
    assert ana.get(path).status_code == 422


@pytest.mark.parametrize("query", ["limit=x", "limit=0", "limit=100001", "nonsense=1", "cursor=%F0%9F%94%94"])
def test_a_query_that_makes_no_sense_is_refused(house, ana, query):
    incident = house.declared()
    is_problem(ana.get(f"/api/v1/incidents/{incident}/alerts?{query}"), 422)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("acknowledge", {"round": 10**30}),
        ("acknowledge", {"round": -1}),
        ("escalate", {"why": "x", "level": 10**30}),
        ("escalate", {"why": "x", "level": -5}),
    ],
)
def test_numbers_nobody_counts_to_are_refused(house, ana, operation, body):
    answer = ana.post(f"/api/v1/incidents/{house.declared()}/{operation}", json=body)
    assert answer.status_code in {409, 422}


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "noon", "2026-01-01"])
def test_instants_that_no_calendar_reaches_are_refused_and_leave_nothing_behind(house, ana, at):
    shift = {"schedule": "tier1", "person": "gus", "starts_at": at, "ends_at": "2027-01-01T00:00:00Z"}
    is_problem(ana.post("/api/v1/overrides", json=shift), 422)
    is_problem(ana.get("/api/v1/oncall", params={"at": at}), 422)
    assert house.ask("override-list")["items"] == []


def test_a_cursor_longer_than_any_list_is_refused(house, ana):
    is_problem(ana.get(f"/api/v1/incidents/{house.declared()}/timeline?cursor={'9' * 30}"), 422)


def test_what_nobody_foresaw_is_a_problem_with_a_reference_into_the_log(house, ana, monkeypatch, caplog):
    def broken(_work):
        raise ZeroDivisionError("secret inner words")

    monkeypatch.setattr(house.app.database, "read", broken)
    answer = ana.get("/api/v1/oncall")
    problem = is_problem(answer, 500)
    assert "secret" not in answer.text
    assert problem["reference"] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    page = ana.get("/login", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "status 500" not in page.text


def test_an_etag_says_whether_something_happened_since(house, ana):
    incident = house.declared()
    path = f"/api/v1/incidents/{incident}"
    tag = ana.get(path).headers["etag"]
    assert ana.get(path, headers={"If-None-Match": f'W/{tag}, "other"'}).status_code == 304
    noted = ana.post(f"{path}/note", json={"text": "one"}, headers={"If-Match": tag})
    assert noted.status_code == 200
    is_problem(ana.post(f"{path}/note", json={"text": "two"}, headers={"If-Match": tag}), 412)
    assert ana.post(f"{path}/note", json={"text": "two"}, headers={"If-Match": noted.headers["etag"]}).is_success
    assert ana.post(f"{path}/note", json={"text": "three"}, headers={"If-Match": "*"}).is_success
    is_problem(ana.post("/api/v1/incidents/none/note", json={"text": "x"}, headers={"If-Match": '"x"'}), 412)
    assert ana.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_an_idempotency_key_does_it_once_and_answers_the_same(house, ana):
    send = {"json": {"title": "Once"}, "headers": {"Idempotency-Key": "k-1"}}
    first, second = ana.post("/api/v1/incidents", **send), ana.post("/api/v1/incidents", **send)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert len(house.ask("list")["items"]) == 1
    other = ana.post("/api/v1/incidents", json={"title": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert "used for another request" in is_problem(other, 422)["detail"]
    is_problem(ana.post("/api/v1/incidents", json={"title": "x"}, headers={"Idempotency-Key": "k" * 300}), 422)


def test_an_idempotency_key_whose_request_was_refused_can_be_used_again(house, ana):
    headers = {"Idempotency-Key": "k-2"}
    is_problem(ana.post("/api/v1/incidents", json={"title": "x", "service": "none"}, headers=headers), 422)
    assert ana.post("/api/v1/incidents", json={"title": "x"}, headers=headers).status_code == 201


def test_the_secret_of_a_new_token_is_never_kept(house):
    send = {"json": {"role": "viewer"}, "headers": house.bearer(Access.ADMIN, **{"Idempotency-Key": "k-3"})}
    one, two = (house.client.post("/api/v1/tokens", **send).json()["token"] for _ in range(2))
    assert one != two


def test_without_the_database_everything_that_needs_it_says_503(house):
    house.unplug()
    answer = house.client.get("/api/v1/incidents", headers=house.bearer())
    assert is_problem(answer, 503)["title"] == "Service Unavailable"
    assert int(answer.headers["retry-after"]) > 0


def test_every_answer_carries_the_headers_that_protect_its_reader(house, ana):
    for path in ("/api/v1/oncall", "/login", "/api/v1/nothing", "/healthz"):
        headers = ana.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_json_of_the_largest_kind_of_answer_is_json(house, ana):
    incident = house.declared()
    assert json.loads(ana.get(f"/api/v1/incidents/{incident}/alerts?limit=100000").content) == {
        "items": [],
        "next": None,
    }
