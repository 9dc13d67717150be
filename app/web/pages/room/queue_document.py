"""The queue page as a frozen document: its panel, its notice, its figures.

A browser test compares `panel_of`, `notice_of`, `slower_of` and `still_s_of` with `static/position.js`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

import msgspec

from app.core.clock import to_ms
from app.core.model import Pace, Place, Room, RoomStatus
from app.core.waiting_room import rules
from app.core.waiting_room.members import serving_of
from app.core.waiting_room.stalls import shown_stall_s
from app.web.documents.draw import Draw
from app.web.documents.waiting_room import PlaceDocument, StatusDocument
from app.web.pages.documents import EventHead, IdentityView, MailboxView

REFRESH_MIN_S, REFRESH_MAX_S = 3, 20
SLOWER_SHOWN_MS = 15 * 60_000  # how long the cause of a longer wait is shown
REFRESH_NEAR_S = 5
REFRESH_QUIET_S = 60  # while nothing is expected soon
STAYS = ("removed", "active", "called", "done")  # shown in any state of the room
QUEUEING = ("prequeue", "drawing", "waiting", "returns")  # in the queue; also in show.js
BEFORE_TICKETS = ("scheduled", "door", *QUEUEING)  # panels with prices; also in show.js
NOTHING_ON_SALE = ("not_on_sale_yet", "sale_over", "nothing_on_sale")
OVER = ("no_show", "expired", "left", "done", "removed")


def panel_of(room_state: str, place_state: str | None, kept_out: bool = False) -> str:
    """Which panel of the queue page to show. `kept_out`: the room is for members, and the visitor is none."""
    if place_state in STAYS:
        return place_state
    if room_state == "sold_out" and place_state == "waiting":
        return "returns"
    if room_state in ("sold_out", "closed"):
        return room_state
    if place_state is None:
        return "scheduled" if room_state == "scheduled" else "members" if kept_out else "door"
    if place_state == "prequeue":
        return "prequeue" if room_state in ("scheduled", "prequeue") else "drawing"
    return place_state


def notice_of(
    room_state: str, panel: str, available: int | None, quantity: int, reached: bool, blocked: str = ""
) -> str:
    """Which notice to show above the panel, if any.

    `quantity`: how many tickets this visitor wants at once; `reached`: their number is reached.
    """
    if room_state == "paused" and panel in ("door", "drawing", "waiting", "called"):
        return "paused"
    if panel != "waiting":
        return ""
    if blocked in NOTHING_ON_SALE:
        return blocked
    if available == 0:
        return "held"
    return "fewer" if quantity > 1 and (reached or (available or quantity) < quantity) else ""


def slower_of(pace: Pace | None, now_ms: int) -> str:
    """Why the wait may be longer than shown a while ago; "" if it is not, or the change is long past."""
    return pace.why if pace and now_ms - pace.since_ms < SLOWER_SHOWN_MS else ""


def still_s_of(still_ms: int, now_ms: int, notice: str) -> int:
    """For how long nobody has been called, rounded; 0 if the queue moves, or a notice says why not."""
    return 0 if notice or not still_ms else shown_stall_s((now_ms - still_ms) // 1000)


@dataclass(frozen=True)
class QueueView:
    """One visitor and a room; `place_document` and `status_document` are what the API would return."""

    room: Room
    status: RoomStatus
    place: Place | None
    event: EventHead | None
    status_document: StatusDocument
    place_document: PlaceDocument | None
    began: int = 0  # the position this visitor was first seen at; 0: not seen yet
    return_to: str = ""  # where the gate stopped them; an address the room allows
    known: bool = False  # whether their cookie identifies them, with or without a place
    member: bool = False  # whether this browser joined as a member
    lane: int = 0  # the one they are in, or will join; 0: ordinary
    cookies_needed: bool = False  # they pressed the button, and our cookie did not come back

    @property
    def kept_out(self) -> bool:
        """Whether the room is for members only and the visitor is none."""
        return not self.member and rules.is_for_members(self.room.settings, self.status.now_ms)


@dataclass(frozen=True, kw_only=True)
class RoomPage:
    """The queue page."""

    room_id: str
    name: str
    title: str
    event: EventHead | None
    message: str
    panel: str
    notice: str
    slower: str
    now_ms: int
    opens_at_ms: int
    prequeue_at_ms: int
    closes_at_ms: int
    members_until_ms: int
    held: int
    claim_window_s: int
    serving_position: int
    waiting: int
    wait_s: tuple[int, int] | None  # 50% and 90% quantiles; None: unknown
    lottery: Draw | None
    joinable: bool
    cookies_needed: bool
    queueing: bool
    available: int | None
    go_on: str
    elsewhere: bool  # on another site: linked, because our CSP limits forms to our own pages
    query: str  # to append to the addresses of forms
    start_json: str
    still_s: int = 0  # for how long nobody has been called; 0: the queue moves
    refresh_s: int = 0
    visitor_id: str = ""
    work: bool = False  # whether newcomers need a proof of work
    captcha: str = ""  # address of the widget's script
    suspects_lane: str = ""  # where newcomers join without proof; "": they cannot join
    lanes: bool = False  # whether the room has lanes
    lane: str = ""  # the visitor's lane; "": the ordinary one
    lane_share: int = 0  # of the calls, in percent
    in_line: bool = False
    queue_number: int | None = None
    position: int = 0
    ahead: int = 0
    quantity: int = 1
    progress: int = 0
    claim_by_ms: int = 0
    session_expires_at_ms: int = 0
    mailbox: MailboxView | None = None
    identity: IdentityView | None = None  # what newcomers have to show before they join
    tickets: int = 0  # bought here

    @property
    def before_tickets(self) -> tuple[str, ...]:
        """The panels that show prices."""
        return BEFORE_TICKETS

    @property
    def zone(self) -> str:
        """The zone of its times; "": the visitor's own."""
        return self.event.zone if self.event else ""


