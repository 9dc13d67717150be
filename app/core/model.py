"""The nouns of Fairgate as frozen structs. Times are integer ms (`*_ms`), money integer minor units."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NewType

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.core.autopilot_settings import Autopilot
from app.core.formats import (
    COLOUR,
    HOST,
    LOCALE,
    METHOD,
    NAME,
    PATH,
    PICTURE,
    TEXT,
    TOKEN,
    URL,
    At,
    Name,
    Text,
)
from app.core.lanes import LANES_MAX, Lane
from app.core.ranges import NOT_LEARNED, Ranges

RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
TicketTypeId = NewType("TicketTypeId", str)
VisitorId = NewType("VisitorId", str)
ReservationId = NewType("ReservationId", str)


RoomState = Literal["scheduled", "prequeue", "open", "paused", "sold_out", "closed"]
PlaceState = Literal[
    "prequeue", "waiting", "called", "active", "done", "expired", "no_show", "left", "removed"
]
ReservationStatus = Literal["held", "paying", "confirmed", "cancelled", "expired"]
Role = Literal["user", "operator", "admin"]
KeyRole = Literal["operator", "admin"]  # of an API key
QueueingMethod = Literal["fifo", "lottery"]
DrawEntropy = Literal["none", "entries"]
GateMode = Literal["auto", "queue_all", "off"]  # queue when there is a crowd; always; never
SigningAlgorithm = Literal["EdDSA", "ES256", "RS256"]  # of booking tokens and passes
GateFail = Literal["closed", "open"]  # while Redis is unavailable newcomers wait, or pass
# Why nobody can be called in an open room, until staff, time or somebody inside changes it.
Blocked = Literal["", "rate", "cap", "held", "not_on_sale_yet", "sale_over", "nothing_on_sale"]
Slower = Literal["", "paused", "rate_lowered", "slower"]


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record; the one base of everything that crosses a boundary."""


class Theme(Struct, frozen=True):
    """The look of a room's pages; what is empty is as usual. `core/theme.py` checks more of it."""

    accent: Annotated[str, Meta(pattern=COLOUR)] = ""  # buttons and links; made lighter for dark screens
    paper: Annotated[str, Meta(pattern=COLOUR)] = ""  # the ground, on light screens
    logo: Annotated[str, Meta(max_length=12_000, pattern=PICTURE)] = ""
    cover: Annotated[str, Meta(max_length=40_000, pattern=PICTURE)] = ""
    welcome: Annotated[str, Meta(max_length=500, pattern=TEXT)] = ""  # above the message
    footer: Annotated[str, Meta(max_length=300, pattern=TEXT)] = ""
    terms: Annotated[str, Meta(max_length=500, pattern=URL)] = ""  # addresses that the foot links to
    privacy: Annotated[str, Meta(max_length=500, pattern=URL)] = ""
    imprint: Annotated[str, Meta(max_length=500, pattern=URL)] = ""


class BypassRule(Struct, frozen=True):
    """Who passes the gate without a turn: whoever fits all that it says (`core/gating.py`)."""

    path_prefix: Annotated[str, Meta(max_length=200, pattern=PATH)] = ""
    path_regex: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""  # RE2 syntax, of the whole path
    method: Annotated[str, Meta(pattern=METHOD)] = ""
    cidr: Annotated[str, Meta(max_length=50)] = ""
    header: Annotated[str, Meta(pattern=TOKEN)] = ""
    value: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""  # of the header, exactly
    cookie: Annotated[str, Meta(pattern=TOKEN)] = ""  # the shop's own: that there is one
    user_agent_contains: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""


