"""Signing keys: created once, rotated with overlap, known to every process."""

from __future__ import annotations

import asyncio
import time

import jwt

from app.accounts import accounts, signing_keys
from app.core.account import COMMAND_LINE, Account
from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import BookingClaims, PassClaims
from app.core.tokens.signing_key import SigningKey
from app.core.tokens.tokens import KEY_OVERLAP_S, BookingSigner
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.accounts import signing_keys as keyring
from tests.routes.conftest import Web, bearer, code, served
from tests.support.waiting import wait_until


async def test_processes_that_start_together_share_one_key(stores: Stores) -> None:
    rings = await asyncio.gather(*(signing_keys.open_keyring(stores.postgres) for _ in range(4)))
    assert len({it.signer.jwks()["keys"][0]["kid"] for it in rings}) == 1
    assert await stores.postgres.fetchval("SELECT count(*) FROM signing_keys") == 4  # one per purpose


async def test_after_a_rotation_old_tokens_stay_good_and_new_ones_are_known_everywhere(
    web: Web, settings: Settings
) -> None:
    await web.room()
    async with served(settings) as other:
        old, _ = await accounts.issue_access_token(web.app.stores.postgres, "ann", "operator")
        made = await signing_keys.rotate(web.app.stores.postgres, by=COMMAND_LINE)
        new, _ = await accounts.issue_access_token(web.app.stores.postgres, "ann", "operator")
        assert jwt.get_unverified_header(new)["kid"] == made["access"]
        for token in (old, new):
            answer = await other.get("/v1/rooms/hall/stats", headers=bearer(token))
            assert answer.status_code == 200
        keys = (await other.get("/.well-known/jwks.json")).json()["keys"]
        assert {it["kid"] for it in keys[:3]} == {made["booking"], made["pass"], made["log"]}
        assert len(keys) == 6


async def test_forged_key_names_do_not_ask_postgres_each_time(web: Web) -> None:
    await web.room()
    ring = web.app.keyring
    token, _ = ring.signer.sign_access(Account(subject="ann", role="admin"), 1)
    payload = jwt.decode(token, options={"verify_signature": False})
    reads = []
    for name in ("one", "two"):
        forged = jwt.encode(payload, "x" * 32, "HS256", {"kid": name})
        answer = await web.get("/v1/rooms/hall/stats", headers=bearer(forged))
        assert code(answer) == (401, "credential_invalid")
        reads.append(ring._looked_again_at_s)
    assert reads[0] == reads[1]


async def test_a_key_is_forgotten_when_all_its_tokens_have_run_out(stores: Stores) -> None:
    await signing_keys.open_keyring(stores.postgres)
    await signing_keys.rotate(stores.postgres, by=COMMAND_LINE)
    assert len(await keyring.load_keys(stores.postgres)) == 8
    await stores.postgres.execute(
        "UPDATE signing_keys SET retired_at = now() - make_interval(secs => $1) WHERE retired_at IS NOT NULL",
        float(KEY_OVERLAP_S + 1),
    )
    assert len(await keyring.load_keys(stores.postgres)) == 4


async def test_a_rotation_is_in_the_audit_log(web: Web) -> None:
    made = await signing_keys.rotate(web.app.stores.postgres, by=COMMAND_LINE)
    rows = (await web.get("/v1/audit?kind=signing_key", headers=web.as_("operator"))).json()["items"]
    assert {(it["action"], it["id"], it["who"]) for it in rows} == {
        ("rotate", kid, "cli") for kid in made.values()
    }
    assert all(it["before"]["signs"] and it["after"] == {"signs": it["id"]} for it in rows)


async def test_each_kind_of_token_has_its_key_and_no_other_signs_it(web: Web) -> None:
    signer, now_s = web.app.keyring.signer, int(time.time())
    kids: dict[str, str] = {it.purpose: it.kid for it in await keyring.load_keys(web.app.stores.postgres)}
    room, visitor = RoomId("hall"), VisitorId("ann")
    booking = signer.sign(BookingClaims(room, visitor, "j", now_s, now_s + 60))
    pass_ = signer.sign_pass(PassClaims(room, visitor, "s", now_s, now_s + 60, now_s, ""))
    access, _ = signer.sign_access(Account(subject="ann", role="admin"), now_s)
    for purpose, token in (("booking", booking), ("pass", pass_), ("access", access)):
        assert jwt.get_unverified_header(token)["kid"] == kids[purpose]
    published = {it["kid"] for it in (await web.get("/.well-known/jwks.json")).json()["keys"]}
    assert published == {kids["booking"], kids["pass"], kids["log"]}
    keys: dict[str, SigningKey] = {it.purpose: it for it in await keyring.load_keys(web.app.stores.postgres)}
    for purpose in ("booking", "pass"):  # neither of these keys can make an admin
        strange = BookingSigner([SigningKey(keys[purpose].kid, keys[purpose].private)])
        forged, _ = strange.sign_access(Account(subject="ann", role="admin"), now_s)
        assert code(await web.get("/v1/audit", headers=bearer(forged))) == (401, "credential_invalid")


async def test_a_revoked_key_is_good_for_nothing_in_no_process(web: Web, settings: Settings) -> None:
    await web.room()
    async with served(settings) as other:
        before = other.as_("admin")
        assert (await other.get("/v1/audit", headers=before)).status_code == 200
        (kid,) = [it.kid for it in await keyring.load_keys(web.app.stores.postgres) if it.purpose == "access"]
        assert await signing_keys.revoke(web.app.stores.postgres, kid, by=COMMAND_LINE) == "access"
        assert await signing_keys.revoke(web.app.stores.postgres, kid, by=COMMAND_LINE) is None

        async def refused() -> bool:
            return (await other.get("/v1/audit", headers=before)).status_code == 401

        await wait_until(refused, "the revocation to be noticed")
        again = await other.get("/v1/audit?kind=signing_key", headers=other.as_("admin"))
        assert ["rotate", "revoke"] == [it["action"] for it in again.json()["items"]]
        assert kid not in {it.kid for it in await keyring.load_keys(web.app.stores.postgres)}
