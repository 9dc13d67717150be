"""Sites in the console: a room without an event is created, connected, configured, and has KnownUser."""

from __future__ import annotations

import re
from typing import Any

import httpx

from app.core.model import RoomId
from app.settings import Settings
from tests.routes.conftest import Web, served
from tests.routes.test_audit import rows

SITE = {
    "target_url": "https://shop.example/",
    "admission_rate_per_minute": "1,200",
    "active_visitors_max": "",
    "with": "nginx",
}
Form = dict[str, str]


async def submit(web: Web, path: str, fields: Form, role: Any = "operator") -> httpx.Response:
    return await web.post(path, data=fields, headers=await web.staff(role))


async def fetch(web: Web, path: str) -> str:
    answer = await web.get(path, headers=await web.staff("operator"))
    assert answer.status_code == 200, answer.text
    return answer.text


async def settings_of(web: Web, room_id: str) -> dict[str, Any]:
    answer = await web.get(f"/v1/rooms/{room_id}/settings", headers=web.as_("operator"))
    found: dict[str, Any] = answer.json()
    return found


def fields_of(text: str) -> Form:
    """The fields of the page's form, as a browser would send them unchanged."""
    found = dict(re.findall(r'<input (?:id="[\w-]+" )?name="([\w-]+)" value="([^"]*)"', text))
    for name, options in re.findall(r'<select name="([\w-]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        if chosen := re.search(r'<option value="([^"]*)" selected', options):
            found[name] = chosen[1]
    found |= {name: "on" for name in re.findall(r'type="checkbox" name="([\w-]+)" checked', text)}
    found |= dict(re.findall(r'type="radio" name="([\w-]+)" value="(\w+)" checked', text))
    found |= dict(re.findall(r'<textarea id="[\w-]+" name="([\w-]+)"[^>]*>([^<]*)<', text))
    return found | dict(re.findall(r'type="hidden" name="([\w-]+)" value="([^"]*)"', text))


async def test_a_site_is_made_open_private_and_listed_apart_from_sales(web: Web) -> None:
    await web.event("gala")
    made = await submit(web, "/admin/sites/new", SITE)
    assert made.headers["location"] == "/admin/rooms/shop-example/connect?with=nginx"
    found = await settings_of(web, "shop-example")
    assert (found["name"], found["public"], found["session_renews"]) == ("shop.example", False, True)
    assert (found["admission_rate_per_minute"], found["active_visitors_max"]) == (1200, None)
    assert [it["action"] for it in await rows(web, "?kind=room&id=shop-example")] == ["open", "create"]
    # Below the figures of running sales, which are on every page.
    sites, sales = [(await fetch(web, it)).partition("<main")[2] for it in ("/admin/sites", "/admin")]
    assert "/admin/rooms/shop-example" in sites
    assert "/admin/rooms/gala" not in sites
    assert "/admin/rooms/shop-example" not in sales
    assert "/admin/rooms/gala" in sales


async def test_what_is_wrong_with_a_new_site_is_said_beside_its_field_and_nothing_is_made(web: Web) -> None:
    await web.room("taken")
    for field, change in (
        ("target_url", {"target_url": ""}),
        ("target_url", {"target_url": "https://a b/"}),
        ("target_url", {"target_url": "javascript:alert(1)"}),
        ("admission_rate_per_minute", {"admission_rate_per_minute": "many"}),
        ("admission_rate_per_minute", {"admission_rate_per_minute": "99999999999"}),
        ("active_visitors_max", {"active_visitors_max": "0"}),
        ("room_id", {"room_id": "taken"}),
        ("room_id", {"room_id": "No Slug"}),
        ("with", {"with": "a miracle"}),
    ):
        refused = await submit(web, "/admin/sites/new", SITE | change)
        assert refused.status_code == 422, change
        assert f'id="{field}-wrong"' in refused.text, change
        assert "Nothing was created" in refused.text
    assert "/admin/rooms/taken" in await fetch(web, "/admin/sites")
    assert "shop-example" not in await fetch(web, "/admin/sites")


