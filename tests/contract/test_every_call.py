"""Every call of the contract: methods, credentials, unknown fields; and the OpenAPI document."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from app.web.api.registry import CALLS
from app.web.http.routes import METHODS, Endpoint, NoBody, NoQuery
from tests.routes.conftest import Web, bearer, code, field_of, gateway_headers

PATHS = sorted({it.path for it in CALLS})
PARAMS = {
    "{room_id}": "hall",
    "{event_id}": "gala",
    "{ticket_type_id}": "floor",
    "{reservation_id}": "r" * 22,
    "{ticket_id}": "t" * 32,
    "{visitor_id}": "v" * 22,
    "{webhook_id}": "w" * 22,
    "{alert_id}": "999",
    "{key_id}": "k" * 22,
    "{sid}": "v" * 22 + "-1",
    "{invite_id}": "i" * 22,
    "{customer_id}": "ticketania",
    "{set_id}": "c" * 12,
    "{code}": "FANS",
}
RED = '{"colour": "red"}'
STREAMS = {"room_stream", "reservation_stream"}  # endless: tested in tests/routes/http/test_streams.py


def filled(path: str) -> str:
    """The path with an id for each parameter."""
    for name, value in PARAMS.items():
        path = path.replace(name, value)
    return path


async def headers_for(web: Web, call: Endpoint, body: str = "") -> dict[str, str]:
    """A valid credential for the call; computed from the body where that is what it signs."""
    if call.auth is None:
        return {}
    if call.auth.signs_body:
        return gateway_headers(body)
    if call.auth.name in ("operator", "admin"):
        return web.as_("admin")
    if call.auth.name == "account":
        return web.as_("user")
    if call.auth.name == "booking":
        return (await web.inside("hall"))[1]
    return bearer((await web.join("hall"))["place_token"])


async def test_methods_are_told_alike_everywhere(web: Web) -> None:
    for path in PATHS:
        known = {it.method for it in CALLS if it.path == path}
        if any(it.below for it in CALLS if it.path == path):
            known = set(METHODS)  # whatever a visitor does at a gated site
        expected = known | {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())
        options = await web.send("OPTIONS", filled(path))
        assert options.status_code == 204, path
        assert options.content == b""
        assert set(options.headers["allow"].split(", ")) == expected, path
        others = set() if known == set(METHODS) else {*METHODS, "TRACE", "PURGE"} - expected
        for method in others:
            refused = await web.send(method, filled(path))
            assert refused.status_code == 405, (method, path)
            if method != "HEAD":
                assert code(refused) == (405, "method_not_allowed")
            assert set(refused.headers["allow"].split(", ")) == expected, (method, path)
            assert refused.headers["x-request-id"]


async def test_head_is_get_without_its_body(web: Web) -> None:
    await web.event()
    await web.room()
    for call in CALLS:
        if call.method != "GET" or call.name in STREAMS:
            continue
        headers = await headers_for(web, call)
        got = await web.get(filled(call.path), headers=headers)
        head = await web.send("HEAD", filled(call.path), headers=headers)
        assert head.status_code == got.status_code, call.name
        assert head.content == b"", call.name
        assert head.headers.get("content-type") == got.headers.get("content-type"), call.name


async def test_without_a_credential_protected_calls_say_so(web: Web) -> None:
    for call in CALLS:
        if call.auth is not None:
            answer = await web.send(call.method, filled(call.path))
            assert code(answer) == (401, "credential_missing"), call.name
            assert answer.headers["www-authenticate"].startswith("Bearer"), call.name
            forged = await web.send(call.method, filled(call.path), headers=bearer("a.b.c"))
            assert code(forged) == (401, "credential_invalid"), call.name


async def test_staff_calls_are_closed_to_users(web: Web) -> None:
    for call in CALLS:
        if call.auth is not None and call.auth.name in ("operator", "admin"):
            answer = await web.send(call.method, filled(call.path), headers=web.as_("user"))
            assert code(answer) == (403, "role_required"), call.name


AT_THE_DOOR = ("check_in", "undo_check_in")  # checking people in is part of an operator's work, too


async def test_operators_do_rooms_and_read_and_admins_do_all(web: Web) -> None:
    for call in CALLS:
        if call.auth is None or call.auth.name not in ("operator", "admin"):
            continue
        if call.auth.name == "operator":
            theirs = call.path.startswith("/v1/rooms") or call.name in AT_THE_DOOR
            assert call.method == "GET" or theirs, call.name
        for role in ("operator", "admin"):
            answer = await web.send(call.method, filled(call.path), headers=web.as_(role))
            allowed = role == "admin" or call.auth.name == "operator"
            assert (answer.status_code == 403) is not allowed, (call.name, role)


async def test_unknown_parameters_and_fields_are_named(web: Web) -> None:
    await web.event()
    await web.room(admission_rate_per_minute=60_000)  # every visitor below is called immediately
    for call in CALLS:
        if call.name in STREAMS:
            continue
        headers = await headers_for(web, call)
        query = await web.send(call.method, f"{filled(call.path)}?colour=red", headers=headers)
        assert field_of(query) == "colour", call.name
        if call.method in ("POST", "PUT", "PATCH"):
            headers = await headers_for(web, call, RED) | {"content-type": "application/json"}
            body = await web.send(call.method, filled(call.path), content=RED, headers=headers)
            # Unknown messages are ignored (tests/routes/orders/test_gateway.py); missing fields are refused.
            missing = {"hear_gateway": "type", "hear_stripe": "id"}
            assert field_of(body) == missing.get(call.name, "colour"), call.name


async def test_the_document_tells_every_call_and_every_code(web: Web) -> None:
    document = (await web.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    documented = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert documented == {(it.method, it.path) for it in CALLS}
    for call in CALLS:
        operation = document["paths"][call.path][call.method.lower()]
        errors = call.errors + (call.auth.errors if call.auth else ())
        for refusal in errors:
            problem = operation["responses"][str(refusal.status)]["content"]["application/problem+json"]
            assert refusal.code in problem["schema"]["properties"]["code"]["enum"], call.name
        assert ("requestBody" in operation) == (call.body is not NoBody)
        if call.query is not NoQuery:
            named = {it["name"] for it in operation["parameters"] if it["in"] == "query"}
            assert named == {it.encode_name for it in msgspec.structs.fields(call.query)}


async def test_every_reference_in_the_document_leads_somewhere(web: Web) -> None:
    text = (await web.get("/openapi.json")).text
    document = msgspec.json.decode(text)
    prefix = '"$ref":"#/components/schemas/'
    names = {part.partition('"')[0] for part in text.split(prefix)[1:]}
    assert names <= document["components"]["schemas"].keys()
    schemes = document["components"]["securitySchemes"].keys()
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {name for it in operation.get("security", []) for name in it} <= schemes


async def test_patterns_in_the_document_are_those_of_json_schema(web: Web) -> None:
    patterns = [it.partition('"')[0] for it in (await web.get("/openapi.json")).text.split('"pattern":"')[1:]]
    assert len(patterns) > 10
    assert all(it.startswith("^") and it.endswith("$") and "(?" not in it for it in patterns), patterns


async def test_the_docs_page_loads_nothing_from_another_host(web: Web) -> None:
    page = await web.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in (
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "start.js",
        "openapi-3.0.json",
    ):
        answer = await web.get(f"/docs/{name}")
        assert answer.status_code == 200, name
    contract = (await web.get("/docs/openapi-3.0.json")).json()
    assert contract["openapi"].startswith("3.0")
    assert '{"type":"null"}' not in (await web.get("/docs/openapi-3.0.json")).text
    assert code(await web.get("/docs/secrets.txt")) == (404, "not_found")


@pytest.mark.parametrize("path", ["/livez", "/.well-known/jwks.json"])
async def test_machines_need_no_credential(web: Web, path: str) -> None:
    assert (await web.get(path)).status_code == 200


async def test_defaults_and_examples_fit_their_own_schemas(web: Web) -> None:
    document = (await web.get("/openapi.json")).json()
    checked = 0

    def check_node(node: Any) -> None:
        nonlocal checked
        if isinstance(node, dict):
            if "default" in node and "$ref" not in str(node):
                checked += 1
                assert jsonschema_rs.is_valid(node, node["default"]), node
            for value in node.values():
                check_node(value)
        elif isinstance(node, list):
            for value in node:
                check_node(value)

    check_node(document)
    assert checked > 20


async def test_the_contract_of_the_docs_page_has_no_word_that_openapi_3_0_lacks(web: Web) -> None:
    text = (await web.get("/docs/openapi-3.0.json")).text
    for word in ("contentMediaType", "contentSchema", '"const":', '"required":[]', "patternProperties"):
        assert word not in text, word
