"""Documents of the API. Made by `generate.py` from the contract; do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class AcceptBody(TypedDict):
    """`token`: from the link in the e-mail. `locale`: the language of e-mails to the new holder."""

    token: str
    locale: NotRequired[str]


class Accepted(TypedDict):
    """The reservation is being processed; poll its address."""

    reservation_id: str


class AcceptedTicket(TypedDict):
    """A ticket with its new `code`, and its holder's page, which the e-mail also links to."""

    event_id: str
    event_name: str
    venue: str
    starts_at: str
    ticket_type: str
    seat_id: str | None
    code: str
    page: str


class AccessTokenDocument(TypedDict):
    """An access token, valid for 12 hours."""

    access_token: str
    expires_at: str | None
    token_type: NotRequired[str]


class AccountDocument(TypedDict):
    """An account; `account_id` is the `sub` of its access tokens."""

    account_id: str
    email: str
    name: str
    role: Literal["admin", "operator", "user"]
    created_at: str | None


class AccountPatch(TypedDict):
    """The fields of one's own account that can be changed."""

    name: str


class AdvanceBody(TypedDict):
    """How many to admit."""

    count: int


class AdvanceDocument(TypedDict):
    """How many were called, and the queue afterwards."""

    room_id: str
    advanced: int
    limited_by: Literal["cap", "nobody", "skipped", "tickets"] | None
    serving_position: int
    waiting: int
    called: int
    active: int


class AlertDocument(TypedDict):
    """A current or past fault."""

    alert_id: str
    rule: str
    severity: Literal["page", "ticket"]
    room_id: str | None
    subject: str
    text: str
    since: str
    started_at: str
    ended_at: str | None
    acknowledged_by: str | None
    acknowledged_at: str | None
    runbook: str


class Alive(TypedDict):
    """The process serves."""

    status: str


class Assigned(TypedDict):
    """The id of the place from now on; anybody who has it can act for the visitor."""

    api_request_id: str


class AuditEntry(TypedDict):
    """One change. `before` and `after` contain the fields that differ; null: it was created, or
    deleted."""

    audit_id: str
    changed_at: str
    who: str
    role: str
    name: str | None
    action: str
    kind: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str


class Autopilot(TypedDict):
    """The setting; a room without it keeps the rate that staff set."""

    floor: int
    ceiling: int
    p95_ms: NotRequired[int]
    error_rate: NotRequired[float]
    in_flight: NotRequired[int | None]
    settle_s: NotRequired[int]
    paused: NotRequired[bool]
    prometheus: NotRequired[PrometheusSource | None]


class AvailabilityDocument(TypedDict):
    """How many tickets of each type are left."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    updated_at: str


class BlockSeats(TypedDict):
    """Seats to take off sale, and the reason."""

    seat_ids: list[str]
    kept_as: NotRequired[Literal["blocked", "house"]]


class BookingTokenDocument(TypedDict):
    """A claimed booking token."""

    booking_token: str
    expires_at: str | None
    token_type: NotRequired[Literal["Bearer"]]


class Buyer(TypedDict):
    """A buyer's answers; `answers` by question id, `yes` for a ticked checkbox."""

    email: NotRequired[str]
    name: NotRequired[str]
    phone: NotRequired[str]
    terms: NotRequired[bool]
    marketing: NotRequired[bool]
    answers: NotRequired[dict[str, str]]
    locale: NotRequired[str]


class BuyerDocument(TypedDict):
    """The buyer of a reservation; fields not asked for or not answered are empty."""

    reservation_id: str
    email: str
    name: str
    phone: str
    marketing: bool
    terms_at: str | None
    answers: dict[str, str]
    locale: str


class BuyerForm(TypedDict):
    """What a sale asks its buyers for before they pay; with `terms_url` they have to accept its
    terms. `keep_days`: personal data is deleted this many days after the event began; 0: never;
    null: the installation's setting (`FAIRGATE_BUYERS_KEEP_DAYS`). Orders, tickets and receipts
    stay."""

    email: NotRequired[Literal["off", "optional", "required"]]
    name: NotRequired[Literal["off", "optional", "required"]]
    phone: NotRequired[Literal["off", "optional", "required"]]
    terms_url: NotRequired[str]
    marketing: NotRequired[bool]
    questions: NotRequired[list[Question]]
    keep_days: NotRequired[int | None]


class BypassRule(TypedDict):
    """A rule on who passes the gate without a turn: whoever matches all its fields
    (`core/gate/gating.py`)."""

    path_prefix: NotRequired[str]
    path_regex: NotRequired[str]
    method: NotRequired[str]
    cidr: NotRequired[str]
    header: NotRequired[str]
    value: NotRequired[str]
    cookie: NotRequired[str]
    user_agent_contains: NotRequired[str]


class Bypassed(TypedDict):
    """Requests that passed without a turn, by reason."""

    rules: list[RuleFigures]
    former_rules: int
    gate_mode: int
    gate_fail: int
    crawlers: int


class CancelBody(TypedDict):
    """The notice to fans and buyers."""

    notice: NotRequired[str]


class Challenge(TypedDict):
    """The input of ALTCHA's widget and solvers: find the number up to `maxnumber` that hashes to
    `challenge`."""

    algorithm: str
    challenge: str
    maxnumber: int
    salt: str
    signature: str


class CheckInResults(TypedDict):
    """The result of each scan, in order; and how many are checked in now."""

    results: list[Result]
    counts: DoorCounts


class Checked(TypedDict):
    """When, by whom and on which device a ticket was checked in."""

    at: str
    by: str
    device: str


class CodeBody(TypedDict):
    """The code from the e-mail that asks for confirmation."""

    code: str


class CodeSet(TypedDict):
    """Codes with the same effect, and their usage."""

    set_id: str
    name: str
    uses_max: int
    percent: int
    off_ticket: int
    off_order: int
    ticket_types: list[str]
    valid_from: str | None
    valid_until: str | None
    active: bool
    wanted: NotRequired[int]
    made: NotRequired[int]
    used: NotRequired[int]
    example: NotRequired[str]


class CodeUse(TypedDict):
    """A code, and the number of valid orders created with it."""

    code: str
    uses_max: int
    used: int
    active: bool


class CodesPatch(TypedDict):
    """Switches a set of codes, or one of them, off or on."""

    active: bool


class ConfirmBody(TypedDict):
    """The payment for a hold; free tickets need none. `buyer`: unless it was set before."""

    payment: NotRequired[PaymentBody | None]
    buyer: NotRequired[Buyer | None]


class ConsistencyDocument(TypedDict):
    """The proof that the first tree is a prefix of the second: hashes in hex, as in RFC 9162,
    2.1.4."""

    room_id: str
    first: int
    second: int
    path: list[str]


class CountedDocument(TypedDict):
    """The same, after a report."""

    room_id: str
    admission_rate_per_minute: int
    autopilot: Autopilot | None
    health: HealthDocument | None
    servers: list[ServerDocument]
    last_decision: DecisionDocument | None
    last_change: DecisionDocument | None
    prometheus_trouble: str
    counted: bool


