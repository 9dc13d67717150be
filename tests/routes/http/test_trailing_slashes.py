"""A page's address with a trailing slash leads to the page; no other does, and none to another host."""

from __future__ import annotations

from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from app.web.pages.visitor_pages import PAGES
from tests.contract.test_every_call import filled
from tests.routes.conftest import Web

IDS = {
    "room_id": "hall",
    "event_id": "gala",
    "reservation_id": "r",
    "digest": "abc",
    "theme_file": "theme.css",
    "job_id": "0" * 36,
    "mail_id": "0" * 36,
    "visitor_id": "v",
    "webhook_id": "w",
    "alert_id": "7",
    "key_id": "k",
    "account_id": "a",
    "sign_in_id": "0" * 36,
    "confirm_token": "t" * 22,
}


def address(rule: str) -> str:
    """The address of a page with an id for each parameter."""
    for name, value in IDS.items():
        rule = rule.replace(f"<{name}>", value)
    return rule


async def test_every_page_is_found_with_a_slash(web: Web) -> None:
    pages = [it for it in PAGES if it != "/"] + [it.path for it in CONSOLE if it.method == "GET"]
    assert len(pages) > 20
    for page in pages:
        for method in ("GET", "HEAD"):
            answer = await web.send(method, f"{address(page)}/?to=%2F%2Fx&q=%C3%BC")
            assert answer.status_code == 308, page
            assert answer.headers["location"] == f"{address(page)}?to=%2F%2Fx&q=%C3%BC", page
        assert (await web.get(f"{address(page)}/")).headers["location"] == address(page)


async def test_the_api_stays_exact(web: Web) -> None:
    for call in CALLS:
        answer = await web.send(call.method, f"{filled(call.path)}/")
        if not call.below:  # below a gate, addresses belong to the shop
            assert answer.status_code in (404, 405), call.name
        assert "location" not in answer.headers


async def test_no_slash_leads_elsewhere(web: Web) -> None:
    for path in (
        "//evil.example/",
        "///evil.example/",
        "//evil.example/rooms/hall/",
        "/rooms//evil.example/",
        "/rooms/%2F%2Fevil.example/",
        "/%2F%2Fevil.example/",
        "/rooms/hall//",
        "/rooms/%0D%0ALocation:%20x/",
        "/rooms/evil.example\\@x/",
        "/rooms/UPPER/",
    ):
        answer = await web.get(f"http://fairgate.test{path}")
        assert answer.status_code == 404, path
        assert "location" not in answer.headers, path