async def test_what_to_copy_has_the_sites_own_addresses_and_no_others(settings: Settings) -> None:
    async with served(settings.model_copy(update={"public_url": "https://queue.example"})) as web:
        await web.room("shop", target_url="https://shop.example/")
        path = "/admin/rooms/shop/connect"
        nginx = await fetch(web, f"{path}?with=nginx&fairgate=10.0.0.5:8080&origin=10.0.0.6")
        assert "server 10.0.0.5:8080;" in nginx
        assert "server 10.0.0.6;" in nginx
        assert "server_name shop.example;" in nginx
        express = await fetch(web, f"{path}?with=express")
        assert "fairgate({ url: &#34;https://queue.example&#34;, room: &#34;shop&#34; })" in express
        assert await fetch(web, f"{path}?with=nothing")
        for odd in ("10.0.0.5;}", "a b", "<b>"):
            refused = await web.get(
                path, params={"with": "nginx", "fairgate": odd}, headers=await web.staff("operator")
            )
            assert refused.status_code == 422
            assert "server 127.0.0.1:8080;" in refused.text
            assert f"server {odd}" not in refused.text


async def test_the_settings_are_saved_whole_or_not_at_all(web: Web) -> None:
    await web.room("shop", target_url="https://shop.example/", session_max_s=5400, bypass=[{"method": "PUT"}])
    path = "/admin/rooms/shop/gate"
    before, shown = await settings_of(web, "shop"), await fetch(web, path)
    form = fields_of(shown)
    assert (await submit(web, path, form)).status_code == 303
    assert await settings_of(web, "shop") == before  # what is shown is what is configured
    form = fields_of(await fetch(web, path)) | {
        **{"gate_mode": "queue_all", "session_ttl_s": "15 min", "session_max_s": "", "public": "on"},
        **{"allowed_return_hosts": "a.example, b.example:8443", "bypass-0-method": ""},
        **{"bypass-2-path_prefix": "/health", "bypass-3-header": "X-A", "bypass-3-value": "b"},
    }
    saved = await submit(web, path, form)
    assert saved.headers["location"] == f"{path}?saved=1"
    found = await settings_of(web, "shop")
    assert (found["gate_mode"], found["session_ttl_s"], found["session_max_s"]) == ("queue_all", 900, None)
    assert found["allowed_return_hosts"] == ["a.example", "b.example:8443"]
    rules = [{name: it for name, it in rule.items() if it} for rule in found["bypass"]]
    assert rules == [{"path_prefix": "/health"}, {"header": "X-A", "value": "b"}]
    form = fields_of(await fetch(web, path))
    for field, change in (
        ("session_ttl_s", {"session_ttl_s": "soon"}),
        ("session_ttl_s", {"session_ttl_s": "1 s"}),
        ("admission_rate_per_minute", {"admission_rate_per_minute": ""}),
        ("target_url", {"target_url": "shop"}),
        ("allowed_return_hosts", {"allowed_return_hosts": "a/b"}),
        ("bypass-2-path_regex", {"bypass-5-path_regex": "("}),
        ("bypass-2-cidr", {"bypass-2-cidr": "home"}),
        ("bypass-1-header", {"bypass-1-header": ""}),
        ("gate_mode", {"gate_mode": "sometimes"}),
    ):
        refused = await submit(web, path, form | change)
        assert refused.status_code == 422, change
        assert f'id="{field}-wrong"' in refused.text, change
    assert await settings_of(web, "shop") == found
    late = await submit(web, path, form | {"version": "1", "name": "Mine"})
    assert (late.status_code, "somebody changed this room" in late.text) == (409, True)
    assert 'value="Mine"' in late.text
    assert await settings_of(web, "shop") == found


async def test_the_preview_shows_which_rule_decides(web: Web) -> None:
    rules = [{"header": "X-Monitor", "value": "yes"}]
    await web.room("shop", target_url="https://shop.example/", bypass=rules)
    path = "/admin/rooms/shop/preview"
    request = {"url": "https://shop.example/cart", "method": "GET", "as": "script"}
    assert "It is let in and gets a pass" in (await submit(web, path, request)).text
    rule = await submit(web, path, request | {"headers": "X-Monitor: yes"})
    assert "Rule 1: header X-Monitor: yes." in rule.text
    request |= {"client": "192.0.2.7"}
    forged = await submit(web, path, request | {"cookies": "fairgate_pass_shop=<b>forged</b>"})
    assert "<b>forged" not in forged.text
    assert "content-encoding" not in forged.headers  # because it contains cookies
    for field in ("url", "headers", "client"):
        refused = await submit(web, path, request | {field: "x"})
        assert refused.status_code == 422
        assert f'id="{field}-wrong"' in refused.text


