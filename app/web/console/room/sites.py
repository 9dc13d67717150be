"""The console's sites: rooms without a sale, and the page that puts a room in front of a site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from quart import Response

from app.core.catalogue.seating import new_slug
from app.core.errors import AlreadyExists, ValidationFailed
from app.core.formats import SLUG
from app.core.model import Room, RoomId, RoomStatus
from app.core.text import typed
from app.core.text.validation_messages import validation_failed
from app.gate.snippets import KINDS, WAYS, Kind, Way
from app.waiting_room import control, room_lists
from app.web.api.room.room_admin import NewRoom
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.gate.addresses import host_of, is_safe
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

NUMBERS = ("admission_rate_per_minute", "active_visitors_max")
FIRST: dict[str, Any] = {"gate_mode": "auto", "session_renews": True, "public": False}


class SitesPage(msgspec.Struct, frozen=True):
    """One page of sites, those not yet closed first."""

    staff: Staff
    rooms: list[tuple[Room, RoomStatus]]
    total: int
    number: int
    more: bool
    to_page: str
    deleted: str = ""  # name of the room just deleted


class SiteForm(msgspec.Struct, frozen=True):
    """The fields as typed, and errors by field."""

    values: dict[str, str]
    wrong: dict[str, str] = {}


class NewSitePage(msgspec.Struct, frozen=True):
    """The form for a new site."""

    staff: Staff
    form: SiteForm
    kinds: ClassVar[dict[Kind, str]] = KINDS
    ways: ClassVar[dict[str, Way]] = WAYS


BEGIN = SiteForm({"admission_rate_per_minute": "600", "active_visitors_max": "1000", "with": "nginx"})


@console_page("/admin/sites", section="Sites")
async def sites(request: Request, staff: Staff) -> Response:
    """List the sites."""
    fields, queues = filters_of(request), request.app.queues
    number = page_number(fields)
    listed = await room_lists.page(
        queues, False, of_event=False, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    total = await room_lists.count(queues, False, of_event=False)
    deleted = fields.get("deleted", "") if re.fullmatch(SLUG, fields.get("deleted", "")) else ""
    more, address = number * PER_PAGE < total, to_page(request, fields)
    return respond("console/sites.html", SitesPage(staff, listed, total, number, more, address, deleted))


@console_page("/admin/sites/new", section="Sites")
async def new_site(request: Request, staff: Staff) -> Response:
    """Show the form: the site's address, and how it is connected."""
    return respond("console/new_site.html", NewSitePage(staff, BEGIN))


@console_form("/admin/sites/new", section="Sites")
async def make_site(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create a room for the site and open it; connecting the site comes next."""
    values = {name: it.strip() for name, it in form.items()}
    wrong: dict[str, str] = {}
    if "://" not in values.get("target_url", ""):
        values["target_url"] = f"https://{values.get('target_url', '')}"
    numbers = {name: _number(values, name, wrong) for name in NUMBERS}
    host = host_of(values["target_url"]) if is_safe(values["target_url"]) else ""
    if not host:
        wrong["target_url"] = "enter the address of your site, such as https://shop.example"
    if values.get("with") not in WAYS:
        wrong["with"] = "choose one"
    room_id = values.get("room_id") or new_slug(host.partition(":")[0], (), "site")
    name = values.get("name") or host
    if not wrong:
        document = FIRST | numbers | {"name": name, "target_url": values["target_url"]}
        try:
            await _create(request, room_id, document, staff)
        except AlreadyExists:
            wrong["room_id"] = "is taken; choose another"
        except ValidationFailed as refusal:
            wrong |= {it["field"]: it["message"] for it in refusal.members["errors"]}
    if not wrong:
        return redirect_to(f"/admin/rooms/{room_id}/connect?with={values['with']}")
    page = NewSitePage(staff, SiteForm(values, wrong))
    return respond("console/new_site.html", page, ValidationFailed.status)


async def _create(request: Request, room_id: str, document: dict[str, Any], staff: Staff) -> None:
    """Create the room and open it. Raises AlreadyExists, ValidationFailed."""
    try:
        msgspec.convert({"room_id": room_id, **document}, NewRoom)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None
    settings, queues = control.read_settings(document), request.app.queues
    await control.create_room(queues, RoomId(room_id), settings, by=staff.by)
    await control.set_state(queues, RoomId(room_id), "open", by=staff.by)


def _number(values: Mapping[str, str], name: str, wrong: dict[str, str]) -> int | None:
    number = typed.whole_number(values.get(name, ""))
    if number is None and (values.get(name) or name != "active_visitors_max"):
        wrong[name] = "enter a whole number"
    return number