class DecisionDocument(TypedDict):
    """A decision of the autopilot, and its reason."""

    at: str | None
    direction: Literal["down", "hold", "up"]
    rate_from: int
    rate_to: int
    why: str


class Described(TypedDict):
    """A request as a visitor would send it to the site. Without `Accept`, a browser opens a page."""

    url: str
    method: NotRequired[str]
    headers: NotRequired[dict[str, str]]
    client: NotRequired[str]


class Done(TypedDict):
    """A confirmation, in words."""

    message: str


class DoorCounts(TypedDict):
    """The same for a sale and each of its ticket types."""

    tickets: int
    checked_in: int
    types: list[TypeCount]


class Draw(TypedDict):
    """The published facts of a lottery: the commitment at once, the seed after the opening. With
    the entropy of the `entries`, draws also use `log_root`, which is known after the opening; with
    that of the `beacon`, the randomness of a round after the opening."""

    commitment: str
    seed: str | None
    entropy: NotRequired[Literal["beacon", "entries", "none"]]
    log_root: NotRequired[str | None]
    beacon: NotRequired[DrawBeacon | None]


class DrawBeacon(TypedDict):
    """The round of the public beacon used for a draw; null until the log names it. Its `signature`
    is null until the round is published, and `randomness` is the SHA-256 of that. `missed`: it was
    not published in time, so the seed alone decides."""

    round: int | None
    signature: str | None
    randomness: str | None
    missed: bool


class Entries(TypedDict):
    """Consecutive leaves; `size` is the current number of leaves in the log."""

    room_id: str
    first: int
    size: int
    entries: list[str]


class EventDocument(TypedDict):
    """An event."""

    event_id: str
    room_id: str
    name: str
    venue: str
    artist: str
    starts_at: str
    timezone: str
    currency: str
    max_tickets_per_visitor: int
    hold_ttl_s: int
    hold_extend_s: int
    sell_after_start: bool
    prices_include_tax: bool
    fee_per_ticket: int
    fee_rate_bp: int
    fee_tax_rate_bp: int
    payments: list[str]
    seller: str
    ticket_types: list[TicketTypeDocument]
    seated: bool
    published: bool


class EventPatch(TypedDict):
    """The changeable fields of an event."""

    name: NotRequired[str]
    starts_at: NotRequired[str]
    venue: NotRequired[str]
    artist: NotRequired[str]
    currency: NotRequired[str]
    max_tickets_per_visitor: NotRequired[int]
    hold_ttl_s: NotRequired[int]
    hold_extend_s: NotRequired[int]
    timezone: NotRequired[str]
    sell_after_start: NotRequired[bool]
    prices_include_tax: NotRequired[bool]
    fee_per_ticket: NotRequired[int]
    fee_rate_bp: NotRequired[int]
    fee_tax_rate_bp: NotRequired[int]
    payments: NotRequired[list[str]]
    seller: NotRequired[str]
    published: NotRequired[bool]


class FateDocument(TypedDict):
    """Whether a sale was moved or cancelled. `orders` and `holds` are the live ones: after
    cancelling, the remaining."""

    event_id: str
    starts_at: str
    cancelled_at: str | None
    moved_from: str | None
    refund_until: str | None
    notice: str
    orders: int
    holds: int
    refunds: list[RefundSumsDocument]


class GateStats(TypedDict):
    """Figures of the gate since the room was created or reset; each request is counted once. Each
    web process adds its counts every second; a killed one loses up to a second of them."""

    room_id: str
    requests: int
    passed: int
    given: PassesGiven
    queued: int
    queued_by_reason: dict[str, int]
    bypassed: Bypassed
    refused: dict[str, int]
    first_seen_at: str | None
    last_seen_at: str | None


class GatewayMessage(TypedDict):
    """A gateway's message about a payment. Other fields and types are ignored."""

    type: str
    data: NotRequired[Any]


class Guest(TypedDict):
    """A guest with their tickets, and the state of the e-mail that carries them ("": there is
    none)."""

    reservation_id: str
    name: str
    email: str
    ticket_type: str
    given: int
    valid: int
    checked_in: int
    mail: str
    added_at: str


class GuestBody(TypedDict):
    """A person to be given free tickets. Without `email` no e-mail is sent."""

    name: str
    ticket_type_id: str
    email: NotRequired[str | None]
    quantity: NotRequired[int]


class HeadDocument(TypedDict):
    """A signed head. `statement` is a JWS that says room, size, root and time; `cosignatures` are
    witnesses' signatures of the same head as a checkpoint."""

    size: int
    signed_at: str | None
    statement: str
    cosignatures: list[str]


class Heads(TypedDict):
    """Signed heads, the smallest first."""

    room_id: str
    heads: list[HeadDocument]


class HealthDocument(TypedDict):
    """The shop's health: p95 and errors of the worst server, requests in flight of all."""

    p95_ms: float
    error_rate: float
    in_flight: int | None
    heard_at: str | None


class HistoryPoint(TypedDict):
    """A moment of a room, or the step that ended then. Null: not applicable, or not known."""

    at: str | None
    waiting: int
    inside: int
    cap: int | None
    rate: int
    admitted_per_minute: int
    joined_per_minute: int
    no_shows_per_minute: int
    requests_per_second: float
    backlog: int
    reserve_p99_ms: int | None
    free: int | None
    held: int | None
    sold: int | None


class IdentityBody(TypedDict):
    """The address to join with, and the language of the e-mail."""

    email: str
    locale: NotRequired[str | None]


class IdentityDocument(TypedDict):
    """The result. `asked`: a code was sent there, or soon will be; `confirmed`: the address already
    was. `place_token` identifies you: send it with the code, and when you join."""

    email: str
    asked: bool
    confirmed: bool
    place_token: str


class InclusionDocument(TypedDict):
    """The proof that a leaf is in a tree: hashes in hex, as in RFC 9162, 2.1.3."""

    room_id: str
    leaf: int
    size: int
    leaf_hash: str
    path: list[str]


class Increment(TypedDict):
    """How many more to admit. The counter never goes back: calls cannot be undone."""

    event_id: str
    increment_by: int


class InstallationStats(TypedDict):
    """The whole installation. Everything except `this_process` covers all processes."""

    lines: QueueFigures
    rooms: list[RoomQueueFigures]
    reservations: ReservationFigures
    requests: RequestFigures
    workers: int
    this_process: ProcessFigures
    updated_at: str | None


class InviteBody(TypedDict):
    """Whom to invite; existing invitations are not affected."""

    emails: list[str]


class InvitedDocument(TypedDict):
    """How many were newly invited."""

    invited: int


class JoinBody(TypedDict):
    """Optional fields of a join."""

    email: NotRequired[str | None]
    locale: NotRequired[str | None]
    invite: NotRequired[str | None]
    proof: NotRequired[str | None]
    quantity: NotRequired[int | None]
    returns: NotRequired[bool]
    proof_of_work: NotRequired[str | None]
    captcha_response: NotRequired[str | None]
    slower_lane: NotRequired[bool]


