"""People who receive mail from a sale, and the real SMTP server that delivers it."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer
from tests.support.mail_server import MailServer, mail_server
from tests.support.waiting import wait_until

ANN = {"email": "Ann@Example.org", "name": "Ann", "password": "long enough 1"}
BOB = {"email": "bob@example.org", "name": "Bob", "password": "long enough 2"}
BASE = "https://tickets.example.org"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The settings, with the SMTP server if a test has one."""
    update: dict[str, Any] = {"public_url": BASE, "mail_from": "Tickets <tickets@example.org>"}
    if "server" in request.fixturenames:
        update["smtp_url"] = SecretStr(request.getfixturevalue("server").url)
    return settings.model_copy(update=update)


async def register(web: Web, who: dict[str, str]) -> dict[str, str]:
    """The header of a new account."""
    assert (await web.post("/v1/users", who)).status_code == 201
    login = await web.post("/v1/login", {"email": who["email"], "password": who["password"]})
    return bearer(login.json()["access_token"])


async def inside(web: Web, event_id: str, **options: Any) -> tuple[dict[str, str], dict[str, str]]:
    """A visitor with an address who was called and claimed: place and booking token."""
    place = bearer((await web.join(event_id, **options))["place_token"])
    await confirm_all(web)

    async def claimed() -> Any:
        response = await web.post(f"/v1/rooms/{event_id}/places/me/booking-token", headers=place)
        return response.json() if response.status_code in (200, 201) else None

    claim = await wait_until(claimed, "the turn")
    return place, bearer(claim["booking_token"])


async def confirm_all(web: Web) -> None:
    """Confirm every address that was asked to, with the button behind its link."""
    rows = await web.app.stores.postgres.fetch("SELECT confirm_token FROM mailboxes")
    for token in [row["confirm_token"] for row in rows]:
        assert (await web.send("POST", f"/confirm/{token}")).status_code == 303


async def buy(web: Web, event_id: str = "gala", email: str = "ann@example.org") -> tuple[str, dict[str, str]]:
    """The path of a guest's confirmed reservation, and their place token."""
    place, booking = await inside(web, event_id, json={"email": email})
    held = await web.reserve(event_id, booking, 2)
    assert held.status_code == 201, held.text
    path = f"/v1/reservations/{held.json()['reservation_id']}"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": "p"})
    assert paid.json()["status"] == "confirmed", paid.text
    return path, place


async def wait_for_mail(server: MailServer, subject: str) -> EmailMessage:
    """The only mail with this subject."""

    async def matching() -> list[EmailMessage]:
        return [it for it in server.received() if it["Subject"] == subject]

    [mail] = await wait_until(matching, subject)
    return mail


async def wait_until_sent(stores: Stores) -> None:
    """Wait until no mail is in flight."""

    async def none_left() -> bool:
        all_sent = "SELECT NOT EXISTS (SELECT FROM mails WHERE state IN ('waiting', 'handing_over'))"
        all_published = "SELECT NOT EXISTS (SELECT FROM outbox WHERE streamed_at IS NULL)"
        return bool(
            await stores.postgres.fetchval(all_published) and await stores.postgres.fetchval(all_sent)
        )

    await wait_until(none_left, "the last mail")


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The part of this kind."""
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")
