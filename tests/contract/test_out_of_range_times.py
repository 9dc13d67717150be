"""A moment beyond UTC datetimes: refused by name wherever one is accepted, harmless where one is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import quote

import msgspec
import pytest

from app.core.catalogue.definition_errors import find_errors
from app.core.catalogue.definitions import EventDefinition
from app.core.clock import from_ms, to_ms
from app.core.moments import has_moments
from app.store.connections import Stores
from app.web.api.registry import CALLS
from tests.contract.test_every_call import filled, headers_for
from tests.routes.conftest import Web, field_of

BEYOND = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z")
LAST = "9999-12-31T23:59:59Z"
FIELDS = {  # what a body needs besides its moments
    "event_id": "late",
    "room_id": "late",
    "ticket_type_id": "late",
    "name": "Late",
    "price": 1,
    "p95_ms": 1,
    "error_rate": 0,
    "quantity": 1,
    "starts_at": "2030-01-01T20:00:00Z",
    "role": "operator",
    "rows": 1,
    "seats_per_row": 1,
    "type": "payment.failed",
    "data": {"payment_id": "p"},
    "device": "phone",
    "scan_id": "scan-00000001",
    "code": "CODE1234",
}


def moments(kind: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path to each moment in a struct."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if inner is datetime:
        yield keys
    elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        for it in msgspec.structs.fields(inner):
            yield from moments(it.type, (*keys, it.encode_name))
    elif get_origin(inner) is list:
        yield from moments(get_args(inner)[0], (*keys, "0"))
    else:
        for one in get_args(inner):
            yield from moments(one, keys)


def document(kind: Any, keys: tuple[str, ...], moment: str) -> Any:
    """A body of this kind with this moment at this path, and everything that is required."""
    if not keys:
        return moment
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(inner) is list:
        return [document(get_args(inner)[0], keys[1:], moment)]
    fields = {it.encode_name: it for it in msgspec.structs.fields(inner)}
    needed = {name: FIELDS[name] for name, it in fields.items() if it.required and name != keys[0]}
    return {**needed, keys[0]: document(fields[keys[0]].type, keys[1:], moment)}


TAKING = [it for it in CALLS if has_moments(it.body) or has_moments(it.query)]


def test_the_calls_that_take_moments_are_known() -> None:
    assert {"create_event", "change_room", "create_ticket_type", "create_seats", "list_audit"} <= {
        it.name for it in TAKING
    }


async def test_a_moment_out_of_range_is_refused_by_name(web: Web) -> None:
    await web.event()
    for call, moment in product(TAKING, BEYOND):
        for keys in moments(call.body):
            body = msgspec.json.encode(document(call.body, keys, moment)).decode()
            headers = {**await headers_for(web, call, body), "content-type": "application/json"}
            answer = await web.send(call.method, filled(call.path), content=body, headers=headers)
            assert field_of(answer).replace("[0]", ".0") == ".".join(keys), (call.name, keys, moment)
        for [name] in moments(call.query):
            path = f"{filled(call.path)}?{name}={quote(moment)}"
            answer = await web.send(call.method, path, headers=await headers_for(web, call))
            assert field_of(answer) == name, (call.name, moment)


@pytest.mark.parametrize("moment", BEYOND)
def test_files_and_the_form_of_a_sale_name_it(moment: str) -> None:
    for keys in moments(EventDefinition):
        found = {".".join(map(str, it)) for it, _ in find_errors(document(EventDefinition, keys, moment))}
        assert found == {".".join(keys)}


async def test_the_console_refuses_it(web: Web) -> None:
    staff = await web.staff()
    for page in ("orders", "audit"):
        answer = await web.get(f"/admin/{page}?from={quote(BEYOND[0])}", headers=staff)
        assert answer.status_code == 422
        assert "1970 to 9999" in answer.text
    form = {"name": "Gala", "zone": "Pacific/Kiritimati", "starts_at": "0001-01-01T00:00"}
    answer = await web.post("/admin/sales/new", data=form, headers=staff)
    assert answer.status_code == 422
    assert "1970 to 9999" in answer.text


async def test_the_last_moment_can_be_shown_everywhere(web: Web) -> None:
    room = {"opens_at": "2029-01-01T00:00:00Z", "closes_at": LAST}
    await web.event(starts_at=LAST, timezone="Pacific/Kiritimati", room=room)
    staff = await web.staff()
    for path in ("/", "/events/gala", "/rooms/gala", "/v1/events", "/v1/rooms/gala", "/v1/events/gala"):
        assert (await web.get(path)).status_code == 200, path
    for path in ("/admin", "/admin/rooms/gala", "/admin/sales/new?like=gala"):
        assert (await web.get(path, headers=staff)).status_code == 200, path


async def test_a_row_with_such_a_moment_hides_nothing(web: Web, stores: Stores) -> None:
    """Such a moment was accepted once, and that one event made the whole list fail for everybody."""
    await web.event()
    await web.event("other")
    for column, table in (("starts_at", "events"), ("sale_from", "ticket_types")):
        await stores.postgres.execute(
            f"UPDATE {table} SET {column} = '0001-01-01T00:00:00+14:00' WHERE event_id = 'gala'"
        )
    await stores.postgres.execute(
        """UPDATE rooms SET settings = settings || '{"opens_at": "0001-01-01T00:00:00+14:00"}'
           WHERE room_id = 'gala'"""
    )
    staff = await web.staff()
    for path in ("/", "/events/gala", "/rooms/gala", "/v1/events/gala", "/v1/rooms", "/v1/rooms/gala"):
        assert (await web.get(path)).status_code == 200, path
    for path in ("/admin", "/admin/rooms/gala"):
        assert (await web.get(path, headers=staff)).status_code == 200, path
    changed = await web.send("PATCH", "/v1/rooms/gala", json={"message": "soon"}, headers=web.as_("operator"))
    assert field_of(changed) == "opens_at"
    listed = (await web.get("/v1/events")).json()
    assert {it["event_id"] for it in listed["items"]} == {"gala", "other"}
    repaired = await web.send(
        "PATCH", "/v1/events/gala", json={"starts_at": "2030-01-01T00:00:00Z"}, headers=web.as_("admin")
    )
    assert repaired.status_code == 200, repaired.text


def test_milliseconds_that_no_datetime_has_are_the_nearest_one() -> None:
    assert from_ms(-(10**18)) == datetime.fromisoformat("0001-01-01T00:00:00+00:00")
    assert from_ms(10**18) == datetime.fromisoformat("9999-12-31T23:59:59.999999+00:00")
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    assert to_ms(epoch) > 0  # 0 would mean none