class KeyDocument(TypedDict):
    """A key's metadata. `last_used_at` is accurate to a minute; `live`: valid now."""

    key_id: str
    name: str
    role: str
    made_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    live: bool
    network: str
    scopes: list[str] | None
    events: list[str] | None


class KeySet(TypedDict):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class KindOfSeats(TypedDict):
    """The new kind of these seats; "" for neither accessible nor companion."""

    seat_ids: list[str]
    kind: Literal["", "accessible", "companion"]


class KnownUserChange(TypedDict):
    """How a room serves a shop's connector. Without a `secret_key` it keeps its own or the
    customer's."""

    customer_id: str
    protect: NotRequired[list[UrlRule]]
    cancel: NotRequired[list[UrlRule]]
    ignore: NotRequired[list[UrlRule]]
    cookie_domain: NotRequired[str]
    cookie_minutes: NotRequired[int]
    extend_cookie: NotRequired[bool]
    public_config: NotRequired[bool]
    secret_key: NotRequired[str]


class KnownUserDocument(TypedDict):
    """The settings, without secrets."""

    customer_id: str
    protect: NotRequired[list[UrlRule]]
    cancel: NotRequired[list[UrlRule]]
    ignore: NotRequired[list[UrlRule]]
    cookie_domain: NotRequired[str]
    cookie_minutes: NotRequired[int]
    extend_cookie: NotRequired[bool]
    public_config: NotRequired[bool]
    version: int


class KnownUserSecrets(TypedDict):
    """The settings, and the shop's keys if they are new: `api_key` reads the configuration. Null:
    the shop has them."""

    customer_id: str
    protect: NotRequired[list[UrlRule]]
    cancel: NotRequired[list[UrlRule]]
    ignore: NotRequired[list[UrlRule]]
    cookie_domain: NotRequired[str]
    cookie_minutes: NotRequired[int]
    extend_cookie: NotRequired[bool]
    public_config: NotRequired[bool]
    version: int
    secret_key: str | None
    api_key: str | None


class Lane(TypedDict):
    """A lane, and its share of the calls in percent while anybody waits in it. Enqueue tokens refer
    to it by name, and fans see the name."""

    name: str
    share: int


class LaneDocument(TypedDict):
    """A lane: a group of visitors that gets `share` percent of the calls while visitors wait in
    every lane. Order within a lane is strict. `name` is empty for the ordinary lane, of everybody
    who is in no other."""

    name: str
    share: int
    serving_position: int
    waiting: int
    suspects: NotRequired[bool]


class ListedRoom(TypedDict):
    """The shared status document; with `all` also staff's view of a room."""

    room_id: str
    name: str
    event_id: str | None
    state: Literal["closed", "open", "paused", "prequeue", "scheduled", "sold_out"]
    serving_position: int
    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    admission_rate_per_minute: int
    prequeue_at: str | None
    opens_at: str | None
    closes_at: str | None
    message: str
    available: int | None
    held: int | None
    draw: Draw | None
    updated_at: str | None
    pace: PaceDocument | None
    blocked: Literal["", "cap", "held", "not_on_sale_yet", "nothing_on_sale", "rate", "sale_over"] | None
    slower: SlowerDocument | None
    still_since: str | None
    epoch: int
    members_only: NotRequired[bool]
    lanes: NotRequired[list[LaneDocument]]
    stale: NotRequired[bool]
    kind: NotRequired[Literal["sale", "site"]]
    public: NotRequired[bool]
    test: NotRequired[bool]
    target_url: NotRequired[str]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]


class LoginBody(TypedDict):
    """E-mail and password."""

    email: str
    password: str
    code: NotRequired[str]


class MadeKey(TypedDict):
    """A newly created key. `key` is shown only here; send it as `Authorization: Bearer`."""

    key_id: str
    name: str
    role: str
    created_at: str
    expires_at: str | None
    key: str


class MadeWebhook(TypedDict):
    """A newly created webhook. Its secret is shown only here."""

    webhook_id: str
    url: str
    types: list[str]
    description: str
    created_at: str
    secret: str


class MailboxDocument(TypedDict):
    """My e-mail address in this room; `asked`: a confirmation was sent there, or is about to be."""

    email: str
    confirmed: bool
    asked: bool


class MemberLoginChange(TypedDict):
    """The organiser's login. Without a `key`, HS256 keeps its secret or gets a new one."""

    algorithm: Literal["ES256", "EdDSA", "HS256", "RS256"]
    key: NotRequired[str]
    audience: NotRequired[str]


class MemberLoginDocument(TypedDict):
    """The login, without a secret. `key`: public, or null."""

    algorithm: Literal["ES256", "EdDSA", "HS256", "RS256"]
    audience: str
    key: str | None


class MemberLoginSecrets(TypedDict):
    """The same, with the secret if it was just generated: it is shown only once."""

    algorithm: Literal["ES256", "EdDSA", "HS256", "RS256"]
    audience: str
    key: str | None
    secret: str | None


class MoveBody(TypedDict):
    """The new date, until when buyers can return tickets (null: always), and the notice to them."""

    starts_at: str
    refund_until: NotRequired[str | None]
    notice: NotRequired[str]


class NamedSeatIds(TypedDict):
    """Some of an event's seats."""

    seat_ids: list[str]


class NewAccount(TypedDict):
    """A registration. The password appears in no log and no response."""

    email: str
    name: str
    password: str


class NewCodes(TypedDict):
    """One code to announce (`code`), or a number of unguessable ones (`count`)."""

    name: str
    code: NotRequired[str | None]
    count: NotRequired[int]
    prefix: NotRequired[str]
    uses_max: NotRequired[int]
    percent: NotRequired[int]
    off_ticket: NotRequired[int]
    off_order: NotRequired[int]
    ticket_types: NotRequired[list[str]]
    valid_from: NotRequired[str | None]
    valid_until: NotRequired[str | None]


class NewEvent(TypedDict):
    """An event to be put on sale."""

    event_id: str
    name: str
    starts_at: str
    venue: NotRequired[str]
    artist: NotRequired[str]
    currency: NotRequired[str]
    max_tickets_per_visitor: NotRequired[int]
    hold_ttl_s: NotRequired[int]
    hold_extend_s: NotRequired[int]
    timezone: NotRequired[str]
    sell_after_start: NotRequired[bool]
    prices_include_tax: NotRequired[bool]
    fee_per_ticket: NotRequired[int]
    fee_rate_bp: NotRequired[int]
    fee_tax_rate_bp: NotRequired[int]
    payments: NotRequired[list[str]]
    seller: NotRequired[str]
    published: NotRequired[bool]
    room: NotRequired[NewRoomOfEvent]


