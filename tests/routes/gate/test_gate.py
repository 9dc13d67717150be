"""The gate in front of another site."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

from app.core.tokens.handover import TICKET_TTL_S, Ticket, with_ticket
from app.core.tokens.signing_key import SigningKey
from app.core.tokens.tokens import BookingSigner
from tests.routes.at_gate import GATE, HTML, SHOP, gate_headers, handed_over, pass_cookie
from tests.routes.conftest import Web, bearer, code, field_of
from tests.support.tampering import tampered


async def test_a_booking_token_opens_the_gate(web: Web) -> None:
    await web.room(**SHOP)
    place, booking = await web.inside("hall")
    assert (await web.get(GATE, headers=booking)).status_code == 204
    token = booking["Authorization"].removeprefix("Bearer ")
    assert (await web.get(GATE, headers={"Cookie": f"fairgate_booking_hall={token}"})).status_code == 204
    assert code(await web.get(GATE, headers=place)) == (401, "credential_invalid")
    for shops in (
        "Bearer x",
        "Bearer a.b.c",
        "Basic eDp5",  # the shop's own
    ):
        mixed = {"Authorization": shops, "Cookie": f"fairgate_booking_hall={token}"}
        assert (await web.get(GATE, headers=mixed)).status_code == 204


async def test_a_browser_is_sent_to_the_line_and_back(web: Web) -> None:
    await web.room(**SHOP, admission_rate_per_minute=0)

    async def location(headers: dict[str, str], query: str = "") -> str:
        answer = await web.get(GATE + query, headers={**HTML, **headers})
        assert answer.status_code == 302
        return answer.headers["location"]

    wanted = "https://shop.example/buy?size=2&x=y"
    for headers, query in (
        ({"X-Original-URL": wanted}, ""),
        (
            {
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "shop.example",
                "X-Forwarded-Uri": "/buy?size=2&x=y",
            },
            "",
        ),
        (
            {
                "X-Forwarded-Proto": "HTTPS, http",
                "X-Forwarded-Host": " shop.example , inner.example",
                "X-Forwarded-Uri": "/buy?size=2&x=y",
            },
            "",
        ),
        ({}, "?return_to=https%3A%2F%2Fshop.example%2Fbuy%3Fsize%3D2%26x%3Dy"),
    ):
        target = urlsplit(await location(headers, query))
        assert (target.netloc, target.path) == ("fairgate.test", "/rooms/hall")
        assert parse_qs(target.query) == {"return_to": [wanted]}
    loud = "HTTPS://SHOP.example/buy"
    target = urlsplit(await location({"X-Original-URL": loud}))
    assert parse_qs(target.query) == {"return_to": [loud]}
    second = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example, shop.example"}
    assert await location(second) == "http://fairgate.test/rooms/hall"
    assert await location({"X-Original-URL": "https://evil.example/"}) == "http://fairgate.test/rooms/hall"
    assert code(await web.get(GATE)) == (401, "credential_missing")
    assert code(await web.get("/v1/rooms/nowhere/gate", headers=HTML)) == (404, "room_not_found")


async def test_another_rooms_token_is_no_key(web: Web) -> None:
    await web.room("hall")
    await web.room("other")
    place = await web.join("other")
    path = "/v1/rooms/other/places/me/booking-token"
    token = (await web.post(path, headers=bearer(place["place_token"]))).json()["booking_token"]
    assert code(await web.get(GATE, headers=bearer(token))) == (403, "wrong_room")


async def test_a_proxy_that_redirects_to_the_queue_alone_keeps_the_ticket(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    place, _ = await web.inside("hall")
    ticketed = await handed_over(web, place, "https://shop.example/buy?size=2")
    asking = f"{GATE}?deny=401&tickets=keep"
    answer = await web.get(asking, headers=gate_headers(ticketed))
    assert answer.status_code == 204
    assert (
        await web.get(asking, headers={**pass_cookie(answer), **gate_headers(ticketed)})
    ).status_code == 204
    again = await web.get(asking, headers=gate_headers(ticketed))
    assert (again.status_code, "set-cookie" in again.headers) == (401, False)


async def test_a_ticket_is_exchanged_for_a_pass_once(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    place, _ = await web.inside("hall")
    wanted = "https://shop.example/buy?size=2&x=%20y"
    ticketed = await handed_over(web, place, wanted)
    assert ticketed.startswith(f"{wanted}&fairgate_ticket=t1.")
    answer = await web.get(GATE, headers=gate_headers(ticketed))
    assert (answer.status_code, answer.headers["location"]) == (302, wanted)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "fairgate_pass_hall"
    assert set(rest.split("; ")[1:]) >= {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    for again in (
        await web.get(GATE, headers={**pass_cookie(answer), **gate_headers(wanted)}),
        await web.get(GATE, headers=pass_cookie(answer)),
    ):
        assert again.status_code == 204
    reload = await web.get(GATE, headers={**pass_cookie(answer), **gate_headers(ticketed)})
    assert (reload.status_code, reload.headers["location"]) == (302, wanted)
    assert "set-cookie" not in reload.headers
    unused = await web.get(
        f"{GATE}?deny=401&tickets=keep", headers={**pass_cookie(answer), **gate_headers(ticketed)}
    )
    assert unused.status_code == 204
    used = await web.get(GATE, headers=gate_headers(ticketed))
    assert "set-cookie" not in used.headers
    assert parse_qs(urlsplit(used.headers["location"]).query) == {"return_to": [wanted]}


async def test_with_deny_401_a_proxy_is_told_the_same_in_a_401(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    place, _ = await web.inside("hall")
    ticketed = await handed_over(web, place, "https://shop.example/a")
    answer = await web.get(f"{GATE}?deny=401", headers=gate_headers(ticketed))
    assert (answer.status_code, answer.headers["location"]) == (401, "https://shop.example/a")
    assert (await web.get(GATE, headers=pass_cookie(answer))).status_code == 204
    refused = await web.get(f"{GATE}?deny=401", headers=gate_headers(ticketed))
    assert code(refused) == (401, "credential_missing")
    queue = "http://fairgate.test/rooms/hall?return_to=https%3A%2F%2Fshop.example%2Fa"
    assert (
        refused.headers["location"]
        == refused.headers["x-fairgate-queue"]
        == refused.json()["queue_url"]
        == queue
    )


async def test_what_is_no_page_is_told_the_queue_page(web: Web) -> None:
    await web.room(**SHOP, admission_rate_per_minute=0)
    address = "https://shop.example/cart"
    for headers in (
        {"X-Original-URL": address, "Accept": "application/json"},
        gate_headers(address, **{"X-Original-Method": "POST"}),
        gate_headers(address, **{"X-Forwarded-Method": "PUT"}),
        gate_headers(address, **{"Sec-Fetch-Mode": "cors"}),
    ):
        answer = await web.get(GATE, headers=headers)
        assert code(answer) == (401, "credential_missing")
        assert "location" not in answer.headers
        assert answer.json()["queue_url"] == answer.headers["x-fairgate-queue"]
    odd = await web.get(GATE, params={"deny": "500"})
    assert field_of(odd) == "deny"


async def test_tickets_that_are_no_good(web: Web) -> None:
    await web.room(**SHOP, gate_mode="queue_all")
    await web.room("other", **SHOP, gate_mode="queue_all")
    place, _ = await web.inside("hall")
    ticketed = await handed_over(web, place, "https://shop.example/a")
    text = ticketed.rpartition("=")[2]
    signer, now_s = web.app.handover, int(time.time())
    good = signer.read(text, now_s)
    late = signer.sign(
        Ticket(good.ticket_id, good.room_id, good.visitor_id, good.queue_number, 0, good.host, now_s)
    )
    for path, address in (
        (GATE, with_ticket("https://www.shop.example/a", text)),  # bound to the host
        (GATE, with_ticket("https://evil.example/a", text)),
        (GATE, with_ticket("https://shop.example:8443/a", text)),
        ("/v1/rooms/other/gate", ticketed),  # and to the room
        (GATE, with_ticket("https://shop.example/a", late)),
        (GATE, with_ticket("https://shop.example/a", tampered(text))),
        (GATE, with_ticket("https://shop.example/a", "t1.x.y")),
        (GATE, with_ticket("https://shop.example/a", "")),
        (GATE, with_ticket("https://shop.example/a", "t1." + "a" * 1800)),
    ):
        answer = await web.get(path, headers=gate_headers(address))
        assert "fairgate_pass_" not in answer.headers.get("set-cookie", ""), address
        assert urlsplit(answer.headers["location"]).netloc == "fairgate.test", address
        assert "fairgate_ticket" not in answer.headers["location"]
    assert signer.read(text, now_s + TICKET_TTL_S - 1).room_id == "hall"
    assert (
        "set-cookie" in (await web.get(GATE, headers=gate_headers(ticketed))).headers
    )  # none of those used it up


async def test_no_token_of_one_kind_is_taken_as_another(web: Web) -> None:
    await web.event("hall")
    await web.get("/v1/rooms/hall")
    place, booking = await web.inside("hall")
    await web.send(
        "PATCH", "/v1/rooms/hall", json={**SHOP, "gate_mode": "queue_all"}, headers=web.as_("admin")
    )
    answer = await web.get(GATE, headers=gate_headers(await handed_over(web, place, "https://shop.example/")))
    pass_ = pass_cookie(answer)["Cookie"].partition("=")[2]
    for method, path in (
        ("POST", "/v1/events/hall/reservations"),
        ("GET", "/v1/users/me"),
        ("GET", "/v1/rooms/hall/places/me"),
        ("POST", "/v1/rooms/hall/pause"),
        ("GET", "/v1/reservations/res_1"),
    ):
        headers = {**bearer(pass_), "Idempotency-Key": "k", "Content-Type": "application/json"}
        refused = await web.send(method, path, headers=headers)
        assert refused.status_code in (401, 404), path
        if refused.status_code == 401:
            assert code(refused)[1] == "credential_invalid", path
    booking_token = booking["Authorization"].removeprefix("Bearer ")
    access_token = web.as_("admin")["Authorization"].removeprefix("Bearer ")
    place_token = place["Authorization"].removeprefix("Bearer ")
    for token in (booking_token, access_token, place_token, "x", "", "a.b.c"):
        refused = await web.get(
            GATE, headers={"Cookie": f"fairgate_pass_hall={token}", "Accept": "text/html"}
        )
        assert refused.status_code == 302, token
    strange = BookingSigner([SigningKey.new()])
    forged = strange.sign_pass(await web.app.keyring.read_pass(pass_))
    refused = await web.get(GATE, headers={"Cookie": f"fairgate_pass_hall={forged}"})
    assert code(refused) == (401, "credential_invalid")
