"""The head that all pages of a sale share: its name, its state, and its tabs.

To add a tab, add a line to `PREPARE` or `RUN`. It appears once there is a page at its path, for staff who may
open that page. The page passes `await sale_head(request, staff, room, "Its name")` to its template, which
begins with `{{ sale.head(page.sale) }}` (`console/sale_parts.html`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from app.catalogue import events, sale_lives
from app.core.catalogue.sale_life import STAGES, Stage, stage_of
from app.core.clock import now_ms
from app.core.model import Event, EventId, Role, Room, RoomId, RoomState
from app.core.waiting_room import rules
from app.store.sql.catalogue.sale_lives import Life
from app.web.console.frame import CONSOLE
from app.web.console.page_access import may_open
from app.web.console.staff import Entry, Staff
from app.web.http.routes import Request

ALWAYS = tuple(STAGES)
NEW = Life()


class Tab(msgspec.Struct, frozen=True):
    """One tab. `path`: of its page as declared, optionally followed by a query."""

    name: str
    path: str
    role: Role = "operator"
    stages: tuple[Stage, ...] = ALWAYS  # stages in which a sale has this tab


PREPARE = (
    Tab("Overview", "/admin/rooms/<room_id>/overview"),
    Tab("Edit", "/admin/rooms/<room_id>/edit", role="admin", stages=ALWAYS[:-1]),
    Tab("Look", "/admin/rooms/<room_id>/theme"),
    Tab("Entry", "/admin/rooms/<room_id>/entry"),
    Tab("Seats", "/admin/rooms/<room_id>/seats"),
    Tab("Codes", "/admin/rooms/<room_id>/codes"),
    Tab("Buyers", "/admin/rooms/<room_id>/buyers"),
    Tab("E-mails", "/admin/rooms/<room_id>/mails"),
    Tab("People", "/admin/rooms/<room_id>/people", role="admin"),
)
RUN = (
    Tab("Cockpit", "/admin/rooms/<room_id>"),
    Tab("Orders", "/admin/orders?event=<event_id>"),
    Tab("Attendees", "/admin/rooms/<room_id>/attendees"),
    Tab("Guests", "/admin/rooms/<room_id>/guests"),
    Tab("Door", "/admin/rooms/<room_id>/door"),
    Tab("Move or cancel", "/admin/rooms/<room_id>/fate", role="admin"),
    Tab("After the sale", "/admin/rooms/<room_id>/report", stages=("rehearsal", "open", "over", "archived")),
)
TABS = {"Prepare": PREPARE, "Run": RUN}  # in two rows if the screen is wide enough


class TabGroup(msgspec.Struct, frozen=True):
    """Tabs that are shown together."""

    name: str
    tabs: list[Entry]


class SaleHead(msgspec.Struct, frozen=True):
    """The head of a sale's pages; `page.sale` in their templates."""

    room_id: RoomId
    event_id: EventId
    name: str
    state: RoomState
    stage: Stage
    test: bool  # whether it uses the simulated gateway
    rehearses: str  # the sale that this one rehearses; "": it is no rehearsal
    tabs: list[TabGroup]
    may_copy: bool


async def sale_head(
    request: Request, staff: Staff, room: Room, tab: str, state: RoomState | None = None
) -> SaleHead | None:
    """Build the head of the page called `tab`; None for a site's room.

    `state`: the room's current state, if the page has read it.
    """
    if room.event_id is None:
        return None
    event, _ = await events.event(request.app.stores, room.event_id)
    life = await sale_lives.life(request.app.stores, room.event_id)
    return head_of(staff, room, event, tab, state, life)


def head_of(
    staff: Staff, room: Room, event: Event, tab: str, state: RoomState | None = None, life: Life = NEW
) -> SaleHead:
    """Build the head for a page that has already read the event and its life."""
    state = state or rules.due_state(room.state, room.settings, now_ms())
    archived, rehearsal = life.archived_at is not None, life.rehearsal_of is not None
    stage = stage_of(event, state, datetime.now(UTC), archived=archived, rehearsal=rehearsal)
    return SaleHead(
        room_id=room.room_id,
        event_id=event.event_id,
        name=event.name,
        state=state,
        stage=stage,
        test=room.settings.test,
        rehearses=life.rehearsal_of or "",
        tabs=_tabs(staff, room, event, stage, tab),
        may_copy=staff.account.role == "admin" and not rehearsal,
    )


def _tabs(staff: Staff, room: Room, event: Event, stage: Stage, current: str) -> list[TabGroup]:
    params = {"room_id": room.room_id, "event_id": event.event_id}
    pages = {it.path for it in CONSOLE if it.method == "GET"}

    def is_shown(tab: Tab) -> bool:
        path = tab.path.partition("?")[0]
        may = stage in tab.stages and may_open(staff, path, params)
        return path in pages and (may or tab.name == current)

    groups = [
        TabGroup(
            name,
            [
                Entry(it.name, _address(it.path, room, event), it.name == current)
                for it in tabs
                if is_shown(it)
            ],
        )
        for name, tabs in TABS.items()
    ]
    return [it for it in groups if it.tabs]


def _address(path: str, room: Room, event: Event) -> str:
    return path.replace("<room_id>", room.room_id).replace("<event_id>", event.event_id)
