"""Pages of other sites cannot act for anybody: every call, form and gate, with and without our cookies."""

from __future__ import annotations

import re
import time
from itertools import chain

import httpx
import pytest

from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import BookingClaims
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.http.cookies import BOOKING_COOKIE, HOST_PREFIX, PLACE_COOKIE
from app.web.http.origins import SAFE
from app.web.pages.entry import _PARAMS
from tests.contract.test_every_call import filled
from tests.routes.conftest import Web, bearer, code, served

SHOP = "https://shop.example"
FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a neighbour on our domain": {"Sec-Fetch-Site": "same-site", "Origin": "https://blog.fairgate.test"},
    "a browser that only names its origin": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    "a page that hides its origin": {"Sec-Fetch-Site": "cross-site"},
}
OURS = {"Sec-Fetch-Site": "same-origin", "Origin": "http://fairgate.test"}
SCRIPT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
FORM = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
PLACES = "/v1/rooms/hall/places"
UNSAFE = [it for it in CALLS if it.method not in SAFE]
PAGE_PARAMETER = re.compile(r"<(\w+)>")
SAMPLES = ("hall", "0" * 36, "0" * 22, "1", "abc", "theme.css")  # one fits each path parameter


async def a_visitor(web: Web) -> str:
    """A visitor's cookies: a place and a session in `hall` and `gala` (created here), and the console's."""
    await web.event()
    await web.room()
    found = [(await web.staff("admin"))["Cookie"]]
    for room_id in ("hall", "gala"):
        place = await web.join(room_id)
        now_s = int(time.time())
        claims = BookingClaims(RoomId(room_id), VisitorId(place["visitor_id"]), "jti", now_s, now_s + 600)
        found.append(f"{PLACE_COOKIE}{room_id}={place['place_token']}")
        found.append(f"{BOOKING_COOKIE}{room_id}={web.app.keyring.signer.sign(claims)}")
    return "; ".join(found)


async def everything(stores: Stores) -> dict[str, str]:
    """Digests of everything that the stores hold about rooms, sales and people; not workers' leases."""
    found: dict[str, str] = {}
    async for key in stores.redis.scan_iter(match="{[^f]*"):  # not `{fairgate}`, which holds process counters
        if str(key).endswith(":lease"):
            continue
        found[str(key)] = repr(await stores.redis.dump(key))
    tables = await stores.postgres.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'gate_counts'"
    )  # refusals are counted in these
    for (table,) in tables:
        rows = f"SELECT md5(coalesce(string_agg(it::text, '|' ORDER BY it::text), '')) FROM {table} it"
        found[table] = await stores.postgres.fetchval(rows)
    return found


def forms(web: Web) -> list[str]:
    """A well-formed address for every form, including the console's."""

    def sample(found: re.Match[str]) -> str:
        return next(it for it in SAMPLES if _PARAMS[found[1]].fullmatch(it))

    rules = [it.rule for it in web.quart.url_map.iter_rules() if it.methods and "POST" in it.methods]
    return [PAGE_PARAMETER.sub(sample, it) for it in rules]


async def test_no_call_of_a_foreign_page_changes_anything(web: Web, stores: Stores) -> None:
    mine = await a_visitor(web)
    before = await everything(stores)
    assert len(before) > 20
    for call in UNSAFE:
        for cookie in ({"Cookie": mine}, {}, {"Cookie": mine, **web.as_("admin")}):
            for who, headers in FOREIGN.items():
                answer = await web.send(call.method, filled(call.path), headers={**headers, **cookie})
                assert code(answer) == (403, "foreign_origin"), (call.name, who)
                assert "set-cookie" not in answer.headers, (call.name, who)
    assert await everything(stores) == before
    for call in UNSAFE:  # nothing else refused them
        answer = await web.send(call.method, filled(call.path), headers={**OURS, "Cookie": mine})
        assert "foreign_origin" not in answer.text, call.name


async def test_no_form_of_a_foreign_page_changes_anything(web: Web, stores: Stores) -> None:
    mine, found = await a_visitor(web), forms(web)
    before = await everything(stores)
    assert {"/rooms/hall/join", "/rooms/hall/carry", "/admin/sign-in", "/admin/sign-out"} <= set(found)
    for path in found:
        for cookie in ({"Cookie": mine}, {}):
            for who, headers in FOREIGN.items():
                answer = await web.post(path, data={"step": "close"}, headers={**headers, **cookie})
                assert answer.status_code == 403, (path, who)
                assert "Another site tried to act" in answer.text, (path, who)
                assert "set-cookie" not in answer.headers, (path, who)
    assert await everything(stores) == before


async def test_a_foreign_page_that_loads_ours_makes_nobody_a_newcomer(web: Web) -> None:
    await web.room()
    for part in ("image", "iframe", "empty"):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": part}
        assert "set-cookie" not in (await web.get("/rooms/hall", headers=headers)).headers, part
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}  # by following a link
    assert "set-cookie" in (await web.get("/rooms/hall", headers=visit)).headers