async def test_a_key_for_a_connector_is_shown_once(web: Web) -> None:
    await web.room("shop", target_url="https://shop.example/")
    path = "/admin/rooms/shop/knownuser"
    form = fields_of(await fetch(web, path)) | {
        **{"customer_id": "ourshop", "protect-1-value": "/buy", "protect-1-part": "PagePath"},
        **{"protect-1-operator": "Contains", "cancel-0-value": "/thanks", "cancel-0-part": "PagePath"},
        **{"cancel-0-operator": "!Equals", "cancel-0-case": "exact"},
    }
    for field in ("customer_id", "cookie_minutes"):
        refused = await submit(web, path, form | {field: "No Slug"})
        assert refused.status_code == 422
        assert f'id="{field}-wrong"' in refused.text
    made = await submit(web, path, form)
    secret = re.search(r'id="secret"[^>]* value="([^"]{16,})"', made.text)
    assert secret
    again = await submit(web, path, form)
    assert (again.status_code, secret[1] in again.text) == (409, False)
    now = await web.get("/v1/rooms/shop/knownuser", headers=web.as_("operator"))
    assert [it["value"] for it in (*now.json()["protect"], *now.json()["cancel"])] == ["/buy", "/thanks"]
    form = fields_of(await fetch(web, path)) | {"cookie_minutes": "30"}
    assert secret[1] not in str(form)
    assert (await submit(web, path, form)).headers["location"] == f"{path}?saved=1"
    stored = (await web.get("/v1/rooms/shop/knownuser", headers=web.as_("operator"))).json()
    assert (stored["protect"], stored["cancel"]) == (now.json()["protect"], now.json()["cancel"])
    assert [(it["operator"], it["negative"], it["ignore_case"]) for it in stored["cancel"]] == [
        ("Equals", True, False)
    ]
    pushed = await submit(web, f"{path}/push", {"url": "http://127.0.0.1:9/"})
    assert (pushed.status_code, 'id="url-wrong"' in pushed.text) == (422, True)
    assert (await submit(web, f"{path}/remove", {})).status_code == 303
    assert (await submit(web, f"{path}/push", {"url": "https://shop.example/"})).status_code == 404
    actions = [it["action"] for it in await rows(web, "?kind=knownuser&id=shop")]
    assert actions == ["delete", "change", "create"]


async def test_the_cockpit_of_a_site_shows_what_happens_at_its_gate(web: Web) -> None:
    rules = [{"path_prefix": "/healthz"}, {"cookie": "staff"}]
    await web.room("shop", target_url="https://shop.example/", bypass=rules, active_visitors_max=1)
    waiting = await fetch(web, "/admin/rooms/shop/connect")
    assert "Waiting for the first request from your site" in waiting
    assert "none yet" in await fetch(web, "/admin/rooms/shop")
    for path in ("/", "/", "/healthz", "/healthz"):
        headers = {"X-Original-URL": f"https://shop.example{path}", "Accept": "text/html"}
        await web.get("/v1/rooms/shop/gate", headers=headers)
    assert "Your site is connected" in await fetch(web, "/admin/rooms/shop/connect")
    live = await fetch(web, "/admin/rooms/shop")
    shown = dict(re.findall(r'data-figure="(gate_\w+)">([^<]*)<', live))
    expected = {"requests": "4", "passed": "0", "let_in": "1", "queued": "1", "bypassed": "2", "refused": "0"}
    assert {name: shown[f"gate_{name}"] for name in expected} == expected
    assert (shown["gate_rule_0"], shown["gate_rule_1"], shown["gate_other"]) == ("2", "0", "0")
    assert "1. path begins with /healthz" in live
    _, _, document = await web.app.feeds.now(RoomId("shop"))
    assert document.gate
    assert (document.gate.requests, document.gate.by_rule) == (4, [2, 0])
    await web.event("gala")
    assert "Requests at the gate" not in await fetch(web, "/admin/rooms/gala")