class NewKey(TypedDict):
    """A key to create: its name, its limits, and its expiry; null: until revoked. `network`: the
    only network it may be used from, as `203.0.113.0/24`; empty: any. `scopes`: the calls of its
    role that it may make; null: all. `events`: the events, with their rooms, that it may act on;
    null: all."""

    name: str
    role: Literal["admin", "operator"]
    expires_at: NotRequired[str | None]
    network: NotRequired[str]
    scopes: NotRequired[
        list[
            Literal[
                "alerts:read",
                "alerts:write",
                "audit:read",
                "check_ins:read",
                "check_ins:write",
                "events:read",
                "events:write",
                "keys:read",
                "keys:write",
                "origin:write",
                "reservations:read",
                "reservations:write",
                "rooms:read",
                "rooms:write",
                "sessions:write",
                "stats:read",
                "webhooks:read",
                "webhooks:write",
            ]
        ]
        | None
    ]
    events: NotRequired[list[str] | None]


class NewRoom(TypedDict):
    """A room without an event: its settings; all but the name have defaults."""

    name: str
    admission_rate_per_minute: NotRequired[int]
    burst: NotRequired[int | None]
    active_visitors_max: NotRequired[int | None]
    claim_window_s: NotRequired[int]
    unclaimed_per_network_max: NotRequired[int | None]
    session_ttl_s: NotRequired[int]
    visitors_per_ticket_max: NotRequired[float]
    session_ends_on_confirm: NotRequired[bool]
    restore_window_s: NotRequired[int]
    queueing_method: NotRequired[Literal["fifo", "lottery"]]
    draw_entropy: NotRequired[Literal["beacon", "entries", "none"]]
    prequeue_at: NotRequired[str | None]
    opens_at: NotRequired[str | None]
    closes_at: NotRequired[str | None]
    message: NotRequired[str]
    locale: NotRequired[str]
    theme: NotRequired[Theme]
    public: NotRequired[bool]
    test: NotRequired[bool]
    session_renews: NotRequired[bool]
    session_max_s: NotRequired[int | None]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]
    gate_fail: NotRequired[Literal["closed", "open"]]
    pass_ip_bound: NotRequired[bool]
    signing_algorithm: NotRequired[Literal["ES256", "EdDSA", "RS256"]]
    verified_crawlers: NotRequired[bool]
    json_response_enabled: NotRequired[bool]
    bypass: NotRequired[list[BypassRule]]
    target_url: NotRequired[str]
    allowed_return_hosts: NotRequired[list[str]]
    autopilot: NotRequired[Autopilot | None]
    members_only: NotRequired[bool]
    members_until: NotRequired[str | None]
    lanes: NotRequired[list[Lane]]
    newcomers_per_address: NotRequired[int | None]
    proof_of_work: NotRequired[bool]
    captcha: NotRequired[bool]
    identity: NotRequired[Literal["email", "none", "passkey"]]
    accounts_before: NotRequired[str | None]
    suspects_lane: NotRequired[str]
    exact_within: NotRequired[int | None]
    parts: NotRequired[int]
    visitor_events: NotRequired[bool]
    room_id: str


class NewRoomOfEvent(TypedDict):
    """The room of a new event: any settings; its name defaults to the event's."""

    admission_rate_per_minute: NotRequired[int]
    burst: NotRequired[int | None]
    active_visitors_max: NotRequired[int | None]
    claim_window_s: NotRequired[int]
    unclaimed_per_network_max: NotRequired[int | None]
    session_ttl_s: NotRequired[int]
    visitors_per_ticket_max: NotRequired[float]
    session_ends_on_confirm: NotRequired[bool]
    restore_window_s: NotRequired[int]
    queueing_method: NotRequired[Literal["fifo", "lottery"]]
    draw_entropy: NotRequired[Literal["beacon", "entries", "none"]]
    prequeue_at: NotRequired[str | None]
    opens_at: NotRequired[str | None]
    closes_at: NotRequired[str | None]
    message: NotRequired[str]
    locale: NotRequired[str]
    theme: NotRequired[Theme]
    public: NotRequired[bool]
    test: NotRequired[bool]
    session_renews: NotRequired[bool]
    session_max_s: NotRequired[int | None]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]
    gate_fail: NotRequired[Literal["closed", "open"]]
    pass_ip_bound: NotRequired[bool]
    signing_algorithm: NotRequired[Literal["ES256", "EdDSA", "RS256"]]
    verified_crawlers: NotRequired[bool]
    json_response_enabled: NotRequired[bool]
    bypass: NotRequired[list[BypassRule]]
    target_url: NotRequired[str]
    allowed_return_hosts: NotRequired[list[str]]
    autopilot: NotRequired[Autopilot | None]
    members_only: NotRequired[bool]
    members_until: NotRequired[str | None]
    lanes: NotRequired[list[Lane]]
    newcomers_per_address: NotRequired[int | None]
    proof_of_work: NotRequired[bool]
    captcha: NotRequired[bool]
    identity: NotRequired[Literal["email", "none", "passkey"]]
    accounts_before: NotRequired[str | None]
    suspects_lane: NotRequired[str]
    exact_within: NotRequired[int | None]
    parts: NotRequired[int]
    visitor_events: NotRequired[bool]
    name: NotRequired[str]
    room_id: NotRequired[str | None]


class NewSeat(TypedDict):
    """One seat. Consecutive numbers in a row are adjacent seats; `label`: the name shown."""

    section: str
    row: str
    number: int
    price: int
    kind: NotRequired[Literal["", "accessible", "companion"]]
    label: NotRequired[str]


class NewSeats(TypedDict):
    """Whole sections or a list of seats, not both. `grow`: existing sections get the new seats."""

    sections: NotRequired[list[NewSection]]
    seats: NotRequired[list[NewSeat]]
    grow: NotRequired[bool]


class NewSection(TypedDict):
    """A section with a number of rows, a, b, c ... z, aa, ab ..., each with the seats 1 to
    `seats_per_row`. `blocks` instead: for each row, from the front, the sizes of its blocks of
    seats, with aisles between; the last entry applies to all rows behind it. `row_names`: the names
    of all rows, else letters or numbers."""

    name: str
    price: int
    rows: int
    seats_per_row: NotRequired[int | None]
    ticket_type_id: NotRequired[str | None]
    sale_from: NotRequired[str | None]
    sale_until: NotRequired[str | None]
    hidden: NotRequired[bool]
    tax_rate_bp: NotRequired[int]
    blocks: NotRequired[list[list[int]]]
    row_names: NotRequired[list[str]]
    naming: NotRequired[Literal["letters", "numbers"]]
    numbering: NotRequired[Literal["even", "left", "odd", "outwards", "right"]]


class NewTicketType(TypedDict):
    """A ticket type to be sold."""

    ticket_type_id: str
    name: str
    price: int
    quantity: int
    sale_from: NotRequired[str | None]
    sale_until: NotRequired[str | None]
    hidden: NotRequired[bool]
    tax_rate_bp: NotRequired[int]


