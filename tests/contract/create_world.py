"""Creates the world of the generated calls, through the API wherever there is a call for it."""

from __future__ import annotations

from typing import Any

from schemathesis.schemas import BaseSchema as OpenApiSchema

from app.core.accounts.password_resets import digest
from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import session_id
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import sessions
from app.gate.sessions import GateVisitor
from tests.contract.world import (
    CHANGING,
    EVENTS,
    EXPIRES,
    FAN,
    KEY,
    OFFERED,
    PAYMENT,
    RESET,
    RESETTING,
    ROOMS,
    STALLS_SECTION,
    WEBHOOK,
    World,
)
from tests.routes.conftest import Web, bearer, ops
from tests.support.waiting import wait_until

Headers = dict[str, str]


async def a_world(web: Web, url: str, contract: OpenApiSchema, shop: str) -> World:
    """Create it. Needs a running worker: one visitor is inside, one is called."""
    await _sales(web)
    webhook = await _create(web, "/v1/webhooks", WEBHOOK)
    key = await _create(web, "/v1/keys", KEY)
    accounts = await _accounts(web)
    place, booking = await web.inside("gala")
    reservations = await _reservations(web, booking)
    places = await _places(web)
    sids = await _sessions(web)
    shops = await _knownuser(web)
    again = await web.post("/v1/rooms/gala/places", {"email": FAN["email"]}, headers=place)
    assert again.status_code == 200
    await _until_called(web, places["called"])
    await _until_logged(web)
    visitor_id = VisitorId(reservations["visitor_id"])
    return World(
        url,
        contract,
        ids={
            **{"room_id": "gala", "event_id": "gala", "ticket_type_id": "floor"},
            **{it: it for it in (*ROOMS, *EVENTS)},
            **reservations,
            **{"key_id": key["key_id"], "webhook_id": webhook["webhook_id"]},
            **{"sid": sids["to_end"], **sids},
            "invite_id": await _an_invite(web),
            **await _a_code(web),
            "guest": await _a_guest(web),
            **{"customer_id": "shop", "alert_id": await _an_alert(web)},
            "request_id": web.app.places.request_id(RoomId("gala"), visitor_id, 1),
        },
        credentials={
            **{"admin": web.as_("admin"), "operator": web.as_("operator")},
            **{**accounts, "place": place, "booking": booking, **places, "shop": shops},
            **{"ops": ops(), "nobody": {}, "gateway": {}, "forged": bearer("a.b.c")},
        },
        code=await web.app.stores.postgres.fetchval("SELECT confirm_code FROM mailboxes"),
        shop=shop,
        link=_link(web, reservations["reservation_id"]),
    )


async def _sales(web: Web) -> None:
    """A sale with everything in it, plus rooms and events for changes."""
    patient = {"claim_window_s": 3600, "session_ttl_s": 3600, "session_ends_on_confirm": False}
    await web.event(
        "gala", floor=1000, max_tickets_per_visitor=100, hold_ttl_s=3600, hold_extend_s=60, room=patient
    )
    await _create(web, "/v1/events/gala/seats", STALLS_SECTION)
    for event_id in EVENTS:
        await web.event(event_id)
    for room_id in ROOMS:
        identity = "email" if room_id == "to-close" else "none"
        await web.room(room_id, proof_of_work=room_id == "to-resume", identity=identity)
    for room_id in ("hall", "matinee"):
        await web.post(f"/v1/rooms/{room_id}/pause", headers=web.as_("operator"))


async def _accounts(web: Web) -> dict[str, Headers]:
    """Signed-in accounts by name; and somebody who has forgotten their password."""
    await _create(web, "/v1/users", {**FAN, "name": "Fan"})
    user, going = [bearer((await web.post("/v1/login", FAN)).json()["access_token"]) for _ in "ab"]
    await _create(web, "/v1/users", CHANGING | {"name": "Changing"})
    changing = bearer((await web.post("/v1/login", CHANGING)).json()["access_token"])
    await _create(web, "/v1/users", RESETTING | {"name": "Resetting"})
    await web.app.stores.postgres.execute(
        "INSERT INTO password_resets SELECT $1, account_id, now() + interval '1 hour' FROM accounts "
        "WHERE email = $2",
        *(digest(RESET), RESETTING["email"]),
    )
    return {"user": user, "going": going, "changing": changing}


