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
from app.core.identity import Identity
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
DrawEntropy = Literal["none", "entries", "beacon"]
GateMode = Literal["auto", "queue_all", "off"]  # queue when there is a crowd; always; never
SigningAlgorithm = Literal["EdDSA", "ES256", "RS256"]  # of booking tokens and passes
GateFail = Literal["closed", "open"]  # while Redis is unavailable newcomers wait, or pass
# Why nobody can be called in an open room, until staff, time or somebody inside changes that.
Blocked = Literal["", "rate", "cap", "held", "not_on_sale_yet", "sale_over", "nothing_on_sale"]
Slower = Literal["", "paused", "rate_lowered", "slower"]


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record; the common base of everything that crosses a boundary."""


class Theme(Struct, frozen=True):
    """The look of a room's pages; empty: the default look. `core/catalogue/theme.py` checks more of it."""

    accent: Annotated[str, Meta(pattern=COLOUR)] = ""  # buttons and links; lightened for dark screens
    paper: Annotated[str, Meta(pattern=COLOUR)] = ""  # the background, on light screens
    logo: Annotated[str, Meta(max_length=12_000, pattern=PICTURE)] = ""
    cover: Annotated[str, Meta(max_length=40_000, pattern=PICTURE)] = ""
    welcome: Annotated[str, Meta(max_length=500, pattern=TEXT)] = ""  # above the message
    footer: Annotated[str, Meta(max_length=300, pattern=TEXT)] = ""
    terms: Annotated[str, Meta(max_length=500, pattern=URL)] = ""  # addresses linked from the footer
    privacy: Annotated[str, Meta(max_length=500, pattern=URL)] = ""
    imprint: Annotated[str, Meta(max_length=500, pattern=URL)] = ""


class BypassRule(Struct, frozen=True):
    """A rule on who passes the gate without a turn: who matches all its fields (`core/gate/gating.py`)."""

    path_prefix: Annotated[str, Meta(max_length=200, pattern=PATH)] = ""
    path_regex: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""  # RE2 syntax, matches the whole path
    method: Annotated[str, Meta(pattern=METHOD)] = ""
    cidr: Annotated[str, Meta(max_length=50)] = ""
    header: Annotated[str, Meta(pattern=TOKEN)] = ""
    value: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""  # of the header, matched exactly
    cookie: Annotated[str, Meta(pattern=TOKEN)] = ""  # the shop's own; matches if present
    user_agent_contains: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""


# --- the waiting room -------------------------------------------------------------------------------------
class RoomSettings(Struct, frozen=True):
    """The settings of a room (api.md, "Room settings"); stored as one JSON document in Postgres."""

    name: Name
    admission_rate_per_minute: Annotated[int, Meta(ge=0, le=60_000_000)] = 600
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # None: one second of the rate
    active_visitors_max: Annotated[int, Meta(ge=1, le=10_000_000)] | None = 1000  # None: no cap
    claim_window_s: Annotated[int, Meta(ge=2, le=86_400)] = 120
    # called but unclaimed visitors of one address; None: a twentieth of all that are possible, at least 3
    unclaimed_per_network_max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    session_ttl_s: Annotated[int, Meta(ge=2, le=86_400)] = 600
    visitors_per_ticket_max: Annotated[float, Meta(ge=0.1, le=100)] = 1.0
    session_ends_on_confirm: bool = True
    restore_window_s: Annotated[int, Meta(ge=0, le=300)] = 10
    queueing_method: QueueingMethod = "fifo"
    draw_entropy: DrawEntropy = "none"  # beside the seed: who joined, or a public randomness beacon
    prequeue_at: At | None = None
    opens_at: At | None = None
    closes_at: At | None = None
    message: Text = ""
    locale: Annotated[str, Meta(pattern=LOCALE)] = ""
    theme: Theme = Theme()
    public: bool = True
    test: bool = False  # a test sale: tickets are paid for with the simulated gateway, which charges nothing
    session_renews: bool = False  # activity at the gate extends the session: `session_ttl_s` is idle time
    session_max_s: Annotated[int, Meta(ge=2, le=604_800)] | None = None  # if sessions renew; None: no limit
    gate_mode: GateMode = "auto"
    gate_fail: GateFail = "closed"
    pass_ip_bound: bool = False  # passes are valid only in the network they were issued for
    signing_algorithm: SigningAlgorithm = "EdDSA"
    verified_crawlers: bool = False  # search engine crawlers verified by DNS pass (`core/gate/crawlers.py`)
    json_response_enabled: bool = False  # apps that accept only JSON are sent to the queue, too
    bypass: Annotated[list[BypassRule], Meta(max_length=50)] = []  # who passes the gate without a turn
    target_url: Annotated[str, Meta(max_length=2000, pattern=URL)] = ""
    allowed_return_hosts: Annotated[list[Annotated[str, Meta(pattern=HOST)]], Meta(max_length=50)] = []
    # the rate follows the shop's health; None: the rate is the one staff set
    autopilot: Autopilot | None = None
    members_only: bool = False  # only members, vouched for by the organiser, may join
    members_until: At | None = None  # afterwards everybody may join
    lanes: Annotated[list[Lane], Meta(max_length=LANES_MAX)] = []  # with a share of the calls (`lanes.py`)
    newcomers_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # in 10 minutes; more wait
    proof_of_work: bool = False  # newcomers' devices compute for a moment before they join
    captcha: bool = False  # newcomers solve one, if the installation has a captcha provider
    identity: Identity = "none"  # the identity that newcomers must show (`core/identity.py`)
    accounts_before: At | None = None  # with passkeys: only of accounts created before this
    suspects_lane: Annotated[str, Meta(max_length=40, pattern=NAME)] = ""  # where they join; "": refused
    exact_within: Annotated[int, Meta(ge=1_000, le=100_000_000)] | None = None  # `waiting_room/far_places`
    parts: Annotated[int, Meta(ge=1, le=16)] = 1  # number of parts that joins are spread over (`parts.py`)
    visitor_events: bool = False  # sends other systems a `visitor.*` event for each step of each visitor