class NewWebhook(TypedDict):
    """Where to send events, and which; without types all of them, including future ones."""

    url: str
    types: NotRequired[
        list[
            Literal[
                "alert.ended",
                "alert.started",
                "payment.declined",
                "payment.failed",
                "payment.refunded",
                "payment.succeeded",
                "reservation.cancelled",
                "reservation.confirmed",
                "reservation.expired",
                "reservation.held",
                "room.closed",
                "room.deleted",
                "room.opened",
                "room.paused",
                "room.rate_changed",
                "room.reset",
                "room.resumed",
                "room.sold_out",
                "room.visitor_events_dropped",
                "visitor.called",
                "visitor.claimed",
                "visitor.joined",
                "visitor.left",
                "visitor.no_show",
            ]
        ]
    ]
    description: NotRequired[str]


class NewestHead(TypedDict):
    """The newest head of a room's log, and the public keys (JWK) of all who ever signed one.
    `origin` and `vkey` are what the log and its newest key are called in checkpoints."""

    room_id: str
    head: HeadDocument | None
    keys: list[dict[str, Any]]
    origin: str
    vkey: str | None


class NotYet(TypedDict):
    """Not now; ask again later."""

    error: str


class OfEvent(TypedDict):
    """Which queue: `event_id` is the room's id."""

    event_id: str


class OfRequest(TypedDict):
    """Whose place, in which queue."""

    event_id: str
    request_id: str


class OrderDocument(TypedDict):
    """One order of a list; `email`: its visitor's address, if they left one."""

    reservation_id: str
    event_id: str
    event_name: str
    visitor_id: str
    email: str | None
    status: str
    quantity: int
    amount: int
    currency: str
    created_at: str


class OriginDocument(TypedDict):
    """Everything known about the shop's health, and the autopilot's state."""

    room_id: str
    admission_rate_per_minute: int
    autopilot: Autopilot | None
    health: HealthDocument | None
    servers: list[ServerDocument]
    last_decision: DecisionDocument | None
    last_change: DecisionDocument | None
    prometheus_trouble: str


class OriginReport(TypedDict):
    """The health of one of the shop's servers over the last few seconds. `error_rate` is a share:
    0.01 is one in 100."""

    p95_ms: float
    error_rate: float
    in_flight: NotRequired[int | None]
    server: NotRequired[str]
    at: NotRequired[str | None]


class PaceDocument(TypedDict):
    """The basis for estimated waits: the k-th in the queue waits the lesser of k `first_s` and
    `base_s` + k `each_s`. `ranges` has the p50 and p90 for some of these waits, as [wait, p50,
    p90]; interpolate linearly between them. Changes without notice only ever shorten waits."""

    first_s: float
    base_s: float
    each_s: float
    ranges: list[list[float]]


class Page_AlertDocument_(TypedDict):
    """A page of a list."""

    items: list[AlertDocument]
    total: int
    page: int
    per_page: int


class Page_AuditEntry_(TypedDict):
    """A page of a list."""

    items: list[AuditEntry]
    total: int
    page: int
    per_page: int


class Page_CodeSet_(TypedDict):
    """A page of a list."""

    items: list[CodeSet]
    total: int
    page: int
    per_page: int


class Page_CodeUse_(TypedDict):
    """A page of a list."""

    items: list[CodeUse]
    total: int
    page: int
    per_page: int


class Page_EventDocument_(TypedDict):
    """A page of a list."""

    items: list[EventDocument]
    total: int
    page: int
    per_page: int


class Page_Guest_(TypedDict):
    """A page of a list."""

    items: list[Guest]
    total: int
    page: int
    per_page: int


class Page_KeyDocument_(TypedDict):
    """A page of a list."""

    items: list[KeyDocument]
    total: int
    page: int
    per_page: int


class Page_ListedRoom_(TypedDict):
    """A page of a list."""

    items: list[ListedRoom]
    total: int
    page: int
    per_page: int


class Page_OrderDocument_(TypedDict):
    """A page of a list."""

    items: list[OrderDocument]
    total: int
    page: int
    per_page: int


class Page_ReservationDocument_(TypedDict):
    """A page of a list."""

    items: list[ReservationDocument]
    total: int
    page: int
    per_page: int


class Page_RoomInvite_(TypedDict):
    """A page of a list."""

    items: list[RoomInvite]
    total: int
    page: int
    per_page: int


class Page_WebhookDocument_(TypedDict):
    """A page of a list."""

    items: list[WebhookDocument]
    total: int
    page: int
    per_page: int


class PaidBody(TypedDict):
    """The external payment's `reference`, if it has one."""

    reference: NotRequired[str | None]


class PassesGiven(TypedDict):
    """Passes issued, by reason."""

    no_crowd: int
    by_turn: int
    by_ticket: int
    renewed: int


class PasswordChange(TypedDict):
    """The current password, and the new one."""

    password: str
    new_password: str


class PayingDocument(TypedDict):
    """A reservation with a pending payment, and where its buyer continues. At `continue_url`, a
    page of the gateway; or on the shop's own page with the gateway's script, which takes the
    `client_secret`. Both are empty while only the gateway has to act."""

    reservation_id: str
    event_id: str
    visitor_id: str
    status: Literal["cancelled", "confirmed", "expired", "held", "paying"]
    items: list[ReservedItem]
    seat_ids: list[str]
    amount: int
    currency: str
    created_at: str | None
    expires_at: str | None
    confirmed_at: str | None
    tickets: list[TicketDocument]
    extendable: bool
    code: str | None
    discount: int
    fee: int
    tax: int
    refunded: int
    continue_url: str
    client_secret: str


class PaymentBody(TypedDict):
    """How to pay. The amount comes from the reservation."""

    method: str
    token: str


class Place(TypedDict):
    """The centre of a section: `x` to the right of the hall's centre line, `y` away from the stage;
    and its turn. The origin is the point behind the stage around which the rings curve. At 0
    degrees a section faces the stage; one to the right of it is turned by more, one to the left by
    less."""

    x: float
    y: float
    turn: NotRequired[float]


class PlaceChange(TypedDict):
    """The fields of a place that its visitor can change while waiting."""

    quantity: int


class PlaceDocument(TypedDict):
    """A visitor's place."""

    room_id: str
    visitor_id: str
    state: Literal["active", "called", "done", "expired", "left", "no_show", "prequeue", "removed", "waiting"]
    queue_number: int | None
    queue_position: int | None
    wait_s: WaitRange | None
    slower: SlowerDocument | None
    poll_after_s: int
    claim_by: str | None
    session_expires_at: str | None
    quantity: int
    place_token: str
    lane: NotRequired[int]
    about: NotRequired[bool]


class PlacedSection(TypedDict):
    """A section with a position."""

    x: float
    y: float
    turn: NotRequired[float]
    ticket_type_id: str


class Preview(TypedDict):
    """What the gate would do. The last of `steps` decides; `status` is the response to a proxy."""

    outcome: Literal["gets_pass", "passes", "queues", "refused"]
    status: int
    decided_by: Literal["bypass", "crawler", "crowd", "gate_mode", "origin", "pass", "ticket", "turn"]
    bypass_rule: BypassRule | None
    bypass_number: int | None
    steps: list[PreviewStep]