async def _reservations(web: Web, booking: Headers) -> dict[str, str]:
    """One visitor's reservations by what happens to each, the visitor, and the payment of the paid one."""
    names = ("reservation_id", "to_confirm", "to_pay", "to_cancel", "to_refund", "paid", "given")
    held = [(await web.reserve("gala", booking, key=f"held-{i}")).json() for i in range(len(names))]
    ids = {name: it["reservation_id"] for name, it in zip(names, held, strict=True)}
    path, once = f"/v1/reservations/{ids['paid']}/confirm", {"Idempotency-Key": "paid"}
    await _create(web, path, PAYMENT, {**booking, **once}, 200)
    postgres = web.app.stores.postgres
    payment_id = await postgres.fetchval("SELECT payment_id FROM payments")
    await postgres.execute("INSERT INTO undone_scans VALUES ('undone', 'gala', 'ticket')")
    ticket_id = await postgres.fetchval("SELECT ticket_id FROM tickets")
    given, one = f"/v1/reservations/{ids.pop('given')}/confirm", {"Idempotency-Key": "given"}
    ticket = (await _create(web, given, PAYMENT, {**booking, **one}, 200))["tickets"][0]["ticket_id"]
    await postgres.execute(
        "INSERT INTO transfers (transfer_id, token_hash, ticket_id, email, expires_at) "
        "VALUES ('offered', $1, $2, 'mia@example.org', now() + interval '1 hour')",
        *(digest(OFFERED), ticket),
    )
    return ids | {"visitor_id": held[0]["visitor_id"], "payment_id": payment_id, "ticket_id": ticket_id}


async def _places(web: Web) -> dict[str, Headers]:
    """Visitors in the queue, by what happens to them."""
    rooms = {"waiting": "hall", "wanting": "matinee", "leaving": "gala", "called": "gala"}
    return {name: bearer((await web.join(it))["place_token"]) for name, it in rooms.items()}


async def _until_logged(web: Web) -> None:
    async def signed() -> bool:
        found = await web.get("/v1/rooms/gala/log/head")
        return found.status_code == 200 and found.json()["head"] is not None

    await wait_until(signed, "the log of the room to be signed")


async def _until_called(web: Web, place: Headers) -> None:
    async def is_called() -> bool:
        mine = await web.get("/v1/rooms/gala/places/me", headers=place)
        return bool(mine.json()["state"] == "called")

    await wait_until(is_called, "the call")


async def _sessions(web: Web) -> dict[str, str]:
    """Sessions of visitors who came through the gate."""
    inside = [
        await sessions.enter(web.app.gate, RoomId("spare"), GateVisitor(new_visitor_id(), "", True))
        for _ in "ab"
    ]
    to_end, to_renew = [session_id(it.visitor_id, it.queue_number or 0) for it in inside if it is not None]
    return {"to_end": to_end, "to_renew": to_renew}


async def _knownuser(web: Web) -> Headers:
    """Two rooms with KnownUser and a login, and the key of the shop in front of the gala."""
    for room_id in ("to-resume", "gala"):
        path = f"/v1/rooms/{room_id}/knownuser"
        body = {"customer_id": "shop", "public_config": True, "secret_key": f"{room_id:x<16}"}
        spoken = await web.send("PUT", path, json=body, headers=web.as_("operator"))
        assert spoken.status_code == 200, spoken.text
        login = {"algorithm": "HS256"}
        path = f"/v1/rooms/{room_id}/member-login"
        await web.send("PUT", path, json=login, headers=web.as_("operator"))
    return {"api-key": spoken.json()["api_key"]}


async def _a_code(web: Web) -> dict[str, str]:
    """A code of the gala, and its set."""
    body = {"name": "Fans", "code": "TEN", "percent": 10}
    return {"set_id": (await _create(web, "/v1/events/gala/codes", body))["set_id"], "code": "TEN"}


async def _a_guest(web: Web) -> str:
    """The order of a guest of the gala, to be withdrawn."""
    made = await _create(web, "/v1/events/gala/guests", {"name": "Bob", "ticket_type_id": "floor"})
    return str(made["reservation_id"])


async def _an_invite(web: Web) -> str:
    """An invitation to the gala, to be withdrawn."""
    path = "/v1/rooms/gala/invites"
    await web.post(path, {"emails": ["guest@example.org"]}, headers=web.as_("operator"))
    found: str = (await web.get(path, headers=web.as_("operator"))).json()["items"][0]["invite_id"]
    return found


def _link(web: Web, reservation_id: str) -> dict[str, Any]:
    """The query of the link with which the fan's account takes over a reservation."""
    return {"expires": EXPIRES, "signature": web.app.claims.sign(reservation_id, FAN["email"], EXPIRES)}


async def _an_alert(web: Web) -> str:
    """A lasting one: a key that is old."""
    postgres = web.app.stores.postgres
    await postgres.execute("UPDATE signing_keys SET created_at = now() - interval '400 days'")
    made = await postgres.fetchval(
        "INSERT INTO alerts (rule, subject, severity, text, since) "
        "VALUES ('key_old', 'booking', 'ticket', 'The key is old.', now()) RETURNING alert_id"
    )
    return str(made)


async def _create(
    web: Web, path: str, body: Any, headers: dict[str, str] | None = None, status: int = 201
) -> dict[str, Any]:
    answer = await web.post(path, body, headers=headers or web.as_("admin"))
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document
