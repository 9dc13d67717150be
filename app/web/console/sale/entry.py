"""Who may join a room: everybody or members only; its lanes; the checks for newcomers; and the login whose
proofs it accepts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from quart import Response

from app.catalogue import events
from app.core.clock import in_zone, now_ms
from app.core.errors import Conflict, ValidationFailed
from app.core.lanes import ALL, LANES_MAX
from app.core.model import Room, RoomId, RoomStatus
from app.core.text.validation_messages import validation_failed
from app.core.waiting_room import rules
from app.core.waiting_room.captcha import PROVIDERS
from app.core.waiting_room.members import MemberLogin
from app.core.zones import UTC
from app.waiting_room import control, members, queue
from app.web.api.room.member_login import MemberLoginChange, save_login
from app.web.console.form_ids import new_form_id, submit_once
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.sale import local_times
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

LOCAL = "%Y-%m-%dT%H:%M"
MORE = 2  # blank rows for more lanes
NUMBER_MAX = 7  # digits


class EntryPage(msgspec.Struct, frozen=True):
    """The settings, and the forms as filled in; `secret`: one that was just created."""

    staff: Staff
    sale: SaleHead | None
    room: Room
    status: RoomStatus
    zone: str
    login: MemberLogin | None
    for_members: bool  # whether only members may join now
    form: str
    link: str  # for members, without the proof
    filled: dict[str, str] = {}
    problem: str = ""
    saved: bool = False
    secret: str = ""
    provider: str = ""  # the captcha provider; "" if there is none
    mails: bool = True  # whether e-mail is set up

    @property
    def lanes(self) -> list[tuple[str, str]]:
        """Name and share of each lane, and blank rows for more."""
        if "name_1" in self.filled:
            return [
                (self.filled[f"name_{at}"], self.filled.get(f"share_{at}", "")) for at in _rows(self.filled)
            ]
        set_up = [(it.name, str(it.share)) for it in self.room.settings.lanes]
        return [*set_up, *[("", "")] * MORE][:LANES_MAX]

    @property
    def newcomers_per_address(self) -> str:
        """How many newcomers may come from one address."""
        return self.filled.get("newcomers_per_address", str(self.room.settings.newcomers_per_address or ""))

    @property
    def proof_of_work(self) -> bool:
        """Whether newcomers have to solve a proof of work."""
        return "proof_of_work" in self.filled if self.filled else self.room.settings.proof_of_work

    @property
    def captcha(self) -> bool:
        """Whether newcomers have to solve a captcha."""
        return "captcha" in self.filled if self.filled else self.room.settings.captcha

    @property
    def identity(self) -> str:
        """How newcomers identify themselves."""
        return self.filled.get("identity", self.room.settings.identity)

    @property
    def suspects_lane(self) -> str:
        """The lane of suspects."""
        return self.filled.get("suspects_lane", self.room.settings.suspects_lane)

    @property
    def until(self) -> str:
        """When the room stops being for members only, in local time."""
        return self.filled.get("members_until", self._local(self.room.settings.members_until))

    @property
    def accounts_before(self) -> str:
        """The latest creation time of accounts that may join, in local time."""
        return self.filled.get("accounts_before", self._local(self.room.settings.accounts_before))

    def _local(self, at: datetime | None) -> str:
        return in_zone(at, ZoneInfo(self.zone)).strftime(LOCAL) if at else ""


@console_page("/admin/rooms/<room_id>/entry", section="Sales")
async def entry(request: Request, staff: Staff) -> Response:
    """Show the settings."""
    return await _page(request, staff)


@console_form("/admin/rooms/<room_id>/entry/rule", section="Sales")
async def set_entry(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Let everybody join, or members only."""
    room_id, only = RoomId(request.params["room_id"]), form.get("who") == "members"
    try:
        until = _time(form.get("members_until", "").strip() if only else "", await _zone(request))
        patch: dict[str, Any] = {"members_only": only, "members_until": until}
        await control.configure(request.app.queues, room_id, patch, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}/entry?saved=1")


