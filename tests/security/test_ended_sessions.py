"""Whatever has ended is refused by every call, page and form: tokens, keys, sign-ins, places and sessions."""

from __future__ import annotations

import re

from app.accounts import accounts, api_keys
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from app.web.pages.entry import _PARAMS
from tests.contract.test_every_call import STREAMS, filled
from tests.routes.conftest import Web, bearer, code, served, working
from tests.security.test_origins import OURS, PAGE_PARAMETER, SAMPLES, everything

PASSWORD = "correct horse"
OF_ACCOUNTS = [it for it in CALLS if it.auth is not None and "accessToken" in it.auth.schemes]
WAYS = ("signed out", "new password", "another role", "gone", "key revoked", "maker gone")


async def ended_credential(web: Web, how: str) -> dict[str, str]:
    """The header of an admin's token or key that is no longer valid."""
    stores, name = web.app.stores, how.replace(" ", "-")
    new = NewAccount(email=f"{name}@example.org", name=name, password=PASSWORD)
    made, _ = await accounts.appoint(stores, web.app.passwords, new, "admin", by=COMMAND_LINE)
    login = {"email": new.email, "password": PASSWORD}
    token = bearer((await web.post("/v1/login", login)).json()["access_token"])
    body = {"name": name, "role": "admin"}
    if how == "signed out":
        assert (await web.post("/v1/logout", headers=token)).status_code == 204
    elif how == "new password":
        change = {"password": PASSWORD, "new_password": "battery staple"}
        assert (await web.post("/v1/users/me/password", change, headers=token)).status_code == 204
    elif how == "another role":
        await accounts.change_role(stores, made.account_id, "operator", by=COMMAND_LINE)
    elif how == "gone":
        await stores.postgres.execute("DELETE FROM accounts WHERE account_id = $1", made.account_id)
    else:
        first = (await web.post("/v1/keys", body, headers=token)).json()
        key = (await web.post("/v1/keys", body, headers=bearer(first["key"]))).json()
        ended = key if how == "key revoked" else first
        await api_keys.revoke(stores, ended["key_id"], by=COMMAND_LINE)
        return bearer(key["key"])
    return token


async def test_no_call_takes_a_token_or_a_key_that_is_over(
    web: Web, stores: Stores, settings: Settings
) -> None:
    """In a process other than the one in which it ended, which caches credentials for two seconds."""
    await web.event()
    await web.room()
    last = NewAccount("last@example.org", "Last", PASSWORD)  # an installation always has an admin
    await accounts.appoint(stores, web.app.passwords, last, "admin", by=COMMAND_LINE)
    ended = {how: await ended_credential(web, how) for how in WAYS}
    before = await everything(stores)
    async with served(settings) as other:
        for how, headers in ended.items():
            for call in OF_ACCOUNTS:
                sent = headers | {"Idempotency-Key": "once"}
                answer = await other.send(call.method, filled(call.path), json={}, headers=sent)
                assert code(answer) == (401, "credential_invalid"), (how, call.name, answer.text)
    assert await everything(stores) == before


async def test_no_page_or_form_of_the_console_takes_a_sign_in_that_is_over(web: Web, stores: Stores) -> None:
    await web.event()
    await web.room()

    def sample(found: re.Match[str]) -> str:
        return next(it for it in SAMPLES if _PARAMS[found[1]].fullmatch(it))

    signed_out, run_out = await web.staff("admin"), await web.staff("admin", "another")
    assert (await web.post("/admin/sign-out", data={}, headers=signed_out)).status_code == 303
    await stores.postgres.execute("UPDATE sign_ins SET expires_at = now()")
    before = await everything(stores)
    for headers in (signed_out, run_out, {**OURS, "Cookie": "fairgate_staff=made-up"}):
        for route in CONSOLE:
            path = PAGE_PARAMETER.sub(sample, route.path)
            answer = await web.send(route.method, path, headers=headers | OURS)
            assert answer.status_code == (200 if path == "/admin" else 401), (route.method, path)
            assert 'name="password"' in answer.text, path
    assert await everything(stores) == before


async def test_no_call_takes_a_place_or_a_session_that_is_over(
    web: Web, stores: Stores, settings: Settings
) -> None:
    await web.event(room={"gate_mode": "queue_all"})
    async with working(stores, settings):
        place, booking = await web.inside("gala")
        held = await web.reserve("gala", booking, key="before")
        assert held.status_code == 201, held.text
        assert (await web.send("DELETE", "/v1/rooms/gala/places/me", headers=place)).status_code == 204
    before = await everything(stores)
    for call in CALLS:
        if call.auth is None or call.name in STREAMS:
            continue
        path = filled(call.path).replace("/hall", "/gala")
        if call.auth.name == "place" and call.name not in STAYS_THEIRS and call.name != "leave":
            answer = await web.send(call.method, path, json=BODIES.get(call.name, {}), headers=place)
            if call.method == "GET":
                assert (answer.status_code, answer.json()["state"]) == (200, "done"), call.name
            else:
                assert code(answer) in ((410, "done"), (409, "conflict")), call.name
        elif call.auth.name == "booking":
            items = {"items": [{"ticket_type_id": "floor", "quantity": 1}]}
            answer = await web.send(
                call.method, path, json=items, headers=booking | {"Idempotency-Key": "late"}
            )
            assert code(answer) == (403, "session_ended"), call.name
    assert code(await web.get("/v1/rooms/gala/gate", headers=booking)) == (401, "booking_token_expired")
    after = await everything(stores)
    assert {key: it for key, it in after.items() if ":" not in key} == {
        key: it for key, it in before.items() if ":" not in key
    }, "nothing changed in Postgres"


BODIES = {"want": {"quantity": 2}}
STAYS_THEIRS = {"read_email", "forget_email", "confirm_email", "place_receipt"}
