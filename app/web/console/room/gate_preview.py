"""Previews a site's gate: describe a request, and see what the gate does and which rule decides."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from quart import Response

from app.core.errors import ValidationFailed
from app.core.model import Room, RoomId, RoomStatus
from app.core.text.validation_messages import validation_failed
from app.waiting_room import queue
from app.web.console.frame import console_form, console_page
from app.web.console.room.gate_form import rule_words
from app.web.console.staff import Staff
from app.web.gate.preview import Described, Preview, preview
from app.web.http.routes import Request
from app.web.pages.render import respond

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
AS = {
    "page": ("A browser opening a page", {"accept": "text/html", "sec-fetch-mode": "navigate"}),
    "script": ("A script or an app", {"accept": "application/json", "sec-fetch-mode": "cors"}),
}
OUTCOMES = {  # what happens to the request, with the kind of message
    "passes": ("It passes", "good"),
    "gets_pass": ("It is let in and gets a pass", "good"),
    "queues": ("It goes to the queue", "warn"),
    "refused": ("It is refused", "bad"),
}


class PreviewForm(msgspec.Struct, frozen=True):
    """The fields as typed, and errors by field."""

    values: dict[str, str]
    wrong: dict[str, str] = {}


class PreviewPage(msgspec.Struct, frozen=True):
    """The form and, once a request was described, what the gate does with it."""

    staff: Staff
    room: Room
    status: RoomStatus
    form: PreviewForm
    preview: Preview | None = None
    rule: str = ""  # the bypass rule that lets the request through, in words
    methods: tuple[str, ...] = METHODS
    kinds: ClassVar[dict[str, tuple[str, dict[str, str]]]] = AS
    outcomes: ClassVar[dict[str, tuple[str, str]]] = OUTCOMES


@console_page("/admin/rooms/<room_id>/preview", section="Sites")
async def gate_preview(request: Request, staff: Staff) -> Response:
    """Show the form, filled in with the site's address."""
    room, status = await queue.status(request.app.queues, _room_id(request))
    values = {"url": room.settings.target_url, "method": "GET", "as": "page"}
    return respond("console/preview.html", PreviewPage(staff, room, status, PreviewForm(values)))


@console_form("/admin/rooms/<room_id>/preview", section="Sites")
async def show_preview(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Show what the gate does with the request. This is a POST because cookies do not belong in addresses."""
    room, status = await queue.status(request.app.queues, _room_id(request))
    try:
        outcome = await preview(request, room.room_id, _described(form))
    except ValidationFailed as refusal:
        [wrong] = refusal.members["errors"]
        name = wrong["field"].partition("[")[0].partition(".")[0]
        typed = PreviewForm(form, {name: wrong["message"]})
        page = PreviewPage(staff, room, status, typed)
        return respond("console/preview.html", page, refusal.status, secret=True)
    rule = rule_words(outcome.bypass_rule) if outcome.bypass_rule else ""
    page = PreviewPage(staff, room, status, PreviewForm(form), outcome, rule)
    return respond("console/preview.html", page, secret=True)


def _described(form: dict[str, str]) -> Described:
    """Build the request that the form describes. Raises ValidationFailed naming the field."""
    headers = dict(AS.get(form.get("as", ""), AS["page"])[1])
    for line in form.get("headers", "").splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise ValidationFailed("headers", "write one header in each row, such as X-Monitor: yes")
        if line.strip():
            headers[name.strip().lower()] = value.strip()
    if cookies := form.get("cookies", "").strip():
        headers["cookie"] = cookies.removeprefix("Cookie:").strip()
    if agent := form.get("agent", "").strip():
        headers["user-agent"] = agent
    sent = {"url": form.get("url", "").strip(), "method": form.get("method", ""), "headers": headers}
    try:
        return msgspec.convert(sent | {"client": form.get("client", "").strip()}, Described)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None


def _room_id(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