def goal_of(room: Room, return_to: str = "") -> str:
    """Where a called visitor goes: back to where they came from, the room's target, or our booking page."""
    return return_to or room.settings.target_url or (f"/events/{room.event_id}" if room.event_id else "/")


def go_on_path(room: Room, return_to: str = "") -> str:
    """The page of ours that leads there: the goal itself, or the hand-over to another site."""
    goal = goal_of(room, return_to)
    return goal if goal.startswith("/") else f"/rooms/{room.room_id}/go{return_query(return_to)}"


def return_query(return_to: str) -> str:
    """The query of a queue page that stores where the gate stopped the visitor."""
    return f"?{urlencode({'return_to': return_to})}" if return_to else ""


def position_of(status: RoomStatus, place: Place | None) -> int:
    """The number of people ahead + 1 while waiting, else 0."""
    if place is None or place.state != "waiting" or place.queue_number is None:
        return 0
    bound = max(1, place.queue_number - serving_of(status, place.visitor_id))
    return bound if place.ahead is None else place.ahead + 1


def room_page(view: QueueView) -> RoomPage:
    """Build the queue page for one visitor."""
    room, status, place = view.room, view.status, view.place
    panel = panel_of(status.state, place.state if place else None, view.kept_out)
    notice = _notice_of(status, place, panel)
    # While the queue is paused or sold out nobody is called, so there is nothing to estimate from.
    estimate = view.place_document.wait_s if view.place_document and not notice else None
    still_s = still_s_of(to_ms(view.status_document.still_since), status.now_ms, notice)
    page = RoomPage(
        room_id=room.room_id,
        name=view.event.name if view.event else room.settings.name,
        title=room.settings.name,
        event=view.event,
        message=room.settings.message,
        panel=panel,
        notice=notice,
        slower="" if notice == "paused" or still_s else slower_of(status.pace, status.now_ms),
        now_ms=status.now_ms,
        opens_at_ms=to_ms(room.settings.opens_at),
        prequeue_at_ms=to_ms(room.settings.prequeue_at),
        closes_at_ms=to_ms(room.settings.closes_at),
        members_until_ms=to_ms(room.settings.members_until),
        held=status.held or 0,
        claim_window_s=room.settings.claim_window_s,
        serving_position=status.serving_position,
        waiting=status.waiting,
        wait_s=(estimate.p50, estimate.p90) if estimate else None,
        lottery=view.status_document.draw,
        joinable=status.state not in ("sold_out", "closed"),
        cookies_needed=view.cookies_needed,
        queueing=panel in QUEUEING,
        available=status.available,
        go_on=go_on_path(room, view.return_to),
        elsewhere=not goal_of(room, view.return_to).startswith("/"),
        query=return_query(view.return_to),
        start_json=_start(view),
    )
    page = _with_place(page, status, place, view.began) if place else page
    page = _with_lane(_with_work(page, view), view.status_document, view.lane)
    return replace(page, refresh_s=_refresh_s(page, view), still_s=still_s)