# --- the waiting room -------------------------------------------------------------------------------------
class RoomSettings(Struct, frozen=True):
    """What staff may set on a room (api.md, "Room settings"); kept as one JSON document in Postgres."""

    name: Name
    admission_rate_per_minute: Annotated[int, Meta(ge=0, le=60_000_000)] = 600
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # None: one second of the rate
    active_visitors_max: Annotated[int, Meta(ge=1, le=10_000_000)] | None = 1000  # None: no cap
    claim_window_s: Annotated[int, Meta(ge=2, le=86_400)] = 120
    # called from one address and not claimed; None: a twentieth of all who could be, at least 3
    unclaimed_per_network_max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    session_ttl_s: Annotated[int, Meta(ge=2, le=86_400)] = 600
    visitors_per_ticket_max: Annotated[float, Meta(ge=0.1, le=100)] = 1.0
    session_ends_on_confirm: bool = True
    restore_window_s: Annotated[int, Meta(ge=0, le=300)] = 10
    queueing_method: QueueingMethod = "fifo"
    draw_entropy: DrawEntropy = "none"  # beside the seed; `entries`: draws also follow from who joined
    prequeue_at: At | None = None
    opens_at: At | None = None
    closes_at: At | None = None
    message: Text = ""
    locale: Annotated[str, Meta(pattern=LOCALE)] = ""
    theme: Theme = Theme()
    public: bool = True
    test: bool = False  # a test sale: tickets are paid with the simulated gateway, which takes no money
    session_renews: bool = False  # activity at the gate puts off the end: `session_ttl_s` is idle time
    session_max_s: Annotated[int, Meta(ge=2, le=604_800)] | None = None  # if it renews; None: no limit
    gate_mode: GateMode = "auto"
    gate_fail: GateFail = "closed"
    pass_ip_bound: bool = False  # passes hold for the network they were made for alone
    signing_algorithm: SigningAlgorithm = "EdDSA"
    verified_crawlers: bool = False  # crawlers of search engines that DNS proves pass (`core/crawlers.py`)
    json_response_enabled: bool = False  # the gate sends apps, which ask for JSON alone, to the queue, too
    bypass: Annotated[list[BypassRule], Meta(max_length=50)] = []  # who passes the gate without a turn
    target_url: Annotated[str, Meta(max_length=2000, pattern=URL)] = ""
    allowed_return_hosts: Annotated[list[Annotated[str, Meta(pattern=HOST)]], Meta(max_length=50)] = []
    autopilot: Autopilot | None = None  # the rate follows the shop's health; None: it is what staff set
    members_only: bool = False  # only members may join, whom the organiser vouches for
    members_until: At | None = None  # from then on everybody may
    lanes: Annotated[list[Lane], Meta(max_length=LANES_MAX)] = []  # with a share of the calls (`lanes.py`)
    newcomers_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # in 10 minutes; more wait
    proof_of_work: bool = False  # newcomers' devices compute for a moment before they join
    captcha: bool = False  # newcomers solve one, where the installation has a provider of them
    suspects_lane: Annotated[str, Meta(max_length=40, pattern=NAME)] = ""  # else they join here
    # this far from the front places are looked up; further back they follow from tokens. None: all are
    exact_within: Annotated[int, Meta(ge=1_000, le=100_000_000)] | None = None
    visitor_events: bool = False  # `visitor.*` for other systems: one for each step of each visitor


class Room(Struct, frozen=True):
    """A room as Postgres remembers it."""

    room_id: RoomId
    event_id: EventId | None
    settings: RoomSettings
    state: RoomState
    version: int  # grows with each staff change; orders conf writes to Redis
    epoch: int  # grows each time the Redis side was rebuilt
    seed: bytes  # 32 random bytes from the creation on; published only after the opening
    serving_position: int
    numbers_reserved: int  # no queue number above this one was ever handed out
    opened_at_ms: int  # 0: never opened
    closed_at_ms: int
    # distinguishes it from deleted rooms of the same name; "" for rooms from before migration 0027
    generation: str = ""
    draw_root: bytes | None = None  # of its log at the opening; None: not known, b"": the seed alone


class Pace(msgspec.Struct, frozen=True):
    """What waits are computed from: the k-th's is calculated as min(k first_s, base_s + k each_s)."""

    rate_per_minute: int  # the rate it was made for
    first_s: float
    base_s: float
    each_s: float
    since_ms: int = 0  # when shown waits last became longer; 0: never
    why: Slower = ""
    ranges: Ranges = NOT_LEARNED  # what is shown of a calculated wait


class LaneStatus(msgspec.Struct, frozen=True):
    """The live part of a lane; during the pre-queue of a lottery nobody is counted in one."""

    share: int  # of the calls, in percent, while anybody waits in every lane
    serving_position: int
    waiting: int


class RoomStatus(Struct, frozen=True):
    """The live part of a room, one reply of `status.lua`."""

    now_ms: int
    version: int
    epoch: int
    state: RoomState
    serving_position: int
    last_number: int  # highest queue number given out
    waiting: int  # waiting + prequeue
    called: int
    active: int
    outflow_per_minute: int  # measured: admissions over the last minute
    available: int | None  # free tickets; None for a room without an event
    opened_at_ms: int
    held: int | None = None  # tickets somebody holds and has not paid for
    pace: Pace | None = None  # None: not measured yet
    blocked: Blocked = ""
    generation: str = ""  # as in `Room`
    lanes: list[LaneStatus] = []  # the ordinary one first; empty: the room has none
    moved_ms: int = 0  # until when somebody was called, or it is clear why nobody was; 0: not known