class PreviewStep(TypedDict):
    """A rule that was checked, and its result."""

    rule: Literal["bypass", "crawler", "crowd", "gate_mode", "origin", "pass", "ticket", "turn"]
    says: str


class Problem(TypedDict):
    """The body of every error; some codes add members."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ProcessFigures(TypedDict):
    """The web process that gave this response; another one may give the next."""

    uptime_s: int
    answered: int


class PrometheusSource(TypedDict):
    """Where to query the shop's health, every few seconds. Each query must return one number."""

    url: str
    p95_ms: str
    error_rate: str
    in_flight: NotRequired[str]


class PushTo(TypedDict):
    """The shop's address that accepts its configuration."""

    url: str


class Pushed(TypedDict):
    """The version that the shop accepted."""

    version: int


class Question(TypedDict):
    """A question of the sale's own; only a `choice` has `options`."""

    question_id: str
    label: str
    kind: NotRequired[Literal["choice", "text", "yes"]]
    options: NotRequired[list[str]]
    required: NotRequired[bool]


class QueueFigures(TypedDict):
    """A queue, or several together. Counters start with the room, or the last loss of Redis."""

    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    stream_backlog: int
    joined: int
    admitted: int
    no_shows: int
    claimed: int
    expired: int
    left: int
    done: int


class QueueNumber(TypedDict):
    """A place; `entry_time` in seconds."""

    queue_number: int
    entry_time: int
    event_id: str
    status: NotRequired[Literal[1]]


class Ready(TypedDict):
    """`status` for everybody: `ok` or `unavailable`. For operators also each part: `ok` or the
    reason."""

    status: NotRequired[str]
    redis: NotRequired[str]
    postgres: NotRequired[str]
    worker: NotRequired[str]
    loops: NotRequired[str]
    process: NotRequired[str]
    warnings: NotRequired[list[str]]


class Receipt(TypedDict):
    """The content of a visitor's signed receipt: that they have, or had, this place in the queue."""

    room_id: str
    generation: str
    visitor_id: str
    visitor: str | None
    state: str
    queue_number: int | None
    leaf: int | None
    at_ms: int


class ReceiptDocument(TypedDict):
    """A receipt to keep: `statement` is a JWS with the content of `receipt`, `key` verifies it
    (JWK)."""

    receipt: Receipt
    statement: str
    key: dict[str, Any]


class RefundBody(TypedDict):
    """What to refund of an order, in minor units; without an amount: the price of the tickets. The
    tickets listed are cancelled, and go back on sale unless `to_stock` is false."""

    amount: NotRequired[int | None]
    ticket_ids: NotRequired[list[str]]
    to_stock: NotRequired[bool]
    reason: NotRequired[str]


class RefundDocument(TypedDict):
    """A partial refund: `owed` until the gateway has made it (`done`) or refused it (`failed`, with
    `why`). `codes` are those of the tickets cancelled with it."""

    refund_id: str
    amount: int
    currency: str
    codes: list[str]
    to_stock: bool
    reason: str
    state: Literal["done", "failed", "owed"]
    why: str


class RefundSumsDocument(TypedDict):
    """The progress of all refunds of a sale in one currency, in minor units."""

    currency: str
    done: int
    under_way: int
    refused: int


class RefundsDocument(TypedDict):
    """The partial refunds of an order, oldest first."""

    items: list[RefundDocument]


class RequestFigures(TypedDict):
    """Counts of all web processes, including dead ones, since `since`; they restart at 0 if Redis
    is lost."""

    since: str | None
    answered: int
    refused: dict[str, int]
    reservations_refused: dict[str, int]


class ReservationDocument(TypedDict):
    """A reservation."""

    reservation_id: str
    event_id: str
    visitor_id: str
    status: Literal["cancelled", "confirmed", "expired", "held", "paying"]
    items: list[ReservedItem]
    seat_ids: list[str]
    amount: int
    currency: str
    created_at: str | None
    expires_at: str | None
    confirmed_at: str | None
    tickets: list[TicketDocument]
    extendable: bool
    code: str | None
    discount: int
    fee: int
    tax: int
    refunded: int


class ReservationFigures(TypedDict):
    """The number of reservations by state in Postgres; at most a few seconds old."""

    made: int
    made_last_minute: int
    held: int
    paying: int
    confirmed: int
    cancelled: int
    expired: int


class ReserveBody(TypedDict):
    """Which tickets to hold, all or none: counted ones, particular seats, or the best available
    ones."""

    items: NotRequired[list[ReserveItem]]
    seat_ids: NotRequired[list[str]]
    best_available: NotRequired[ReserveItem]
    code: NotRequired[str]


class ReserveItem(TypedDict):
    """Tickets of one type."""

    ticket_type_id: str
    quantity: int


class ReservedItem(TypedDict):
    """Tickets of one type; `price` is for each."""

    ticket_type_id: str
    quantity: int
    price: int


class Reset(TypedDict):
    """The link's token, and the new password."""

    token: str
    new_password: str


class ResetAsked(TypedDict):
    """The e-mail of the account whose password was forgotten."""

    email: str


class Result(TypedDict):
    """The result of a scan. `first`: the check-in that counts. `also`: another device had already
    let the holder in with a later scan, which this one replaces. `sale`: the sale of the ticket, if
    it is another one."""

    scan_id: str
    verdict: Literal["already", "checked_in", "other_sale", "undone", "unknown", "void"]
    ticket_type: NotRequired[str]
    seat: NotRequired[str]
    name: NotRequired[str]
    sale: NotRequired[str]
    first: NotRequired[Checked | None]
    also: NotRequired[Checked | None]


class RoomDocument(TypedDict):
    """A room for staff: its settings and state."""

    name: str
    admission_rate_per_minute: NotRequired[int]
    burst: NotRequired[int | None]
    active_visitors_max: NotRequired[int | None]
    claim_window_s: NotRequired[int]
    unclaimed_per_network_max: NotRequired[int | None]
    session_ttl_s: NotRequired[int]
    visitors_per_ticket_max: NotRequired[float]
    session_ends_on_confirm: NotRequired[bool]
    restore_window_s: NotRequired[int]
    queueing_method: NotRequired[Literal["fifo", "lottery"]]
    draw_entropy: NotRequired[Literal["beacon", "entries", "none"]]
    prequeue_at: NotRequired[str | None]
    opens_at: NotRequired[str | None]
    closes_at: NotRequired[str | None]
    message: NotRequired[str]
    locale: NotRequired[str]
    theme: NotRequired[Theme]
    public: NotRequired[bool]
    test: NotRequired[bool]
    session_renews: NotRequired[bool]
    session_max_s: NotRequired[int | None]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]
    gate_fail: NotRequired[Literal["closed", "open"]]
    pass_ip_bound: NotRequired[bool]
    signing_algorithm: NotRequired[Literal["ES256", "EdDSA", "RS256"]]
    verified_crawlers: NotRequired[bool]
    json_response_enabled: NotRequired[bool]
    bypass: NotRequired[list[BypassRule]]
    target_url: NotRequired[str]
    allowed_return_hosts: NotRequired[list[str]]
    autopilot: NotRequired[Autopilot | None]
    members_only: NotRequired[bool]
    members_until: NotRequired[str | None]
    lanes: NotRequired[list[Lane]]
    newcomers_per_address: NotRequired[int | None]
    proof_of_work: NotRequired[bool]
    captcha: NotRequired[bool]
    identity: NotRequired[Literal["email", "none", "passkey"]]
    accounts_before: NotRequired[str | None]
    suspects_lane: NotRequired[str]
    exact_within: NotRequired[int | None]
    parts: NotRequired[int]
    visitor_events: NotRequired[bool]
    room_id: str
    event_id: str | None
    state: Literal["closed", "open", "paused", "prequeue", "scheduled", "sold_out"]
    opened_at: str | None
    closed_at: str | None
    draw: Draw | None


