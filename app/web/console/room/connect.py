"""The page that helps connect a site: what to copy where, and whether a first request has arrived."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec
from quart import Response

from app.core.formats import HOST
from app.core.model import Room, RoomId, RoomStatus
from app.gate import snippets
from app.gate.snippets import KINDS, WAYS, File, Kind, Site, Way
from app.waiting_room import queue
from app.web.console.frame import console_page
from app.web.console.query import filters_of
from app.web.console.room.site_figures import GateLine, gate_line
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.render import respond

USUAL = "nginx"


class ConnectForm(msgspec.Struct, frozen=True):
    """The addresses at which the proxy reaches Fairgate and the site, as typed, and the errors in them."""

    values: dict[str, str]
    wrong: dict[str, str] = {}


class ConnectPage(msgspec.Struct, frozen=True):
    """One way to connect a site."""

    staff: Staff
    room: Room
    status: RoomStatus
    form: ConnectForm
    way: Way
    files: list[tuple[File, str]]
    gate_requests: GateLine  # requests at the gate so far
    public_url: str
    has_public_url: bool  # whether Fairgate's own name is configured
    trusts: bool  # whether trusted proxies are configured
    kinds: ClassVar[dict[Kind, str]] = KINDS
    ways: ClassVar[dict[str, Way]] = WAYS


@console_page("/admin/rooms/<room_id>/connect", section="Sites")
async def connect(request: Request, staff: Staff) -> Response:
    """Show what to copy, and whether the site has sent a request yet."""
    room, status = await queue.status(request.app.queues, RoomId(request.params["room_id"]))
    fields, settings = filters_of(request), request.app.settings
    way = WAYS.get(fields.get("with", ""), WAYS[USUAL])
    form = _form(fields, request)
    site = Site(
        room_id=room.room_id,
        target_url=room.settings.target_url,
        public_url=_public_url(request),
        fairgate=form.values["fairgate"] if not form.wrong else snippets.FAIRGATE,
        origin=form.values["origin"] if not form.wrong else snippets.ORIGIN,
    )
    page = ConnectPage(
        staff=staff,
        room=room,
        status=status,
        form=form,
        way=way,
        files=snippets.filled(way, site),
        gate_requests=gate_line(await request.app.gate_rooms.counts.figures(room)),
        public_url=site.public_url,
        has_public_url=bool(settings.public_url),
        trusts=bool(settings.trusted_proxies),
    )
    return respond("console/connect.html", page, 422 if form.wrong else 200)


def _form(fields: dict[str, str], request: Request) -> ConnectForm:
    """The two addresses: as typed, else those of the deployment files, with the port on which we serve
    HTTP."""
    own_url = urlsplit(_public_url(request))
    usual = f"127.0.0.1:{own_url.port or 80}" if own_url.scheme == "http" else snippets.FAIRGATE
    values = {
        "fairgate": fields.get("fairgate", usual),
        "origin": fields.get("origin", snippets.ORIGIN),
    }
    problem = "must be a host name, perhaps with a port, such as 10.0.0.5:8080"
    return ConnectForm(values, {name: problem for name, it in values.items() if not re.match(HOST, it)})


def _public_url(request: Request) -> str:
    """Fairgate's own address; the usual one if the `Host` header is not a plain host."""
    origin = request.origin()
    return origin if re.match(HOST, origin.partition("://")[2]) else snippets.PUBLIC
