"""A fan's data: download and erasure, by the link to their tickets."""

from __future__ import annotations

from quart import Response

from app.core.errors import CredentialInvalid
from app.reservations import personal_data
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form
from app.web.pages.orders.ticket_links import TicketsPage
from app.web.pages.render import respond


async def download_data(request: Request) -> Response:
    """Download everything stored about the link's address."""
    token = (await read_form()).get("token", "")
    await request.app.throttles.reset(request.client)
    try:
        body = await personal_data.of_link(request.app.stores, token)
    except CredentialInvalid as refusal:
        return respond("tickets.html", TicketsPage("gone"), refusal.status)
    response = Response(body, content_type="application/json")
    response.headers.update(
        {"Content-Disposition": 'attachment; filename="my-data.json"', "Cache-Control": "no-store"}
    )
    return response


async def erase_data(request: Request) -> Response:
    """Erase the personal data of the link's address."""
    token = (await read_form()).get("token", "")
    await request.app.throttles.reset(request.client)
    try:
        await personal_data.forget(request.app.stores, token)
    except CredentialInvalid as refusal:
        return respond("tickets.html", TicketsPage("gone"), refusal.status)
    return respond("tickets.html", TicketsPage("erased"))