class Room(Struct, frozen=True):
    """A room as stored in Postgres."""

    room_id: RoomId
    event_id: EventId | None
    settings: RoomSettings
    state: RoomState
    version: int  # incremented by each change by staff; orders writes of settings to Redis
    epoch: int  # incremented each time the Redis side is rebuilt
    seed: bytes  # 32 random bytes, generated with the room; published only after the opening
    serving_position: int
    numbers_reserved: int  # no higher queue number has been given
    opened_at_ms: int  # 0: never opened
    closed_at_ms: int
    generation: str = ""  # distinguishes it from deleted rooms of its name; "": from before migration 0027
    draw_root: bytes | None = None  # the log's root or a round's randomness; None: not known yet; b"": none
    draw_round: int | None = None  # of the beacon: first as announced, then as fixed at the opening
    draw_signature: bytes | None = None  # of that round


class Pace(msgspec.Struct, frozen=True):
    """The basis of wait estimates: the k-th in the queue waits min(k first_s, base_s + k each_s)."""

    rate_per_minute: int  # the rate it was computed for
    first_s: float
    base_s: float
    each_s: float
    since_ms: int = 0  # when shown waits last increased; 0: never
    why: Slower = ""
    ranges: Ranges = NOT_LEARNED  # shown for a calculated wait


class LaneStatus(msgspec.Struct, frozen=True):
    """The live part of a lane; during a lottery's pre-queue nobody is counted in one."""

    share: int  # of the calls in percent, while somebody waits in every lane
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
    outflow_per_minute: int  # measured: calls over the last minute
    available: int | None  # free tickets; None for a room without an event
    opened_at_ms: int
    held: int | None = None  # tickets held and not paid for
    pace: Pace | None = None  # None: not measured yet
    blocked: Blocked = ""
    generation: str = ""  # as in `Room`
    lanes: list[LaneStatus] = []  # the ordinary one first; empty: the room has none
    moved_ms: int = 0  # when somebody was last called, or there was a known reason why not; 0: not known


class Place(Struct, frozen=True):
    """The place of one visitor. `ahead` counts the people actually in front while waiting, else None."""

    visitor_id: VisitorId
    state: PlaceState
    queue_number: int | None
    ahead: int | None
    claim_by_ms: int  # 0 unless called
    session_expires_at_ms: int  # 0 unless active
    new: bool = False  # created by this call: by a join the place, by a claim the session
    joined: bool = False  # the gate admitted them without a turn, because there was no crowd
    token_number: int | None = None  # for the place token; in a fifo pre-queue known before it may be shown
    quantity: int = 0  # tickets wanted at once; 0, equivalent to 1: never set
    about: bool = False  # not looked up (`core/waiting_room/far_places.py`): `ahead` is an upper bound


class Event(Struct, frozen=True):
    """An event as stored in Postgres."""

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
    hold_extend_s: int = 0  # 0: holds cannot be extended
    timezone: str = "UTC"  # IANA; the zone in which its times are shown
    sell_after_start: bool = False  # otherwise nothing can be reserved once it has begun
    # whether staff enter prices with tax; stored ones always include it (`sums.py`)
    prices_include_tax: bool = True
    fee_per_ticket: int = 0  # the booking fee: a fixed amount for each ticket that is not free ...
    fee_rate_bp: int = 0  # ... and a share of what the tickets cost, in hundredths of a percent
    fee_tax_rate_bp: int = 0  # the tax in the fee
    payments: list[str] = []  # gateways offered out of those configured; empty: all of them
    seller: str = ""  # the seller on receipts: name, address, tax number, line by line
    cancelled_at: datetime | None = None
    moved_from: datetime | None = None  # when it was to start before it was moved
    refund_until: datetime | None = None  # until then buyers can cancel for a refund; None: always
    notice: str = ""  # the organiser's message to fans about it


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
    hidden: bool = False  # shown and sold only to buyers with a code that opens it
    tax_rate_bp: int = 0  # of the tax in the price, in hundredths of a percent
    blocked: int = 0  # seats that staff keep off sale, in addition to `total`
    plan: str | None = None  # a section's position, `seat_plan.Place` as JSON; None: wherever it fits


class Item(Struct, frozen=True):
    """Tickets of one type; `price` is per ticket, as of the time of the hold."""

    ticket_type_id: TicketTypeId
    quantity: int
    price: int = 0
    seat_ids: list[str] | UnsetType = UNSET  # of a seated type: as many as `quantity`


class Reservation(Struct, frozen=True):
    """A reservation as stored in Postgres."""

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
    claimed_by: str | None = None  # the account that took over a guest's reservation
    extended_s: int = 0  # extension of `expires_at_ms` so far; 0: none
    extend_s: int = 0  # by how much the event lets a hold be extended, once
    buyer_form: str = "{}"  # what its event asks buyers for: JSON of `buyers.BuyerForm`
    code: str | None = None  # the access or discount code used
    discount: int = 0  # what the code took off the order; discounts per ticket are in the prices
    refunded: int = 0  # part of `amount` paid back by partial refunds
    cancelled_items: list[Item] = []  # bought tickets that went back on sale, no longer in `items`
    tax_rates: dict[str, int] = {}  # by ticket type, at the time of the order; "" is the booking fee's

    @property
    def extendable(self) -> bool:
        """Whether the hold can be extended."""
        return self.status == "held" and self.extended_s == 0 and self.extend_s > 0