@console_form("/admin/rooms/<room_id>/entry/lanes", section="Sales")
async def set_lanes(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Give groups a share of the calls; rows without a name are ignored."""
    room_id = RoomId(request.params["room_id"])
    try:
        await control.configure(request.app.queues, room_id, {"lanes": _lanes(form)}, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}/entry?saved=1")


@console_form("/admin/rooms/<room_id>/entry/newcomers", section="Sales")
async def set_newcomers(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Set the checks for newcomers, and where suspects go."""
    room_id = RoomId(request.params["room_id"])
    try:
        patch = _newcomers(request, form, await _zone(request))
        await control.configure(request.app.queues, room_id, patch, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}/entry?saved=1")


@console_form("/admin/rooms/<room_id>/entry/login", section="Sales")
async def set_login(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Set the organiser's login. A new secret is shown only in this response."""
    sent = {name: form.get(name, "").strip() for name in MemberLoginChange.__struct_fields__}
    try:
        change = msgspec.convert(sent, MemberLoginChange)
        _, secret = await submit_once(request, staff, form, lambda: save_login(request, staff.by, change))
    except msgspec.ValidationError as error:
        return await _page(
            request, staff, form, message_of(validation_failed(error)), ValidationFailed.status
        )
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    if not secret:
        return redirect_to(f"/admin/rooms/{request.params['room_id']}/entry?saved=1")
    return await _page(request, staff, secret=secret)


@console_form("/admin/rooms/<room_id>/entry/login/remove", section="Sales")
async def remove_login(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Accept no more proofs."""
    room_id = RoomId(request.params["room_id"])
    await request.app.queues.loaded_rooms.read(room_id)
    await members.remove_login(request.app.member_logins, room_id, by=staff.by)
    return redirect_to(f"/admin/rooms/{room_id}/entry")


def _rows(form: dict[str, str]) -> list[int]:
    return [at for at in range(1, LANES_MAX + 1) if f"name_{at}" in form]


def _lanes(form: dict[str, str]) -> list[dict[str, Any]]:
    lanes: list[dict[str, Any]] = []
    for at in _rows(form):
        name, share = form[f"name_{at}"].strip(), form.get(f"share_{at}", "").strip()
        if not name and not share:
            continue
        if not share.isascii() or not share.isdigit() or len(share) > len(str(ALL)):
            raise ValidationFailed(f"lanes[{len(lanes)}].share", "must be a whole number of percent")
        lanes.append({"name": name, "share": int(share)})
    return lanes


def _newcomers(request: Request, form: dict[str, str], zone: str) -> dict[str, Any]:
    each = form.get("newcomers_per_address", "").strip()
    if each and not (each.isascii() and each.isdigit() and len(each) <= NUMBER_MAX):
        raise ValidationFailed("newcomers_per_address", "must be a whole number")
    by_passkey = form.get("identity") == "passkey"
    before = form.get("accounts_before", "").strip() if by_passkey else ""
    return {
        "newcomers_per_address": int(each) if each else None,
        "proof_of_work": "proof_of_work" in form,
        "identity": form.get("identity", "none"),
        "accounts_before": _time(before, zone, "accounts_before"),
        "suspects_lane": form.get("suspects_lane", ""),
        **({"captcha": "captcha" in form} if request.app.settings.captcha else {}),
    }


def _time(text: str, zone: str, field: str = "members_until") -> str | None:
    if not text:
        return None
    moment = local_times.read(text, zone, "")
    if isinstance(moment, str):
        raise ValidationFailed(field, moment)
    at = moment if isinstance(moment, datetime) else moment[-1].at
    return at.isoformat()


async def _zone(request: Request) -> str:
    room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    if room.event_id is None:
        return UTC
    return (await events.event(request.app.stores, room.event_id))[0].timezone


async def _page(
    request: Request,
    staff: Staff,
    filled: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
    secret: str = "",
) -> Response:
    room_id = RoomId(request.params["room_id"])
    zone = await _zone(request)
    room, now = await queue.status(request.app.queues, room_id)
    document = EntryPage(
        staff=staff,
        sale=await sale_head(request, staff, room, "Entry", now.state),
        room=room,
        status=now,
        zone=zone,
        login=await members.login_of(request.app.member_logins, room_id),
        for_members=rules.is_for_members(room.settings, now_ms()),
        form=new_form_id(),
        link=f"{request.origin()}/rooms/{room_id}/member?proof=",
        filled=filled or {},
        problem=problem,
        saved="saved" in filters_of(request),
        secret=secret,
        provider=PROVIDERS[its].name if (its := request.app.settings.captcha) else "",
        mails=bool(request.app.settings.smtp_url.get_secret_value()),
    )
    return respond("console/entry.html", document, status, secret=bool(secret))
