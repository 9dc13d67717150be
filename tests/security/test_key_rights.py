"""API keys do what their scopes and events allow, in every call, and never more than their creator may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.core.accounts.scopes import SCOPES, KeyRights
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint
from tests.contract.test_every_call import STREAMS
from tests.routes.conftest import Web, bearer, code, field_of, served, working
from tests.security.test_origins import everything

FOR_KEYS = [it for it in CALLS if it.auth is not None and it.auth.takes_keys]
MINE, OTHER = "gala", "matinee"
BASE = "http://fairgate.test"
NEW_EVENT = {"event_id": "new", "name": "New", "starts_at": "2030-01-01T20:00:00Z"}
BODIES: dict[str, Any] = {  # valid bodies, so that only the key can be refused
    "create_room": {"room_id": "new-room", "name": "New"},
    "change_room": {"admission_rate_per_minute": 7},
    "create_event": NEW_EVENT,
    "change_event": {"venue": "Elsewhere"},
    "create_ticket_type": {"ticket_type_id": "box", "name": "Box", "price": 1, "quantity": 2},
    "change_ticket_type": {"quantity": 9},
    "create_seats": {"sections": [{"name": "Balcony", "price": 1, "rows": 1, "seats_per_row": 1}]},
    "create_codes": {"name": "More", "code": "more", "percent": 5},
    "add_guest": {"name": "Ada", "ticket_type_id": "floor"},
    "switch_codes": {"active": False},
    "switch_code": {"active": False},
    "transfer_ticket": {"ticket_id": "t" * 32, "email": "bob@example.org"},
    "block_seats": {"seat_ids": ["balcony-a-1"]},
    "set_seat_kind": {"seat_ids": ["balcony-a-1"], "kind": ""},
    "save_seat_plan": {"sections": []},
    "release_seats": {"seat_ids": ["balcony-a-1"]},
    "invite_members": {"emails": ["guest@example.org"]},
    "set_member_login": {"algorithm": "HS256"},
    "move_event": {"starts_at": "2036-01-01T20:00:00Z"},
    "cancel_event": {},
    "create_webhook": {"url": "http://127.0.0.1:9/", "types": ["room.sold_out"]},
    "create_key": {"name": "Another", "role": "operator"},
}


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app, with webhooks into private networks allowed and enough e-mail settings for invitations."""
    mails = {"smtp_url": SecretStr("smtp://127.0.0.1:9"), "mail_from": "a@example.org", "public_url": BASE}
    async with served(settings.model_copy(update={"webhooks_private": True, **mails})) as found:
        yield found


async def a_key(web: Web, by: dict[str, str] | None = None, **fields: Any) -> dict[str, str]:
    """The header of a new key of an admin."""
    body = {"name": "script", "role": "admin", **fields}
    made = await web.post("/v1/keys", body, headers=by or web.as_("admin"))
    assert made.status_code == 201, made.text
    return bearer(made.json()["key"])


async def an_invite(web: Web, room_id: str) -> str:
    """An invitation to the room."""
    path, by = f"/v1/rooms/{room_id}/invites", web.as_("operator")
    sent = await web.post(path, BODIES["invite_members"], headers=by)
    assert sent.status_code == 200, sent.text
    found: str = (await web.get(path, headers=by)).json()["items"][0]["invite_id"]
    return found


async def a_code(web: Web, event_id: str) -> dict[str, str]:
    """A code, and its set."""
    body = {"name": "Fans", "code": "FANS", "percent": 10}
    made = await web.post(f"/v1/events/{event_id}/codes", body, headers=web.as_("admin"))
    assert made.status_code == 201, made.text
    return {"set_id": made.json()["set_id"], "code": "FANS"}


async def a_sale(web: Web, event_id: str, **fields: Any) -> dict[str, str]:
    """An event with one of everything that a path may name; returns the path parameters."""
    await web.event(event_id)
    place, booking = await web.inside(event_id)
    held = await web.reserve(event_id, booking)
    assert held.status_code in (201, 202), held.text
    mine = (await web.get(f"/v1/rooms/{event_id}/places/me", headers=place)).json()
    if fields:
        changed = await web.send("PATCH", f"/v1/events/{event_id}", json=fields, headers=web.as_("admin"))
        assert changed.status_code == 200, changed.text
    return {
        "event_id": event_id,
        "room_id": event_id,
        "ticket_type_id": "floor",
        "reservation_id": held.json()["reservation_id"],
        "visitor_id": mine["visitor_id"],
        "sid": f"{mine['visitor_id']}-1",
        "invite_id": await an_invite(web, event_id),
        **await a_code(web, event_id),
        "ticket_id": "t" * 32,
    }


