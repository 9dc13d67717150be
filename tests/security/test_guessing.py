"""Password guesses are limited by account and address, and never keep the owner from signing in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from argon2 import PasswordHasher

from app.accounts import accounts
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.core.errors import RateLimited
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.access.devices import DEVICE_COOKIE
from app.web.http.cookies import HOST_PREFIX
from app.web.http.throttles import LOGINS_PER_ACCOUNT, LOGINS_PER_ACCOUNT_AND_ADDRESS, LOGINS_PER_ADDRESS
from tests.routes.conftest import Web, served

BOSS = {"email": "boss@example.org", "password": "correct horse"}
OTHER = {"email": "other@example.org", "password": "battery staple"}
WRONG = {"email": BOSS["email"], "password": "wrong horse"}
OURS = {"Origin": "https://fairgate.test"}
HOME = "192.0.2.1"
WAYS = ("/v1/login", "/admin/sign-in")


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """An app with throttles behind a trusted proxy that speaks TLS, and two staff accounts."""
    chosen = {"rate_limits": True, "trusted_proxies": ["127.0.0.0/8"], "public_url": "https://fairgate.test"}
    async with served(settings.model_copy(update=chosen)) as found:
        # hashing cost does not matter here
        found.app.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64)
        for it in (BOSS, OTHER):
            new = NewAccount(name="Staff", **it)
            await accounts.appoint(stores, found.app.passwords, new, "admin", by=COMMAND_LINE)
        yield found


async def log_in(web: Web, way: str, login: dict[str, str], address: str, cookie: str = "") -> httpx.Response:
    """Sign in from this address, with the cookie of a device."""
    headers = {**OURS, "X-Forwarded-For": address} | ({"Cookie": cookie} if cookie else {})
    sent = {"json": login} if way == "/v1/login" else {"data": login}
    return await web.send("POST", way, headers=headers, **sent)


def device_of(answer: httpx.Response) -> str:
    """The cookie of the device on which somebody signed in."""
    (found,) = [it for it in answer.headers.get_list("set-cookie") if DEVICE_COOKIE in it]
    for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/;", "Max-Age=31536000"):
        assert word in found
    assert found.startswith(HOST_PREFIX)
    assert BOSS["email"] not in found
    return str(found.partition(";")[0])


async def attack(web: Web, addresses: int) -> int:
    """Guess once from each of this many addresses; returns how many guesses were checked."""
    answers = [await log_in(web, "/v1/login", WRONG, f"10.0.{n // 250}.{n % 250}") for n in range(addresses)]
    assert {it.status_code for it in answers} <= {401, 429}
    return sum(it.status_code == 401 for it in answers)


def signed_in(answer: httpx.Response) -> bool:
    return answer.status_code in (200, 303)


async def test_a_thousand_addresses_do_not_lock_out_a_device_the_account_knows(web: Web) -> None:
    devices = [device_of(await log_in(web, way, BOSS, HOME)) for way in WAYS]
    await attack(web, addresses=20)
    for n in range(1000):  # the same without hashing
        with suppress(RateLimited):
            await web.app.throttles.login(f"10.1.{n // 250}.{n % 250}", BOSS["email"])
    for _ in range(12):  # use up what is left for other devices, from the owner's own address as well
        await log_in(web, "/v1/login", WRONG, HOME)
    for way, device in zip(WAYS, devices, strict=True):
        assert (await log_in(web, way, BOSS, HOME)).status_code == 429
        assert signed_in(await log_in(web, way, BOSS, HOME, device))
        assert signed_in(await log_in(web, way, BOSS, "198.51.100.7", device)), "from any address"


async def test_the_owner_gets_in_from_an_address_of_their_own_meanwhile(web: Web) -> None:
    await attack(web, addresses=50)
    for way in WAYS:
        assert (await log_in(web, way, WRONG, HOME)).status_code == 401
        assert signed_in(await log_in(web, way, BOSS, HOME))


async def test_one_account_takes_so_many_guesses_however_many_addresses_they_come_from(web: Web) -> None:
    """Each address gets a few per hour and, beyond that, all of them together get a few per minute."""
    each = LOGINS_PER_ACCOUNT_AND_ADDRESS.amount
    looked_at = 0
    for _ in range(3 * each):
        looked_at += await attack(web, addresses=10)
    assert looked_at <= 10 * each + LOGINS_PER_ACCOUNT.amount
    assert (await log_in(web, "/admin/sign-in", WRONG, "10.0.0.1")).status_code == 429, "both share a limit"
    assert signed_in(await log_in(web, "/v1/login", OTHER, HOME)), "other accounts are not affected"


async def test_one_address_guesses_at_so_many_accounts(web: Web) -> None:
    statuses = [
        (await log_in(web, WAYS[n % 2], WRONG | {"email": f"{n}@example.org"}, "10.9.9.9")).status_code
        for n in range(LOGINS_PER_ADDRESS.amount + 10)
    ]
    assert statuses == [401] * LOGINS_PER_ADDRESS.amount + [429] * 10


async def test_a_device_is_known_to_its_account_alone_until_the_password_changes(web: Web) -> None:
    mine = device_of(await log_in(web, "/v1/login", BOSS, HOME))
    theirs = device_of(await log_in(web, "/admin/sign-in", OTHER, HOME))
    name, _, value = mine.partition("=")
    await attack(web, addresses=20)
    for _ in range(10):
        await log_in(web, "/v1/login", WRONG, HOME)
    for cookie in (theirs.partition("=")[2], f"{value}x", value[:-1], "d1.e30.x", "d1", "x" * 5000):
        forged = await log_in(web, "/v1/login", BOSS, HOME, f"{name}={cookie}")
        assert forged.status_code == 429, cookie
    answers = [await log_in(web, "/v1/login", WRONG, HOME, mine) for _ in range(12)]
    assert [it.status_code for it in answers] == [401] * 10 + [429] * 2, "its own bucket, not none"
    both = f"{theirs}; {device_of(await log_in(web, '/v1/login', OTHER, HOME, theirs))}"
    assert signed_in(await log_in(web, "/v1/login", OTHER, HOME, both))
    token = (await log_in(web, "/v1/login", OTHER, HOME, theirs)).json()["access_token"]
    change = {"password": OTHER["password"], "new_password": "another staple"}
    done = await web.post("/v1/users/me/password", change, headers={"Authorization": f"Bearer {token}"})
    assert done.status_code == 204
    for _ in range(11):
        await log_in(web, "/v1/login", OTHER, HOME, theirs)  # the old password
    again = await log_in(web, "/v1/login", OTHER, HOME, theirs)
    assert again.status_code == 429
    assert again.headers["ratelimit-policy"].startswith('"login";'), "as from an unknown device"
