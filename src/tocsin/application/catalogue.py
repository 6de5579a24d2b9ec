"""★ Every operation there is: API routes, CLI calls and the tests' route × role matrix come from this table."""

from __future__ import annotations

from tocsin.application import administration as admin
from tocsin.application import looks, moves
from tocsin.application.asked import Nothing
from tocsin.application.operations import Access, Operation

_V, _R, _C, _A = Access.VIEWER, Access.RESPONDER, Access.COMMANDER, Access.ADMIN
_I = "/incidents/{incident}"

_TABLE = (
    Operation("declare", "POST", "/incidents", _R, moves.Declaration, moves.declare, "Declare an incident", 201),
    Operation("list", "GET", "/incidents", _V, looks.Listing, looks.listing, "List incidents"),
    Operation("show", "GET", _I, _V, Nothing, looks.show, "Show an incident"),
    Operation("timeline", "GET", f"{_I}/timeline", _V, looks.Reading, looks.timeline, "What happened"),
    Operation("next", "GET", f"{_I}/next", _V, Nothing, looks.next_rounds, "The ladder ahead"),
    Operation("pages", "GET", f"{_I}/pages", _V, looks.Paging, looks.pages, "Pages and where each stands"),
    Operation("alerts", "GET", f"{_I}/alerts", _V, looks.Paging, looks.alerts, "Alerts of an incident"),
    Operation(
        "acknowledge", "POST", f"{_I}/acknowledge", _R, moves.Acknowledgement, moves.acknowledge, "Say you have it"
    ),
    Operation("assign", "POST", f"{_I}/assign", _R, moves.Assignment, moves.assign, "Give a role to a person"),
    Operation("accept", "POST", f"{_I}/accept", _R, Nothing, moves.accept, "Take over an offered role"),
    Operation("decline", "POST", f"{_I}/decline", _R, moves.Reason, moves.decline, "Say you cannot take it"),
    Operation("severity", "POST", f"{_I}/severity", _R, moves.Level, moves.severity, "Change or confirm the severity"),
    Operation("escalate", "POST", f"{_I}/escalate", _R, moves.Escalation, moves.escalate, "Page a higher level now"),
    Operation("note", "POST", f"{_I}/note", _R, moves.Words, moves.note, "Write something down"),
    Operation("resolve", "POST", f"{_I}/resolve", _R, moves.Resolution, moves.resolve, "Call it over, signed"),
    Operation("close", "POST", f"{_I}/close", _C, moves.Closing, moves.close, "Close without a fix"),
    Operation("reopen", "POST", f"{_I}/reopen", _R, moves.Reopening, moves.reopen, "It was not over"),
    Operation("page", "GET", "/pages/{page}", _V, Nothing, looks.page, "One page"),
    Operation("oncall", "GET", "/oncall", _V, looks.OnCall, looks.oncall, "Who is on call"),
    Operation(
        "test-page", "POST", "/people/{person}/test-page", _R, Nothing, admin.page_test, "Send a plain test page", 202
    ),
    Operation(
        "override-add", "POST", "/overrides", _R, admin.StandIn, admin.override_add, "Let somebody stand in", 201
    ),
    Operation("override-list", "GET", "/overrides", _V, Nothing, admin.override_list, "Who stands in"),
    Operation(
        "override-remove", "DELETE", "/overrides/{override}", _R, Nothing, admin.override_remove, "End an override"
    ),
    Operation(
        "integration-add", "POST", "/integrations", _A, admin.Sender, admin.integration_add, "Let a system send", 201
    ),
    Operation("integration-list", "GET", "/integrations", _A, Nothing, admin.integration_list, "Who may send"),
    Operation(
        "integration-revoke",
        "DELETE",
        "/integrations/{integration}",
        _A,
        Nothing,
        admin.integration_revoke,
        "End a sender's key",
    ),
    Operation("token-create", "POST", "/tokens", _A, admin.Grant, admin.token_create, "Make an API token", 201),
    Operation("token-list", "GET", "/tokens", _A, Nothing, admin.token_list, "Tokens without their secrets"),
    Operation("token-revoke", "DELETE", "/tokens/{token}", _A, Nothing, admin.token_revoke, "End a token"),
    Operation("procedures", "GET", "/procedures", _V, Nothing, admin.procedures_show, "The procedures in force"),
    Operation("apply", "POST", "/procedures", _A, admin.NewProcedures, admin.procedures_apply, "Apply procedures"),
)

OPERATIONS = {operation.name: operation for operation in _TABLE}