async def ids_of(web: Web, **fields: Any) -> dict[str, str]:
    """The path parameters of the event that the test's key is not for, plus those of a webhook and a key."""
    found = await a_sale(web, OTHER, **fields)
    hook = await web.post("/v1/webhooks", BODIES["create_webhook"], headers=web.as_("admin"))
    key = await web.post("/v1/keys", BODIES["create_key"], headers=web.as_("admin"))
    ids = {"webhook_id": hook.json()["webhook_id"], "key_id": key.json()["key_id"], "alert_id": "7"}
    return found | ids


async def ask(web: Web, call: Endpoint, ids: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    body = BODIES.get(call.name, {"reference": "till"} if call.name == "confirm_paid" else None)
    headers = headers | ({"Idempotency-Key": "once"} if call.name == "confirm" else {})
    return await web.send(call.method, call.path.format(**ids), json=body, headers=headers)


async def unchanged(stores: Stores) -> dict[str, str]:
    """Everything stored, except when keys were last used."""
    await stores.postgres.execute("UPDATE api_keys SET last_used_at = now()")  # updated at most once a minute
    return await everything(stores)


async def test_without_its_scope_a_key_is_refused_and_changes_nothing(
    web: Web, stores: Stores, settings: Settings
) -> None:
    """Every call for keys, by a key with all scopes but its own; those without a scope, by a key with all."""
    async with working(stores, settings):
        ids = await ids_of(web)
    keys = {one: await a_key(web, scopes=[it for it in SCOPES if it != one]) for one in SCOPES}
    everything_but_this = {None: await a_key(web, scopes=list(SCOPES)), **keys}
    before = await unchanged(stores)
    assert {it.scope for it in FOR_KEYS} >= {*SCOPES} - {"events:read"}
    for call in FOR_KEYS:
        answer = await ask(web, call, ids, everything_but_this[call.scope])
        assert code(answer) == (403, "scope_required"), call.name
    assert await everything(stores) == before
    for call in FOR_KEYS:  # the missing scope is what refused them
        if call.scope and call.method == "GET" and call.name not in STREAMS:
            one = await a_key(web, scopes=[call.scope])
            assert (await ask(web, call, ids, one)).status_code in (200, 404), call.name  # some have none


async def test_a_key_of_an_event_neither_reads_nor_changes_another(
    web: Web, stores: Stores, settings: Settings
) -> None:
    """With every scope, by any call, including what is unpublished. Lists contain only its own event."""
    async with working(stores, settings):
        mine, ids = await a_sale(web, MINE), await ids_of(web, published=False)
    key = await a_key(web, events=[MINE])
    before = await unchanged(stores)
    for call in FOR_KEYS:
        if call.scope is None or call.of_its_events:
            continue
        answer = await ask(web, call, ids, key)
        assert code(answer) == (403, "event_not_allowed"), call.name
    for call in CALLS:  # calls for everybody, and for staff where it is hidden
        if call.auth is None and {"event_id", "room_id"} & set(call.path.replace("}", "{").split("{")):
            assert (await ask(web, call, ids, key)).status_code in (400, 401, 404, 422), call.name
    lists = [it for it in CALLS if it.of_its_events] + [it for it in CALLS if it.name == "list_events"]
    assert len(lists) == 2
    for call in lists:
        found = (await ask(web, call, ids, key)).json()
        assert [it["event_id"] for it in found["items"]] == [MINE], call.name
        assert found["total"] == 1
    assert (await web.get(f"/v1/orders?q={ids['reservation_id']}", headers=key)).json()["items"] == []
    assert (await web.get(f"/v1/orders?event_id={OTHER}", headers=key)).json()["items"] == []
    assert await everything(stores) == before
    for call in FOR_KEYS:  # its own event remains its own
        if call.scope and call.method == "GET" and call.name not in STREAMS and "{" in call.path:
            if not {"webhook_id", "key_id"} & set(call.path.replace("}", "{").split("{")):
                assert (await ask(web, call, mine, key)).status_code in (200, 404), call.name
    changed = await web.send("PATCH", f"/v1/events/{MINE}", json={"venue": "Here"}, headers=key)
    assert changed.json()["venue"] == "Here"
    unpublish = {"published": False}
    assert (await web.send("PATCH", f"/v1/events/{MINE}", json=unpublish, headers=key)).status_code == 200
    assert (await web.get(f"/v1/events/{MINE}", headers=key)).status_code == 200
    assert (await web.get(f"/v1/events/{MINE}")).status_code == 404
    blind = await a_key(web, scopes=["events:write"], events=[MINE])
    assert (await web.get(f"/v1/events/{MINE}", headers=blind)).status_code == 404


async def test_a_key_that_a_key_made_has_no_more_rights_and_ends_with_it(web: Web) -> None:
    await web.event(MINE)
    await web.event(OTHER)
    scopes = ["keys:write", "rooms:write", "rooms:read"]
    made = await web.post(
        "/v1/keys", {"name": "first", "role": "admin", "scopes": scopes}, headers=web.as_("admin")
    )
    first = made.json()
    child = await a_key(web, bearer(first["key"]))
    bound = await a_key(web, bearer(first["key"]), events=[MINE], scopes=["rooms:write", "events:write"])
    assert code(await web.get("/v1/audit", headers=child)) == (403, "scope_required")
    assert (await web.get(f"/v1/rooms/{OTHER}/settings", headers=child)).status_code == 200
    assert (await web.post(f"/v1/rooms/{MINE}/pause", headers=bound)).status_code == 200
    assert code(await web.post(f"/v1/rooms/{OTHER}/pause", headers=bound)) == (403, "event_not_allowed")
    refused = await web.send("PATCH", f"/v1/events/{MINE}", json={"venue": "x"}, headers=bound)
    assert code(refused) == (403, "scope_required")
    last = child
    for _ in range(7):  # the allowed depth of keys created by keys; the last one exceeds it
        last = await a_key(web, last)
    assert code(await web.get(f"/v1/rooms/{OTHER}/settings", headers=last)) == (401, "credential_invalid")
    await web.send("DELETE", f"/v1/keys/{first['key_id']}", headers=web.as_("admin"))
    for it in (child, bound):
        answer = await web.get(f"/v1/rooms/{MINE}/settings", headers=it)
        assert code(answer) == (401, "credential_invalid")


async def test_what_a_key_is_limited_to_is_checked_shown_and_audited(web: Web) -> None:
    await web.event(MINE)
    admin = web.as_("admin")
    for field, wrong in (("scopes", []), ("scopes", ["all"]), ("events", []), ("events", ["none"])):
        body = {"name": "x", "role": "admin", field: wrong}
        assert field_of(await web.post("/v1/keys", body, headers=admin)).partition("[")[0] == field
    await a_key(web, scopes=["stats:read", "rooms:read", "stats:read"], events=[MINE])
    (key,) = (await web.get("/v1/keys", headers=admin)).json()["items"]
    assert (key["scopes"], key["events"]) == (["rooms:read", "stats:read"], [MINE])
    (entry,) = (await web.get("/v1/audit?kind=api_key", headers=admin)).json()["items"]
    assert (entry["after"]["scopes"], entry["after"]["events"]) == (["rooms:read", "stats:read"], [MINE])
    ours = await web.staff("admin")
    page = await web.get("/admin/keys", headers=ours)
    form = page.text.partition('name="form" value="')[2].partition('"')[0]
    sent = {"form": form, "name": "by form", "role": "operator", "days": "7", "events": f"{MINE}, {MINE}"}
    made = await web.post(
        "/admin/keys/create", data={**sent, "scope rooms:write": "on", "scope nothing": "on"}, headers=ours
    )
    assert "only rooms:write" in made.text
    assert f"for {MINE}" in made.text
    wrong_form = {**sent, "form": "0" * 32, "events": "none", "scope stats:read": "on"}
    refused = await web.post("/admin/keys/create", data=wrong_form, headers=ours)
    assert refused.status_code == 422
    assert "there is no event none" in refused.text
    assert 'name="scope stats:read" checked' in refused.text


def test_rights_only_become_less() -> None:
    all_, some = KeyRights(), KeyRights(frozenset({"rooms:read"}), frozenset({"a"}), frozenset({"a"}))
    assert all_.within(some) == some.within(all_) == some
    other = KeyRights(frozenset({"rooms:write"}), frozenset({"b"}), frozenset({"b"}))
    assert some.within(other) == KeyRights(frozenset(), frozenset(), frozenset())
    assert not some.within(other).is_for({"event_id": "a"})
    assert not some.is_for({}), "a call about everything"
    assert all_.is_for({})
    assert all_.is_for({"event_id": "a", "room_id": "b"})
