"""Each room chooses how its tokens are signed."""

from __future__ import annotations

import time
from typing import Any

import jwt

from app.accounts import signing_keys
from app.core.account import COMMAND_LINE
from app.core.tokens.signing_key import PURPOSES
from tests.routes.conftest import Web, bearer, field_of
from tests.support.waiting import wait_until

SHOP: dict[str, Any] = {"target_url": "https://shop.example/", "admission_rate_per_minute": 600_000}


async def algorithms(web: Web, room_id: str) -> tuple[str, str]:
    """The algorithms of a booking token and of a newcomer's pass, both verified with the published keys."""
    _, booking = await web.inside(room_id)
    passed = await web.get(f"/v1/rooms/{room_id}/gate", headers={"Accept": "text/html"})
    assert passed.status_code == 204
    cookie = passed.headers["set-cookie"].partition(";")[0]
    again = await web.get(f"/v1/rooms/{room_id}/gate", headers={"Cookie": cookie})
    assert (again.status_code, "set-cookie" in again.headers) == (204, False)
    jwks, found = jwt.PyJWKSet.from_dict((await web.get("/.well-known/jwks.json")).json()), []
    for token in (booking["Authorization"].removeprefix("Bearer "), cookie.partition("=")[2]):
        key = jwks[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, [key.algorithm_name], audience=room_id, issuer="fairgate")
        assert claims["exp"] > time.time()
        found.append(key.algorithm_name)
    return found[0], found[1]


async def test_keys_are_made_with_the_setting_rotated_and_published(web: Web) -> None:
    await web.room("plain", **SHOP)
    assert await algorithms(web, "plain") == ("EdDSA", "EdDSA")
    await web.room("elliptic", **SHOP, signing_algorithm="ES256")
    changed = await web.send(
        "PATCH", "/v1/rooms/plain", json={"signing_algorithm": "RS256"}, headers=web.as_("operator")
    )
    assert changed.json()["signing_algorithm"] == "RS256"

    async def used() -> bool:  # a process reads its keys every two seconds
        return await algorithms(web, "plain") == ("RS256", "RS256")

    await wait_until(used, "the new keys", timeout_s=30)
    assert await algorithms(web, "elliptic") == ("ES256", "ES256")
    _, before = await web.inside("plain")
    made = await signing_keys.rotate(web.app.stores.postgres, by=COMMAND_LINE)
    assert len(made) == len(PURPOSES) + 4  # plus two algorithms chosen by rooms, for bookings and passes
    await web.app.keyring.refresh()
    assert await algorithms(web, "plain") == ("RS256", "RS256")
    kid = jwt.get_unverified_header(before["Authorization"].removeprefix("Bearer "))["kid"]
    assert kid not in made.values()
    assert (await web.get("/v1/rooms/plain/gate", headers=before)).status_code == 204
    assert await signing_keys.revoke(web.app.stores.postgres, made["booking RS256"], by=COMMAND_LINE)
    await web.app.keyring.refresh()
    assert await algorithms(web, "plain") == ("RS256", "RS256")
    wrong = await web.send(
        "PATCH", "/v1/rooms/plain", json={"signing_algorithm": "HS256"}, headers=web.as_("operator")
    )
    assert field_of(wrong) == "signing_algorithm"
    assert (await web.get("/v1/rooms/plain/gate", headers=bearer("x.y.z"))).status_code == 204