class Place(Struct, frozen=True):
    """The place of one visitor. `ahead` counts the people really in front while waiting, else None."""

    visitor_id: VisitorId
    state: PlaceState
    queue_number: int | None
    ahead: int | None
    claim_by_ms: int  # 0 unless called
    session_expires_at_ms: int  # 0 unless active
    new: bool = False  # this call made it: a join the place, a claim the session
    joined: bool = False  # the gate let them in without a turn, as there was no crowd
    token_number: int | None = None  # for the place token; in a fifo pre-queue known before it may be shown
    quantity: int = 0  # tickets wanted at once; 0, as good as 1: more than one was never said
    about: bool = False  # not looked up (`core/far_places.py`): `ahead` is an upper bound


# --- events and reservations ------------------------------------------------------------------------------
class Event(Struct, frozen=True):
    """An event as Postgres keeps it."""

    event_id: EventId
    room_id: RoomId
    name: str
    venue: str
    artist: str
    starts_at: datetime
    currency: str
    max_tickets_per_visitor: int
    hold_ttl_s: int
    published: bool
    hold_extend_s: int = 0  # 0: holds are not extended
    timezone: str = "UTC"  # IANA; its times are given in it
    sell_after_start: bool = False  # else nothing is reserved once it has begun
    prices_include_tax: bool = True  # as staff type them; stored prices always do (`core/sums.py`)
    fee_per_ticket: int = 0  # the booking fee: for each ticket that costs anything ...
    fee_rate_bp: int = 0  # ... and of what the tickets cost, in hundredths of a percent
    fee_tax_rate_bp: int = 0  # the tax in the fee
    payments: list[str] = []  # the gateways that are offered, of those that are set up; none: all of them
    seller: str = ""  # who sells: name, address, tax number, in lines, for receipts
    cancelled_at: datetime | None = None
    moved_from: datetime | None = None  # when it was to start before it was moved
    refund_until: datetime | None = None  # until then buyers can cancel and be refunded; None: always
    notice: str = ""  # the organiser's words about it, for fans


class TicketType(Struct, frozen=True):
    """A ticket type with its Postgres counters; free = total - held - sold."""

    ticket_type_id: TicketTypeId
    name: str
    price: int
    total: int
    held: int
    sold: int
    seated: bool = False  # its tickets are seats
    sale_from: datetime | None = None  # None: no limit on this side
    sale_until: datetime | None = None
    hidden: bool = False  # shown and sold to those alone whose code opens it
    tax_rate_bp: int = 0  # of the tax in the price, in hundredths of a percent
    blocked: int = 0  # seats that staff keep off sale, beside `total`
    plan: str | None = None  # where a section stands, `seat_plan.Place` as JSON; None: where it fits


class Item(Struct, frozen=True):
    """Tickets of one type; `price` is for each, as the stock had it when the hold was taken."""

    ticket_type_id: TicketTypeId
    quantity: int
    price: int = 0
    seat_ids: list[str] | UnsetType = UNSET  # of a seated type: as many as `quantity`


class Reservation(Struct, frozen=True):
    """A durable row."""

    reservation_id: ReservationId
    event_id: EventId
    room_id: RoomId
    visitor_id: VisitorId
    status: ReservationStatus
    items: list[Item]
    amount: int
    currency: str
    created_at_ms: int
    expires_at_ms: int
    confirmed_at_ms: int
    tickets: list[dict[str, Any]]  # [{ticket_id, ticket_type_id, seat_id, code, transferred}] once confirmed
    claimed_by: str | None = None  # the account that took a guest's reservation over
    extended_s: int = 0  # by how much `expires_at_ms` was put off; 0: it was not
    extend_s: int = 0  # by how much the event lets a hold be put off, once
    buyer_form: str = "{}"  # what its event asks buyers for: JSON of `buyers.BuyerForm`
    code: str | None = None  # the access or discount code it was made with
    discount: int = 0  # what the code took off the order; what it takes off a ticket is in the prices
    refunded: int = 0  # of `amount`, by refunds of parts
    cancelled_items: list[Item] = []  # of what `amount` paid for: went back on sale, no longer in `items`
    tax_rates: dict[str, int] = {}  # by ticket type, when it was made; "" is the booking fee's

    @property
    def extendable(self) -> bool:
        """Whether the end of the hold can be put off."""
        return self.status == "held" and self.extended_s == 0 and self.extend_s > 0