async def test_a_credential_in_a_header_needs_no_origin_of_ours(web: Web) -> None:
    await web.room()
    for headers in FOREIGN.values():
        place = bearer((await web.join("hall"))["place_token"])
        beside = {"X-Place-Token": place["Authorization"].removeprefix("Bearer ")}
        for mine in (place, beside):
            answer = await web.send("DELETE", f"{PLACES}/me", headers={**headers, **mine})
            assert answer.status_code == 204
        paused = await web.post("/v1/rooms/hall/pause", headers={**headers, **web.as_("operator")})
        assert paused.status_code == 200


async def test_origins_that_are_configured_may_call_and_press_no_button_of_ours(settings: Settings) -> None:
    chosen = settings.model_copy(update={"cors_origins": [SHOP]})
    async with served(chosen) as web:
        mine = {"Cookie": await a_visitor(web)}
        for site in ("cross-site", "same-site"):
            theirs = {"Sec-Fetch-Site": site, "Origin": SHOP}
            assert (await web.post(PLACES, headers={**theirs, **mine})).status_code == 200
            assert (await web.post(PLACES, headers=theirs)).status_code == 201
            for path in forms(web):
                assert (await web.post(path, data={}, headers={**theirs, **mine})).status_code == 403, path
        for headers in FOREIGN.values():
            assert code(await web.post(PLACES, headers={**headers, **mine})) == (403, "foreign_origin")


async def test_any_origin_means_scripts_without_cookies(settings: Settings) -> None:
    chosen = settings.model_copy(update={"cors_origins": ["*"]})
    async with served(chosen) as web:
        mine, theirs = {"Cookie": await a_visitor(web)}, {"Origin": SHOP}
        assert (await web.post(PLACES, headers={**SCRIPT, **theirs})).status_code == 201
        for headers in ({**SCRIPT, **mine}, FORM, {**FORM, **mine}, {}):
            refused = await web.post(PLACES, headers={**headers, **theirs})
            assert code(refused) == (403, "foreign_origin"), headers


async def test_no_session_begins_at_the_gate_by_a_form_of_a_foreign_page(web: Web, stores: Stores) -> None:
    await web.room(target_url=SHOP, allowed_return_hosts=["pay.example"])
    gate_request = {"X-Original-URL": f"{SHOP}/basket", "X-Original-Method": "POST"}
    before = await everything(stores)
    for who, headers in {**FOREIGN, "a neighbour": {"Sec-Fetch-Site": "same-site"}}.items():
        refused = await web.get("/v1/rooms/hall/gate", headers={**gate_request, **headers})
        assert code(refused) == (403, "foreign_origin"), who
        below = await web.post("/v1/rooms/hall/gate/basket", headers=headers)
        assert code(below) == (403, "foreign_origin"), who
    assert await everything(stores) == before
    for headers in (
        OURS,
        {"Origin": SHOP},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://pay.example"},
    ):
        let_in = await web.get("/v1/rooms/hall/gate", headers={**gate_request, **headers})
        assert let_in.status_code == 204, headers
        mine = {"Cookie": let_in.headers["set-cookie"].partition(";")[0]}
        inside = await web.get(
            "/v1/rooms/hall/gate", headers={**gate_request, **FOREIGN["another site"], **mine}
        )
        assert inside.status_code == 204  # up to the shop: nothing of ours changes


def cookies_of(answer: httpx.Response) -> list[str]:
    """The Set-Cookie headers that set something."""
    return [it for it in answer.headers.get_list("set-cookie") if "Max-Age=0" not in it]


@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "plain HTTP"])
async def test_cookies_are_bound_to_our_host_where_there_is_tls(settings: Settings, secure: bool) -> None:
    chosen = settings.model_copy(update={"public_url": "https://fairgate.test" if secure else ""})
    async with served(chosen) as web:
        await a_visitor(web)
        newcomer = await web.get("/rooms/hall")
        joined = await web.post(PLACES)
        place = bearer(joined.json()["place_token"])
        signed_in = await web.post(
            "/admin/sign-in",
            data={"token": web.as_("admin")["Authorization"].removeprefix("Bearer ")},
            headers=OURS,
        )
        found = [cookies_of(it) for it in (newcomer, joined, signed_in)]
        assert all(found)
        for cookie in chain.from_iterable(found):
            assert cookie.startswith(f"{HOST_PREFIX}fairgate_") is secure, cookie
            assert ("Secure" in cookie) is secure
            assert "HttpOnly" in cookie
            assert "Domain" not in cookie
            assert "Path=/;" in cookie + ";" or not secure
        staff = signed_in.headers["set-cookie"].partition(";")[0]
        assert (await web.get("/admin/sign-ins", headers={"Cookie": staff})).status_code == 200
        answer = await web.post("/admin/sign-out", data={}, headers={**OURS, "Cookie": staff})
        assert len(answer.headers.get_list("set-cookie")) == 1 + secure  # also under its former name

        mine = place["Authorization"].removeprefix("Bearer ")
        other = (await web.join("hall"))["place_token"]
        name = f"{PLACE_COOKIE}hall"
        for sent in (f"{name}={mine}", f"{HOST_PREFIX}{name}={mine}; {name}={other}"):
            read = await web.get(f"{PLACES}/me", headers={"Cookie": sent})
            assert read.json()["visitor_id"] == joined.json()["visitor_id"], sent
