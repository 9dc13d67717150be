"""Signing keys: made once, rotated with overlap, seen by every process."""

from __future__ import annotations

import asyncio

import jwt

from app import accounts, signing
from app.core.model import COMMAND_LINE, Account
from app.core.tokens import KEY_OVERLAP_S
from app.settings import Settings
from app.store import keyring
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, served


async def test_processes_that_start_together_share_one_key(stores: Stores) -> None:
    rings = await asyncio.gather(*(signing.open_keyring(stores.postgres) for _ in range(4)))
    assert len({it.signer.jwks()["keys"][0]["kid"] for it in rings}) == 1
    assert await stores.postgres.fetchval("SELECT count(*) FROM signing_keys") == 1


async def test_after_a_rotation_old_tokens_stay_good_and_new_ones_are_known_everywhere(
    web: Web, settings: Settings
) -> None:
    await web.room()
    async with served(settings) as other:
        old, _ = await accounts.issue_access_token(web.app.stores.postgres, "ann", "operator")
        kid = await signing.rotate(web.app.stores.postgres, by=COMMAND_LINE)
        new, _ = await accounts.issue_access_token(web.app.stores.postgres, "ann", "operator")
        assert jwt.get_unverified_header(new)["kid"] == kid
        other.app.keyring._refreshed_at_s -= 10  # a while ago: it looks again when it meets an unknown key
        for token in (old, new):
            answer = await other.get("/v1/rooms/hall/stats", headers=bearer(token))
            assert answer.status_code == 200
        keys = (await other.get("/.well-known/jwks.json")).json()["keys"]
        assert [keys[0]["kid"], len(keys)] == [kid, 2]


async def test_forged_key_names_do_not_ask_postgres_each_time(web: Web) -> None:
    await web.room()
    ring = web.app.keyring
    token, _ = ring.signer.sign_access(Account(subject="ann", role="admin"), 1)
    payload = jwt.decode(token, options={"verify_signature": False})
    before = ring._refreshed_at_s
    for name in ("one", "two"):
        forged = jwt.encode(payload, "x" * 32, "HS256", {"kid": name})
        answer = await web.get("/v1/rooms/hall/stats", headers=bearer(forged))
        assert code(answer) == (401, "credential_invalid")
    assert ring._refreshed_at_s - before < 60


async def test_a_key_is_forgotten_when_all_its_tokens_have_run_out(stores: Stores) -> None:
    await signing.open_keyring(stores.postgres)
    await signing.rotate(stores.postgres, by=COMMAND_LINE)
    assert len(await keyring.load_keys(stores.postgres)) == 2
    await stores.postgres.execute(
        "UPDATE signing_keys SET retired_at = now() - make_interval(secs => $1) WHERE retired_at IS NOT NULL",
        float(KEY_OVERLAP_S + 1),
    )
    assert len(await keyring.load_keys(stores.postgres)) == 1


async def test_a_rotation_is_in_the_audit_log(web: Web) -> None:
    old = web.app.keyring.signer.jwks()["keys"][0]["kid"]
    new = await signing.rotate(web.app.stores.postgres, by=COMMAND_LINE)
    (row,) = (await web.get("/v1/audit?kind=signing_key", headers=web.as_("operator"))).json()["items"]
    assert (row["action"], row["id"], row["who"]) == ("rotate", new, "cli")
    assert (row["before"], row["after"]) == ({"signs": old}, {"signs": new})
