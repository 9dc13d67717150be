"""The queue page for newcomers is rendered once for all of them, and never contains anybody's data."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from quart import Quart

from tests.routes.conftest import Web


@pytest.fixture
def asked_of_quart(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that reached Quart."""
    found: list[str] = []
    inner = Quart.handle_request

    async def counted(self: Quart, request: Any) -> Any:
        found.append(request.path)
        return await inner(self, request)

    monkeypatch.setattr(Quart, "handle_request", counted)
    return found


def shared_headers(answer: httpx.Response) -> str:
    """The headers that are the same for all newcomers, except for the length."""
    own = {"x-request-id", "set-cookie", "content-length"}
    return str(sorted(it for it in answer.headers.items() if it[0] not in own))


async def test_newcomers_get_the_same_page_and_a_cookie_of_their_own(
    web: Web, asked_of_quart: list[str]
) -> None:
    await web.room("crowd")
    answers = [await web.get("/rooms/crowd") for _ in range(20)]
    assert len({shared_headers(it) for it in answers}) == 1
    assert {it.status_code for it in answers} == {200}
    assert len({it.text for it in answers}) <= len(asked_of_quart) < len(answers)
    assert len({cookie_of(it) for it in answers}) == len(answers)
    assert len({it.headers["x-request-id"] for it in answers}) == len(answers)
    joined = await web.post("/v1/rooms/crowd/places", headers={"cookie": cookie_of(answers[-1])})
    assert joined.status_code in (200, 201)


def cookie_of(answer: httpx.Response) -> str:
    """A newcomer's cookie, as a browser sends it back."""
    return str(answer.headers["set-cookie"]).partition(";")[0]


DIFFERENT = {
    "a language": {"accept-language": "de"},
    "no compression": {"accept-encoding": "identity"},
    "an app": {"accept": "application/json"},
    "a picture of another site": {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"},
}


@pytest.mark.parametrize("case", DIFFERENT)
async def test_who_asks_for_something_else_gets_it(case: str, web: Web) -> None:
    await web.room("crowd")
    for _ in range(3):
        plain = await web.get("/rooms/crowd")
        other = await web.get("/rooms/crowd", headers=DIFFERENT[case])
    assert plain.headers["content-language"] == "en"
    if case == "a language":
        assert other.headers["content-language"] == "de"
        assert other.text != plain.text
    elif case == "no compression":
        assert (other.headers.get("content-encoding"), other.text) == (None, plain.text)
    elif case == "an app":
        assert "cfWaitingRoom" in other.json()
    else:
        assert "set-cookie" not in other.headers


async def test_who_has_a_place_sees_their_own(web: Web) -> None:
    await web.room("crowd", admission_rate_per_minute=0)
    newcomer = await web.get("/rooms/crowd")
    token = (await web.join("crowd"))["place_token"]
    mine = await web.get("/rooms/crowd", headers={"cookie": f"fairgate_place_crowd={token}"})
    assert mine.text != newcomer.text
    assert (await web.get("/rooms/crowd")).text != mine.text


async def test_a_room_that_changes_is_not_shown_as_it_was(web: Web) -> None:
    await web.room("crowd")
    before = await web.get("/rooms/crowd")
    staff = web.as_("operator")
    answer = await web.send("PATCH", "/v1/rooms/crowd", json={"message": "Doors at 8"}, headers=staff)
    assert answer.status_code == 200, answer.text
    assert "Doors at 8" not in before.text
    assert "Doors at 8" in (await web.get("/rooms/crowd")).text
