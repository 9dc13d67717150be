"""Accounts over HTTP: registration, sign-in, throttles, and an account's identity as a visitor."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher

from app.accounts import accounts
from app.accounts.passwords import Passwords
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.settings import Settings
from app.web.http.throttles import LOGINS_PER_ADDRESS
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.support.waiting import wait_until

ANN = {"email": "Ann@Example.org", "name": "Ann 🎷", "password": "correct horse"}
LOGIN = {"email": "ann@example.org", "password": "correct horse"}


async def log_in(web: Web, **new: str) -> dict[str, str]:
    """The header of somebody who has registered and logged in."""
    body = ANN | new
    assert (await web.post("/v1/users", body)).status_code == 201
    answer = await web.post("/v1/login", {name: body[name] for name in LOGIN})
    return bearer(answer.json()["access_token"])


async def test_from_an_account_to_its_own_page(web: Web) -> None:
    made = await web.post("/v1/users", ANN)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/users/me"
    account = made.json()
    assert (account["email"], account["name"], account["role"]) == ("ann@example.org", "Ann 🎷", "user")
    answer = await web.post("/v1/login", LOGIN)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["role"], claims["exp"] - claims["iat"]) == (
        account["account_id"],
        "user",
        12 * 3600,
    )
    ends_at = datetime.fromisoformat(answer.json()["expires_at"])
    assert ends_at == datetime.fromtimestamp(claims["exp"], UTC)
    me = await web.get("/v1/users/me", headers=bearer(token))
    assert me.json() == account
    renamed = await web.send("PUT", "/v1/users/me", json={"name": "Anna"}, headers=bearer(token))
    assert renamed.json() == account | {"name": "Anna"}
    assert (await web.get("/v1/users/me", headers=bearer(token))).json()["name"] == "Anna"


async def test_neither_answers_nor_the_store_tell_a_password(web: Web) -> None:
    made = await web.post("/v1/users", ANN)
    assert "correct horse" not in made.text
    assert "argon2" not in made.text
    password_hash = await web.app.stores.postgres.fetchval("SELECT password_hash FROM accounts")
    assert password_hash.startswith("$argon2id$")


async def test_an_email_has_one_account_however_it_is_spelled(web: Web) -> None:
    answers = await asyncio.gather(
        *(web.post("/v1/users", ANN | {"email": it}) for it in ("ann@x.org", "ANN@x.org", "Ann@X.org"))
    )
    assert sorted(it.status_code for it in answers) == [201, 201, 201]
    again = await web.post("/v1/users", ANN | {"email": "aNN@x.org", "password": "somebody else's"})
    new = await web.post("/v1/users", ANN | {"email": "eve@x.org"})
    assert (again.status_code, again.json().keys()) == (new.status_code, new.json().keys())
    assert again.headers.keys() == new.headers.keys()
    stolen = {"email": "ann@x.org", "password": "somebody else's"}
    assert code(await web.post("/v1/login", stolen)) == (401, "credential_invalid")
    await web.app.stores.postgres.execute("DELETE FROM accounts WHERE email = 'eve@x.org'")
    assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM accounts") == 1


WRONG: list[tuple[str, Any]] = [
    ("email", "nobody"),
    ("email", "a b@c.d"),
    ("email", "a@" + "b" * 253),
    ("name", ""),
    ("name", "n" * 201),
    ("password", "nine char"),
    ("password", "1234567890"),
    ("password", "Qwertyuiop"),
    ("password", "p" * 201),
    ("password", "line\nline"),
    ("password", 12345678),
    ("role", "admin"),
]


async def test_a_wrong_account_is_refused_by_field(web: Web) -> None:
    for field, value in WRONG:
        assert field_of(await web.post("/v1/users", ANN | {field: value})) == field, value
    assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM accounts") == 0


async def test_a_wrong_password_and_an_unknown_email_are_told_alike(web: Web) -> None:
    await web.post("/v1/users", ANN)
    wrong = await web.post("/v1/login", LOGIN | {"password": "correct house"})
    unknown = await web.post("/v1/login", LOGIN | {"email": "eve@example.org"})
    assert code(wrong) == code(unknown) == (401, "credential_invalid")
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_a_hash_of_old_parameters_is_renewed_at_the_next_login(web: Web) -> None:
    await web.post("/v1/users", ANN)
    postgres = web.app.stores.postgres
    old = await Passwords(PasswordHasher(time_cost=1, memory_cost=64)).hash(ANN["password"])
    await postgres.execute("UPDATE accounts SET password_hash = $1", old)
    for _ in range(2):
        assert (await web.post("/v1/login", LOGIN)).status_code == 200
    password_hash = await postgres.fetchval("SELECT password_hash FROM accounts")
    assert password_hash != old
    assert not web.app.passwords.is_outdated(password_hash)


async def test_a_token_without_an_account_has_no_page(web: Web) -> None:
    for role in ("user", "admin"):
        assert code(await web.get("/v1/users/me", headers=web.as_(role))) == (404, "not_found")
    renamed = await web.send("PUT", "/v1/users/me", json={"name": "X"}, headers=web.as_("user"))
    assert code(renamed) == (404, "not_found")


async def test_guessing_one_password_is_throttled_and_others_are_not(settings: Settings) -> None:
    async with served(settings.model_copy(update={"rate_limits": True})) as web:
        web.app.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64)  # cost is irrelevant here
        guesses = [await web.post("/v1/login", LOGIN | {"password": f"guess {n}"}) for n in range(11)]
        assert {code(it) for it in guesses[:10]} == {(401, "credential_invalid")}
        assert code(guesses[10]) == (429, "rate_limited")
        assert guesses[10].headers["ratelimit-policy"] == '"login";q=10;w=60'
        assert guesses[10].headers["ratelimit"].startswith('"login";r=0;t=')
        assert 1 <= int(guesses[10].headers["retry-after"]) <= 60
        same = await web.post("/v1/login", LOGIN | {"email": "ANN@example.ORG"})
        assert code(same) == (429, "rate_limited")  # an alternative spelling is the same account
        other = await web.post("/v1/login", LOGIN | {"email": "bob@example.org"})
        assert code(other) == (401, "credential_invalid")


@pytest.mark.parametrize(("path", "policy"), [("/v1/login", "login-address"), ("/v1/users", "registration")])
async def test_one_address_is_throttled(settings: Settings, path: str, policy: str) -> None:
    async with served(settings.model_copy(update={"rate_limits": True})) as web:
        limiter = web.app.throttles._limiter
        body = LOGIN if path == "/v1/login" else ANN
        await web.post(path, body)  # one real attempt; the others are counted without hashing
        assert await limiter.hit(LOGINS_PER_ADDRESS, policy, "127.0.0.1", cost=59)
        refused = await web.post(path, body | {"email": "new@example.org"})
        assert code(refused) == (429, "rate_limited")
        assert refused.headers["ratelimit-policy"] == f'"{policy}";q=60;w=60'


async def test_the_throttles_can_be_turned_off(web: Web) -> None:
    web.app.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64)
    answers = [await web.post("/v1/login", LOGIN) for _ in range(61)]
    assert {it.status_code for it in answers} == {401}


async def test_an_account_joins_claims_reserves_and_pays(web: Web, worker: object) -> None:
    await web.event()
    ann = await log_in(web)
    phone = await web.join("gala", headers=ann)
    desk = await web.post("/v1/rooms/gala/places", headers=ann)
    assert desk.status_code == 200
    assert [desk.json()[it] for it in ("visitor_id", "queue_number")] == [
        phone[it] for it in ("visitor_id", "queue_number")
    ]
    claimed = await web.post("/v1/rooms/gala/places/me/booking-token", headers=ann)
    assert claimed.status_code == 201
    held = await web.reserve("gala", bearer(claimed.json()["booking_token"]), 2)
    assert held.status_code == 201
    path = f"/v1/reservations/{held.json()['reservation_id']}"
    assert (await web.get(path, headers=ann)).json()["status"] == "held"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{path}/confirm", body, headers={**ann, "Idempotency-Key": "p"})
    assert paid.json()["status"] == "confirmed"
    listed = (await web.get("/v1/users/me/reservations", headers=ann)).json()
    assert listed == {"items": [paid.json()], "total": 1, "page": 1, "per_page": 50}
    cancelled = await web.post(f"{path}/cancel", headers=ann)
    assert cancelled.json()["status"] == "cancelled"


async def test_the_list_is_ones_own_over_all_events_and_paged(web: Web, worker: object) -> None:
    ann, bob = web.as_("user", "ann"), web.as_("user", "bob")
    ids = []
    for event_id in ("gala", "opera"):
        await web.event(event_id)
        for who in (ann, bob):
            await web.join(event_id, headers=who)
            claim = await web.post(f"/v1/rooms/{event_id}/places/me/booking-token", headers=who)
            held = await web.reserve(event_id, bearer(claim.json()["booking_token"]))
            assert held.status_code == 201
            ids += [held.json()["reservation_id"]] if who is ann else []
    path = "/v1/users/me/reservations"
    newest = await web.get(f"{path}?per_page=1", headers=ann)
    assert [it["reservation_id"] for it in newest.json()["items"]] == ids[:0:-1]
    assert newest.json()["total"] == 2
    assert 'page=2&per_page=1>; rel="next"' in newest.headers["link"]
    second = await web.get(f"{path}?per_page=1&page=2", headers=ann)
    assert [it["reservation_id"] for it in second.json()["items"]] == ids[:1]
    assert (await web.get(path, headers=web.as_("user", "eve"))).json()["items"] == []


async def test_a_new_password_ends_all_sign_ins_and_tokens(web: Web) -> None:
    ann, other = await log_in(web), bearer((await web.post("/v1/login", LOGIN)).json()["access_token"])
    path, change = "/v1/users/me/password", {"password": LOGIN["password"], "new_password": "battery staple"}
    wrong = await web.post(path, change | {"password": "not this one"}, headers=ann)
    assert code(wrong) == (401, "credential_invalid")
    for weak in ("too short", "1234567890"):
        assert field_of(await web.post(path, change | {"new_password": weak}, headers=ann)) == "new_password"
    assert (await web.get("/v1/users/me", headers=other)).status_code == 200
    assert (await web.post(path, change, headers=ann)).status_code == 204
    assert code(await web.post("/v1/login", LOGIN)) == (401, "credential_invalid")
    again = await web.post("/v1/login", LOGIN | {"password": "battery staple"})
    fresh = bearer(again.json()["access_token"])
    assert (await web.get("/v1/users/me", headers=fresh)).status_code == 200

    async def over() -> bool:
        return all([(await web.get("/v1/users/me", headers=it)).status_code == 401 for it in (ann, other)])

    await wait_until(over, "the end of the old tokens")


async def test_who_is_appointed_ends_what_a_squatter_began(web: Web) -> None:
    squatter = await log_in(web)
    assert (await web.get("/v1/users/me", headers=squatter)).status_code == 200
    new = NewAccount(email=ANN["email"], name="Ann", password="battery staple")
    await accounts.appoint(web.app.stores, web.app.passwords, new, "admin", by=COMMAND_LINE)
    await web.app.stores.postgres.execute("UPDATE accounts SET role = 'user'")  # so not the role ends it

    async def over() -> bool:
        return (await web.get("/v1/users/me", headers=squatter)).status_code == 401

    await wait_until(over, "the end of the squatter's token")