class RoomHistory(TypedDict):
    """Points in chronological order, `step_s` apart; further apart where figures are missing. For a
    step, waiting, inside and backlog are maxima. There are at most 900 points."""

    room_id: str
    range: Literal["15m", "1h", "5m", "sale"]
    step_s: int
    points: list[HistoryPoint]


class RoomInvite(TypedDict):
    """An invitation and its state."""

    invite_id: str
    email: str
    state: Literal["not_sent", "on_its_way", "sent", "used", "withdrawn"]
    invited_at: str
    used_at: str | None


class RoomPatch(TypedDict):
    """RoomPatch."""

    name: NotRequired[str]
    admission_rate_per_minute: NotRequired[int]
    burst: NotRequired[int | None]
    active_visitors_max: NotRequired[int | None]
    claim_window_s: NotRequired[int]
    unclaimed_per_network_max: NotRequired[int | None]
    session_ttl_s: NotRequired[int]
    visitors_per_ticket_max: NotRequired[float]
    session_ends_on_confirm: NotRequired[bool]
    restore_window_s: NotRequired[int]
    queueing_method: NotRequired[Literal["fifo", "lottery"]]
    draw_entropy: NotRequired[Literal["beacon", "entries", "none"]]
    prequeue_at: NotRequired[str | None]
    opens_at: NotRequired[str | None]
    closes_at: NotRequired[str | None]
    message: NotRequired[str]
    locale: NotRequired[str]
    theme: NotRequired[Theme]
    public: NotRequired[bool]
    test: NotRequired[bool]
    session_renews: NotRequired[bool]
    session_max_s: NotRequired[int | None]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]
    gate_fail: NotRequired[Literal["closed", "open"]]
    pass_ip_bound: NotRequired[bool]
    signing_algorithm: NotRequired[Literal["ES256", "EdDSA", "RS256"]]
    verified_crawlers: NotRequired[bool]
    json_response_enabled: NotRequired[bool]
    bypass: NotRequired[list[BypassRule]]
    target_url: NotRequired[str]
    allowed_return_hosts: NotRequired[list[str]]
    autopilot: NotRequired[Autopilot | None]
    members_only: NotRequired[bool]
    members_until: NotRequired[str | None]
    lanes: NotRequired[list[Lane]]
    newcomers_per_address: NotRequired[int | None]
    proof_of_work: NotRequired[bool]
    captcha: NotRequired[bool]
    identity: NotRequired[Literal["email", "none", "passkey"]]
    accounts_before: NotRequired[str | None]
    suspects_lane: NotRequired[str]
    exact_within: NotRequired[int | None]
    parts: NotRequired[int]
    visitor_events: NotRequired[bool]


class RoomQueueFigures(TypedDict):
    """The queue of one room."""

    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    stream_backlog: int
    joined: int
    admitted: int
    no_shows: int
    claimed: int
    expired: int
    left: int
    done: int
    room_id: str
    event_id: str | None
    state: Literal["closed", "open", "paused", "prequeue", "scheduled", "sold_out"]
    opened_at: str | None
    admission_rate_per_minute: int


class RoomSettings(TypedDict):
    """The settings of a room (api.md, "Room settings"); stored as one JSON document in Postgres."""

    name: str
    admission_rate_per_minute: NotRequired[int]
    burst: NotRequired[int | None]
    active_visitors_max: NotRequired[int | None]
    claim_window_s: NotRequired[int]
    unclaimed_per_network_max: NotRequired[int | None]
    session_ttl_s: NotRequired[int]
    visitors_per_ticket_max: NotRequired[float]
    session_ends_on_confirm: NotRequired[bool]
    restore_window_s: NotRequired[int]
    queueing_method: NotRequired[Literal["fifo", "lottery"]]
    draw_entropy: NotRequired[Literal["beacon", "entries", "none"]]
    prequeue_at: NotRequired[str | None]
    opens_at: NotRequired[str | None]
    closes_at: NotRequired[str | None]
    message: NotRequired[str]
    locale: NotRequired[str]
    theme: NotRequired[Theme]
    public: NotRequired[bool]
    test: NotRequired[bool]
    session_renews: NotRequired[bool]
    session_max_s: NotRequired[int | None]
    gate_mode: NotRequired[Literal["auto", "off", "queue_all"]]
    gate_fail: NotRequired[Literal["closed", "open"]]
    pass_ip_bound: NotRequired[bool]
    signing_algorithm: NotRequired[Literal["ES256", "EdDSA", "RS256"]]
    verified_crawlers: NotRequired[bool]
    json_response_enabled: NotRequired[bool]
    bypass: NotRequired[list[BypassRule]]
    target_url: NotRequired[str]
    allowed_return_hosts: NotRequired[list[str]]
    autopilot: NotRequired[Autopilot | None]
    members_only: NotRequired[bool]
    members_until: NotRequired[str | None]
    lanes: NotRequired[list[Lane]]
    newcomers_per_address: NotRequired[int | None]
    proof_of_work: NotRequired[bool]
    captcha: NotRequired[bool]
    identity: NotRequired[Literal["email", "none", "passkey"]]
    accounts_before: NotRequired[str | None]
    suspects_lane: NotRequired[str]
    exact_within: NotRequired[int | None]
    parts: NotRequired[int]
    visitor_events: NotRequired[bool]


class RoomStats(TypedDict):
    """Counters and percentiles of one room since its opening."""

    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    stream_backlog: int
    joined: int
    admitted: int
    no_shows: int
    claimed: int
    expired: int
    left: int
    done: int
    room_id: str
    event_id: str | None
    state: Literal["closed", "open", "paused", "prequeue", "scheduled", "sold_out"]
    opened_at: str | None
    admission_rate_per_minute: int
    wait_s: Waits | None
    reservations: ReservationFigures | None


class RuleFigures(TypedDict):
    """A current bypass rule of the room, and how many requests it let through."""

    rule: BypassRule
    requests: int


class Scan(TypedDict):
    """A code read by a device. `scan_id` is generated by the device: the same one sent twice is one
    scan."""

    scan_id: str
    code: str
    at: NotRequired[str | None]


class Scans(TypedDict):
    """A device's scans, in the order it made them."""

    device: str
    scans: list[Scan]


