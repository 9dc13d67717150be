"""Access tokens end with what they stand for: signed out, role changed, account removed; even for reading."""

from __future__ import annotations

from app.accounts import accounts
from app.core.account import COMMAND_LINE, RegisteredAccount
from app.core.catalogue.definitions import NewAccount
from app.core.model import Role
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.support.waiting import wait_until
from worker.context import WorkerContext

PASSWORD = "correct horse battery"


async def hire(web: Web, name: str) -> tuple[RegisteredAccount, dict[str, str]]:
    """An operator, and the header of their token."""
    new = NewAccount(email=f"{name}@example.org", name=name, password=PASSWORD)
    made, _ = await accounts.appoint(web.app.stores, web.app.passwords, new, "operator", by=COMMAND_LINE)
    login = {"email": new.email, "password": PASSWORD}
    return made, bearer((await web.post("/v1/login", login)).json()["access_token"])


async def test_a_token_ends_with_what_it_speaks_for_in_every_process(
    web: Web, settings: Settings, stores: Stores, worker: WorkerContext
) -> None:
    await web.event("gala")
    await web.event("secret", published=False)
    _, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking)).json()["reservation_id"]
    reads = (
        "/v1/events/secret",
        "/v1/rooms/secret",
        f"/v1/reservations/{held}",
        "/v1/events/gala/orders.csv",
    )

    async with served(settings) as other:
        staff = {name: await hire(web, name) for name in ("leaves", "demoted", "promoted", "gone")}
        for _, token in staff.values():
            for path in reads:  # in both processes, which cache tokens briefly
                for at in (web, other):
                    assert (await at.get(path, headers=token)).status_code == 200, path
        for _ in range(2):
            assert (await web.post("/v1/logout", headers=staff["leaves"][1])).status_code in (204, 401)
        changed: dict[str, Role] = {"demoted": "user", "promoted": "admin"}
        for name, role in changed.items():
            await accounts.change_role(stores, staff[name][0].account_id, role, by=COMMAND_LINE)
        await stores.postgres.execute("DELETE FROM accounts WHERE name = 'gone'")
        for name, (_, token) in staff.items():
            assert code(await other.get(reads[-1], headers=token)) == (401, "credential_invalid"), name
            for at in (web, other):
                for path in reads:

                    async def refused(at: Web = at, path: str = path, token: dict[str, str] = token) -> bool:
                        return (await at.get(path, headers=token)).status_code in (401, 404)

                    await wait_until(refused, f"{name} to be known at {path}")
        again = await web.post("/v1/login", {"email": "promoted@example.org", "password": PASSWORD})
        assert (await web.get("/v1/audit", headers=bearer(again.json()["access_token"]))).status_code == 200


async def test_an_api_key_does_no_more_than_its_maker_may_do_now(web: Web, stores: Stores) -> None:
    made, _ = await hire(web, "maker")
    another, _ = await hire(web, "another")  # an installation always has an admin
    await accounts.change_role(stores, another.account_id, "admin", by=COMMAND_LINE)
    await accounts.change_role(stores, made.account_id, "admin", by=COMMAND_LINE)
    body = {"name": "script", "role": "admin"}
    key = bearer((await web.post("/v1/keys", body, headers=web.as_("admin", made.account_id))).json()["key"])
    steps: list[tuple[Role, tuple[int, int]]] = [("admin", (200, 200)), ("operator", (200, 403))]
    for role, statuses in [*steps, ("user", (403, 403))]:
        await accounts.change_role(stores, made.account_id, role, by=COMMAND_LINE)
        for path, status in zip(("/v1/audit", "/v1/keys"), statuses, strict=True):
            assert (await web.get(path, headers=key)).status_code == status, (role, path)
    assert code(await web.post("/v1/logout", headers=key)) == (409, "conflict")


async def test_an_api_key_is_for_its_network_alone(web: Web) -> None:
    admin = web.as_("admin")
    for network, status in (
        ("127.0.0.0/8", 200),
        ("198.51.100.0/24", 401),
        ("2001:db8::/32", 401),
        ("", 200),
    ):
        body = {"name": "script", "role": "admin", "network": network}
        key = bearer((await web.post("/v1/keys", body, headers=admin)).json()["key"])
        listed = await web.get("/v1/keys", headers=admin)
        assert listed.json()["items"][0]["network"] == network
        assert (await web.get("/v1/audit", headers=key)).status_code == status, network
    for network in ("10.0.0.0/99", "1.2.3", "everywhere"):
        body = {"name": "script", "role": "admin", "network": network}
        refused = await web.post("/v1/keys", body, headers=admin)
        assert (refused.status_code, field_of(refused)) == (422, "network")