async def test_visitors_are_let_in_by_hand_once_for_each_form(web: Web) -> None:
    await web.room("shop", admission_rate_per_minute=0)
    for _ in range(3):
        await web.join("shop")
    form = {"count": "2", **fields_of(await fetch(web, "/admin/rooms/shop"))}
    path = "/admin/rooms/shop/advance"
    done = await submit(web, path, form | {"count": "2"})
    assert done.headers["location"] == "/admin/rooms/shop?advanced=2&limit="
    again = await submit(web, path, form | {"count": "2"})
    assert again.headers["location"] == done.headers["location"]
    assert (await web.app.status_board.read(RoomId("shop"))).status.called == 2
    form = fields_of(await fetch(web, "/admin/rooms/shop"))
    last = await submit(web, path, form | {"count": "10"})
    text = await fetch(web, last.headers["location"])
    assert "1 visitor was called: nobody else is waiting." in text
    assert "let 1 in by hand" in text
    for count in ("", "0", "-1", "2,001", "all"):
        refused = await submit(web, path, {"count": count})
        assert (refused.status_code, "from 1 to 2,000" in refused.text) == (422, True), count
    await web.room("later", opened=False)
    assert (await submit(web, "/admin/rooms/later/advance", {"count": "1"})).status_code == 409


async def test_a_room_is_reset_and_deleted_after_saying_whom_that_concerns(web: Web) -> None:
    await web.room("shop", admission_rate_per_minute=0)
    await web.join("shop")
    shown = await fetch(web, "/admin/rooms/shop")
    assert "<b>1</b> waiting, <b>0</b> called or inside" in shown
    reset = await submit(web, "/admin/rooms/shop/reset", {})
    assert "it is empty, and numbers start at 1" in await fetch(web, reset.headers["location"])
    assert (await web.join("shop"))["queue_number"] == 1
    refused = await submit(web, "/admin/rooms/shop/delete", {})  # from a page loaded when the room was empty
    assert (refused.status_code, "1 wait in this room" in refused.text) == (409, True)
    deleted = await submit(web, "/admin/rooms/shop/delete", {"force": "1"})
    assert "The room shop is deleted." in await fetch(web, deleted.headers["location"])
    assert (await web.get("/v1/rooms/shop")).status_code == 404
    await web.event("gala")
    sold = await submit(web, "/admin/rooms/gala/delete", {"force": "1"})
    assert (sold.status_code, "delete the event" in sold.text) == (409, True)
    actions = [it["action"] for it in await rows(web, "?kind=room&id=shop")]
    assert actions[:2] == ["delete", "reset"]


async def test_the_site_sets_the_pace_and_says_why(web: Web) -> None:
    await web.room("shop", target_url="https://shop.example/", admission_rate_per_minute=600)
    path = "/admin/rooms/shop/gate"
    form = fields_of(await fetch(web, path)) | {
        **{"autopilot": "on", "autopilot-floor": "60", "autopilot-ceiling": "1,200"},
        **{"autopilot-p95_ms": "500 ms", "autopilot-error_rate": "0.5 %"},
    }
    for field, change in (
        ("autopilot-floor", {"autopilot-floor": ""}),
        ("autopilot-ceiling", {"autopilot-ceiling": "50"}),
        ("autopilot-error_rate", {"autopilot-error_rate": "few"}),
        ("autopilot-settle_s", {"autopilot-settle_s": "soon"}),
        ("autopilot-prometheus-url", {"autopilot-prometheus-url": "file:///etc/passwd"}),
        ("autopilot-prometheus-p95_ms", {"autopilot-prometheus-url": "http://prometheus:9090"}),
    ):
        refused = await submit(web, path, form | change)
        assert (refused.status_code, f'id="{field}-wrong"' in refused.text) == (422, True), change
    assert (await submit(web, path, form)).status_code == 303
    found = (await settings_of(web, "shop"))["autopilot"]
    assert (found["floor"], found["ceiling"], found["p95_ms"], found["error_rate"]) == (60, 1200, 500, 0.005)
    again = fields_of(await fetch(web, path))
    assert "admission_rate_per_minute" not in again  # not editable while the autopilot is on
    assert (await submit(web, path, again)).status_code == 303
    assert (await settings_of(web, "shop"))["autopilot"] == found
    report = {"p95_ms": 320, "error_rate": 0.002, "in_flight": 41}
    await web.post("/v1/rooms/shop/origin", report, headers=web.as_("operator"))
    live = await fetch(web, "/admin/rooms/shop")
    shown = dict(re.findall(r'data-figure="origin_(\w+)"[^>]*>([^<]*)<', live))
    assert (shown["p95"], shown["errors"], shown["in_flight"]) == ("320 ms", "0.2 %", "41")
    assert shown["pilot"] == "Between 60 and 1,200 a minute. Waiting for the first report."