class SeatMapDocument(TypedDict):
    """The seats of an event, the best rows of a section first, with the state of each."""

    event_id: str
    currency: str
    states: SeatStates
    sections: list[SeatSectionDocument]
    updated_at: str


class SeatPlan(TypedDict):
    """The sections with a position; all others go where they fit, in rings around the stage."""

    sections: list[PlacedSection]


class SeatRowDocument(TypedDict):
    """A row: `states` has a character for each seat number from `first` on; `-` is a gap. `kinds`
    likewise has a character for each, present if some seats are not for everybody: `a` for an
    accessible seat, `c` for a companion seat, which is sold together with the accessible one next
    to it. `labels` has an item for each, present if seats are not named by their numbers."""

    row: str
    first: int
    states: str
    kinds: NotRequired[str]
    labels: NotRequired[list[str]]


class SeatSectionDocument(TypedDict):
    """A section, which is a ticket type. `seat_id` is a pattern for the row and the number or
    label."""

    ticket_type_id: str
    name: str
    price: int
    seat_id: str
    free: int
    held: int
    sold: int
    total: int
    sale_from: str | None
    sale_until: str | None
    rows: list[SeatRowDocument]
    plan: NotRequired[Place | None]


class SeatStates(TypedDict):
    """The meaning of the characters in `states`."""

    f: NotRequired[str]
    h: NotRequired[str]
    s: NotRequired[str]
    b: NotRequired[str]


class SeatsChangedDocument(TypedDict):
    """The seats changed as requested (or already so), and those left alone because somebody has
    them."""

    done: list[str]
    taken: list[str]


class SeatsMadeDocument(TypedDict):
    """The created sections, each a ticket type, and their total number of seats."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    seats: int


class ServerDocument(TypedDict):
    """The last report of one server."""

    p95_ms: float
    error_rate: float
    in_flight: int | None
    heard_at: str | None
    server: str


class ServingCounter(TypedDict):
    """The last queue number called."""

    serving_counter: int


class ServingNumber(TypedDict):
    """The serving counter after the increment."""

    serving_num: int


class SessionDocument(TypedDict):
    """A renewed session."""

    sid: str
    session_expires_at: str | None


class SiteList(TypedDict):
    """The rules of all sites; in responses, in the order in which they are tried."""

    sites: list[SiteRule]


class SiteRule(TypedDict):
    """Assigns requests to a host, a path and a method to a room."""

    host: str
    path_prefix: NotRequired[str]
    method: NotRequired[str]
    room_id: str


class SlowerDocument(TypedDict):
    """Since when waits may be longer than shown before, and why. The queue was paused, staff
    lowered the rate, or fewer visitors per minute are measured to enter."""

    since: str | None
    why: Literal["paused", "rate_lowered", "slower"]


class StatusDocument(TypedDict):
    """The shared status document of a room: the same for everyone."""

    room_id: str
    name: str
    event_id: str | None
    state: Literal["closed", "open", "paused", "prequeue", "scheduled", "sold_out"]
    serving_position: int
    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    admission_rate_per_minute: int
    prequeue_at: str | None
    opens_at: str | None
    closes_at: str | None
    message: str
    available: int | None
    held: int | None
    draw: Draw | None
    updated_at: str | None
    pace: PaceDocument | None
    blocked: Literal["", "cap", "held", "not_on_sale_yet", "nothing_on_sale", "rate", "sale_over"] | None
    slower: SlowerDocument | None
    still_since: str | None
    epoch: int
    members_only: NotRequired[bool]
    lanes: NotRequired[list[LaneDocument]]
    stale: NotRequired[bool]


class StripeMessage(TypedDict):
    """A Stripe message. Other fields and types are ignored."""

    id: str
    type: str
    data: StripeSubject


class StripeSubject(TypedDict):
    """The subject of a Stripe message."""

    object: dict[str, Any]


class Theme(TypedDict):
    """The look of a room's pages; empty fields use the default look. `core/catalogue/theme.py` checks more of
    it."""

    accent: NotRequired[str]
    paper: NotRequired[str]
    logo: NotRequired[str]
    cover: NotRequired[str]
    welcome: NotRequired[str]
    footer: NotRequired[str]
    terms: NotRequired[str]
    privacy: NotRequired[str]
    imprint: NotRequired[str]


class TicketDocument(TypedDict):
    """A ticket of a confirmed reservation; if it was transferred, only its new holder gets the
    code."""

    ticket_id: str
    ticket_type_id: str
    seat_id: str | None
    code: str
    transferred: NotRequired[bool]


class TicketTypeDocument(TypedDict):
    """A ticket type and its counts."""

    ticket_type_id: str
    name: str
    price: int
    free: int
    held: int
    sold: int
    total: int
    sale_from: str | None
    sale_until: str | None
    hidden: bool
    tax_rate_bp: int


class TicketTypePatch(TypedDict):
    """The changeable fields of a ticket type."""

    name: NotRequired[str]
    price: NotRequired[int]
    quantity: NotRequired[int]
    sale_from: NotRequired[str | None]
    sale_until: NotRequired[str | None]
    hidden: NotRequired[bool]
    tax_rate_bp: NotRequired[int]


class TokenSet(TypedDict):
    """The session as JWTs that differ only in `token_use`."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int
    token_type: NotRequired[Literal["Bearer"]]


class TransferBody(TypedDict):
    """Which ticket, and to whom. `locale`: the language of the e-mail, by default the page's."""

    ticket_id: str
    email: str
    locale: NotRequired[str]


class TransferDocument(TypedDict):
    """A ticket offered to somebody who has not accepted it yet."""

    ticket_id: str
    email: str


class TransfersDocument(TypedDict):
    """The tickets of a reservation that are currently offered. Accepted ones are `transferred`
    there."""

    items: list[TransferDocument]


class TypeCount(TypedDict):
    """The tickets of a type: how many exist, and how many were checked in."""

    name: str
    tickets: int
    checked_in: int


class UndoneScan(TypedDict):
    """The scan whose check-in is to be undone."""

    scan_id: str


class UrlRule(TypedDict):
    """A match on addresses of the shop."""

    part: NotRequired[Literal["HostName", "PagePath", "PageUrl"]]
    operator: NotRequired[Literal["Contains", "Equals"]]
    value: str
    negative: NotRequired[bool]
    ignore_case: NotRequired[bool]


class WaitRange(TypedDict):
    """The estimated wait in seconds: median and 90th percentile."""

    p50: int
    p90: int


class WaitingNumber(TypedDict):
    """How many visitors have no token yet."""

    waiting_num: int


class Waits(TypedDict):
    """How long called visitors had waited: percentiles in seconds."""

    p50: int
    p90: int
    p99: int


class WebhookDocument(TypedDict):
    """A webhook, and its deliveries: pending ones, and those that failed after a day of retries."""

    webhook_id: str
    url: str
    types: list[str]
    description: str
    created_at: str
    disabled_at: str | None
    pending: int
    given_up: int
    last_failure: str | None
    last_failure_at: str | None