def _notice_of(status: RoomStatus, place: Place | None, panel: str) -> str:
    reached = place is not None and 0 < (place.queue_number or 0) <= serving_of(status, place.visitor_id)
    quantity = max(1, place.quantity) if place else 1
    return notice_of(status.state, panel, status.available, quantity, reached, status.blocked)


def _with_work(page: RoomPage, view: QueueView) -> RoomPage:
    its, needed = view.room.settings, not view.member
    return replace(page, work=its.proof_of_work and needed, suspects_lane=its.suspects_lane)


def _with_lane(page: RoomPage, document: StatusDocument, lane: int) -> RoomPage:
    if not document.lanes:
        return page
    of = document.lanes[lane]
    return replace(page, lanes=True, lane=of.name, lane_share=of.share, serving_position=of.serving_position)


def _with_place(page: RoomPage, status: RoomStatus, place: Place, began: int) -> RoomPage:
    position = position_of(status, place)
    return replace(
        page,
        visitor_id=place.visitor_id,
        in_line=place.state in ("prequeue", "waiting"),
        queue_number=place.queue_number,
        position=position,
        ahead=place.ahead or 0,
        quantity=max(1, place.quantity),
        progress=_progress(position, began),
        claim_by_ms=place.claim_by_ms,
        session_expires_at_ms=place.session_expires_at_ms,
    )


def _progress(position: int, began: int) -> int:
    return round(1000 * (began - position) / began) if began > 1 and position <= began else 0


def _refresh_s(page: RoomPage, view: QueueView) -> int:
    """When a page without JavaScript reloads; 0: nothing will change by itself."""
    if page.panel in OVER:
        return 0
    if page.panel in ("sold_out", "closed"):
        return REFRESH_QUIET_S
    due_s = REFRESH_MAX_S
    if page.panel in ("scheduled", "prequeue"):
        instants = (at for at in (page.prequeue_at_ms, page.opens_at_ms) if at > page.now_ms)
        due_s = (min(instants, default=page.now_ms + REFRESH_MAX_S * 1000) - page.now_ms) // 1000 + 1
    elif page.panel == "returns" or page.notice in ("held", "fewer"):
        due_s = page.claim_window_s // 2  # leaves time to fill in the form
    elif page.panel == "waiting" and view.place_document:
        # Without JavaScript nothing else announces a turn, so those near the front reload often.
        due_s = min(view.place_document.poll_after_s, REFRESH_NEAR_S + page.ahead)
    return min(max(due_s, REFRESH_MIN_S), REFRESH_MAX_S)


def _start(view: QueueView) -> str:
    """The script's initial state: the two documents it would otherwise have to fetch."""
    place = view.place_document
    if place is not None:
        place = msgspec.structs.replace(place, place_token="")  # stays in the HttpOnly cookie
    return msgspec.json.encode(
        {
            "room_id": view.room.room_id,
            "go_on": go_on_path(view.room, view.return_to),
            "now_ms": view.status.now_ms,
            "began": view.began,
            "member": view.member,
            "status": view.status_document,
            "place": place,
        }
    ).decode()
