"""The public log over HTTP: anybody can read it and check its contents against the signed heads."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core.assurance.merkle import (
    Frontier,
    consistency_path,
    includes,
    inclusion_path,
    is_consistent,
    leaf_hash,
)
from app.core.assurance.notes import checkpoint_of, cosignature_line, parts_of, verifier_of
from app.core.model import RoomId
from app.store.keys import RoomKeys
from app.store.sql.assurance.cosignatures import insert_cosignature
from app.waiting_room.room_log import write
from tests.routes.conftest import Web, bearer

HALL = RoomId("hall")
LOG = "/v1/rooms/hall/log"


async def a_long_log(web: Web, size: int) -> list[str]:
    """A room whose log has at least this many leaves; returns all of them."""
    await web.room()
    client: Any = web.app.stores.redis
    for first in range(0, size, 100):
        text = "\n".join(f"joined {first + it} someone{first + it}" for it in range(100))
        await client.xadd(RoomKeys(HALL).log, {"n": first, "t": 0, "e": text})
    await write(web.app.stores, HALL)
    leaves: list[str] = []
    while True:
        page = (await web.get(f"{LOG}/entries?from={len(leaves)}&limit=700")).json()
        leaves += page["entries"]
        if len(leaves) == page["size"]:
            return leaves


def root_of(leaves: list[str]) -> bytes:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf_hash(leaf.encode()))
    return tree.root()


async def get(web: Web, what: str) -> dict[str, Any]:
    answer = await web.get(f"{LOG}/{what}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"].startswith("public, max-age=")
    found: dict[str, Any] = answer.json()
    return found


async def test_the_head_is_signed_with_a_published_key_and_is_the_root_of_the_entries(web: Web) -> None:
    leaves = await a_long_log(web, 300)
    found = await get(web, "head")
    jwks = (await web.get("/.well-known/jwks.json")).json()
    statement = found["head"]["statement"]
    kid = jwt.get_unverified_header(statement)["kid"]
    assert found["keys"][0] in jwks["keys"]
    assert found["keys"][0]["kid"] == kid
    claims = jwt.decode(statement, jwt.PyJWK(found["keys"][0]), ["EdDSA"], audience="fairgate:log")
    assert (claims["room_id"], claims["size"]) == ("hall", found["head"]["size"])
    assert claims["root"] == root_of(leaves[: claims["size"]]).hex()
    assert [it["statement"] for it in (await get(web, "heads"))["heads"]] == [statement]
    assert (await get(web, f"heads?after={claims['size']}"))["heads"] == []


async def test_a_head_is_a_checkpoint_with_the_signatures_of_the_log_and_of_witnesses(web: Web) -> None:
    leaves = await a_long_log(web, 100)
    head = await get(web, "head")
    answer = await web.get(f"{LOG}/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    text, lines = parts_of(answer.text)
    size = head["head"]["size"]
    assert checkpoint_of(text) == (head["origin"], size, root_of(leaves[:size]))
    assert head["origin"].endswith(f"/rooms/hall/{leaf_hash(leaves[0].encode()).hex()[:16]}")
    assert [verifier_of(head["vkey"]).signed(text, it) for it in lines] == [True]
    witness = Ed25519PrivateKey.generate()
    line = cosignature_line("paper.example/w1", text, witness, 1_700_000_000).rstrip()
    await insert_cosignature(web.app.stores.postgres, HALL, "paper.example/w1", size, line)
    assert parts_of((await web.get(f"{LOG}/checkpoint?size={size}")).text) == (text, [*lines, line])
    assert (await get(web, "head"))["head"]["cosignatures"] == [line]
    assert (await get(web, "heads"))["heads"][0]["cosignatures"] == [line]
    page = await web.get("/rooms/hall/fairness")
    assert "Entries that the witness paper.example/w1 cosigned" in page.text
    missing = await web.get(f"{LOG}/checkpoint?size={size + 1}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_every_kind_of_leaf_is_proved_from_what_is_stored(web: Web) -> None:
    leaves = await a_long_log(web, 3_000)
    assert len(leaves) > 3_000
    for size in (1, 2, 255, 256, 257, 1_024, 2_817, len(leaves)):
        root = root_of(leaves[:size])
        for leaf in {0, size // 3, size // 2, size - 1}:
            found = await get(web, f"inclusion?leaf={leaf}&size={size}")
            assert found["leaf_hash"] == hashlib.sha256(b"\0" + leaves[leaf].encode()).hexdigest()
            path = [bytes.fromhex(it) for it in found["path"]]
            assert len(path) == len(inclusion_path(leaf, size))
            assert includes(bytes.fromhex(found["leaf_hash"]), leaf, size, path, root)
        for first in {1, size // 2 or 1, size}:
            found = await get(web, f"consistency?first={first}&second={size}")
            path = [bytes.fromhex(it) for it in found["path"]]
            assert len(path) == len(consistency_path(first, size))
            assert is_consistent(first, root_of(leaves[:first]), size, root, path)


async def test_a_receipt_says_where_the_log_has_it_and_is_checked_offline(web: Web) -> None:
    await web.room()
    place = (await web.post("/v1/rooms/hall/places")).json()
    mine = bearer(place["place_token"])
    early = (await web.get("/v1/rooms/hall/places/me/receipt", headers=mine)).json()
    assert early["receipt"]["leaf"] is None
    await write(web.app.stores, HALL)
    answer = await web.get("/v1/rooms/hall/places/me/receipt", headers=mine)
    assert answer.headers["content-disposition"] == 'attachment; filename="fairgate-receipt-hall.json"'
    found = answer.json()
    claims = jwt.decode(found["statement"], jwt.PyJWK(found["key"]), ["EdDSA"], audience="fairgate:log")
    assert {name: claims[name] for name in found["receipt"]} == found["receipt"]
    assert (claims["visitor_id"], claims["queue_number"], claims["state"]) == (
        place["visitor_id"],
        1,
        "called",
    )
    leaf = (await get(web, f"entries?from={claims['leaf']}&limit=1"))["entries"][0]
    assert leaf.split(" ")[1:] == ["joined", "1", claims["visitor"]]
    assert found["key"] in (await web.get("/.well-known/jwks.json")).json()["keys"]
    assert (await web.get("/v1/rooms/hall/places/me/receipt")).status_code == 401


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ("entries?from=-1", "from"),
        ("entries?limit=1001", "limit"),
        ("entries?start=1", "start"),
        ("heads?limit=0", "limit"),
        ("inclusion?leaf=0", "size"),
        ("inclusion?leaf=5&size=5", "leaf"),
        ("inclusion?leaf=0&size=100000", "size"),
        ("consistency?first=0&second=3", "first"),
        ("consistency?first=4&second=3", "first"),
        ("consistency?first=1&second=100000", "second"),
    ],
)
async def test_what_is_not_there_is_refused_by_name(web: Web, what: str, field: str) -> None:
    await a_long_log(web, 100)
    answer = await web.get(f"{LOG}/{what}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_room_without_a_log_and_no_room_are_told_apart(web: Web) -> None:
    await web.room()
    answer = await web.get(f"{LOG}/head")
    assert (answer.status_code, answer.json()["code"]) == (404, "log_not_begun")
    for _ in range(2):
        answer = await web.get("/v1/rooms/nowhere/log/head")
        assert (answer.status_code, answer.json()["code"]) == (404, "room_not_found")
