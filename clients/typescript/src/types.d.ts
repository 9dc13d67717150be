// Documents of the API. Made by `generate.py` from the contract; do not edit.

/** `token`: from the link in the e-mail. `locale`: the language of e-mails to the new holder. */
export interface AcceptBody {
  token: string;
  locale?: string;
}

/** The reservation is being processed; poll its address. */
export interface Accepted {
  reservation_id: string;
}

/** A ticket with its new `code`, and its holder's page, which the e-mail also links to. */
export interface AcceptedTicket {
  event_id: string;
  event_name: string;
  venue: string;
  starts_at: string;
  ticket_type: string;
  seat_id: string | null;
  code: string;
  page: string;
}

/** An access token, valid for 12 hours. */
export interface AccessTokenDocument {
  access_token: string;
  expires_at: string | null;
  token_type?: string;
}

/** An account; `account_id` is the `sub` of its access tokens. */
export interface AccountDocument {
  account_id: string;
  email: string;
  name: string;
  role: "admin" | "operator" | "user";
  created_at: string | null;
}

/** The fields of one's own account that can be changed. */
export interface AccountPatch {
  name: string;
}

/** How many to admit. */
export interface AdvanceBody {
  count: number;
}

/** How many were called, and the queue afterwards. */
export interface AdvanceDocument {
  room_id: string;
  advanced: number;
  limited_by: "cap" | "nobody" | "skipped" | "tickets" | null;
  serving_position: number;
  waiting: number;
  called: number;
  active: number;
}

/** A current or past fault. */
export interface AlertDocument {
  alert_id: string;
  rule: string;
  severity: "page" | "ticket";
  room_id: string | null;
  subject: string;
  text: string;
  since: string;
  started_at: string;
  ended_at: string | null;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
  runbook: string;
}

/** The process serves. */
export interface Alive {
  status: string;
}

/** The id of the place from now on; anybody who has it can act for the visitor. */
export interface Assigned {
  api_request_id: string;
}

/** One change. `before` and `after` contain the fields that differ; null: it was created, or deleted. */
export interface AuditEntry {
  audit_id: string;
  changed_at: string;
  who: string;
  role: string;
  name: string | null;
  action: string;
  kind: string;
  id: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  request_id: string;
}

/** The setting; a room without it keeps the rate that staff set. */
export interface Autopilot {
  floor: number;
  ceiling: number;
  p95_ms?: number;
  error_rate?: number;
  in_flight?: number | null;
  settle_s?: number;
  paused?: boolean;
  prometheus?: PrometheusSource | null;
}

/** How many tickets of each type are left. */
export interface AvailabilityDocument {
  event_id: string;
  ticket_types: Array<TicketTypeDocument>;
  updated_at: string;
}

/** Seats to take off sale, and the reason. */
export interface BlockSeats {
  seat_ids: Array<string>;
  kept_as?: "blocked" | "house";
}

/** A claimed booking token. */
export interface BookingTokenDocument {
  booking_token: string;
  expires_at: string | null;
  token_type?: "Bearer";
}

/** A buyer's answers; `answers` by question id, `yes` for a ticked checkbox. */
export interface Buyer {
  email?: string;
  name?: string;
  phone?: string;
  terms?: boolean;
  marketing?: boolean;
  answers?: Record<string, string>;
  locale?: string;
}

/** The buyer of a reservation; fields not asked for or not answered are empty. */
export interface BuyerDocument {
  reservation_id: string;
  email: string;
  name: string;
  phone: string;
  marketing: boolean;
  terms_at: string | null;
  answers: Record<string, string>;
  locale: string;
}

/** What a sale asks its buyers for before they pay; with `terms_url` they have to accept its terms. `keep_days`: personal data is deleted this many days after the event began; 0: never; null: the installation's setting (`FAIRGATE_BUYERS_KEEP_DAYS`). Orders, tickets and receipts stay. */
export interface BuyerForm {
  email?: "off" | "optional" | "required";
  name?: "off" | "optional" | "required";
  phone?: "off" | "optional" | "required";
  terms_url?: string;
  marketing?: boolean;
  questions?: Array<Question>;
  keep_days?: number | null;
}

/** A rule on who passes the gate without a turn: whoever matches all its fields (`core/gating.py`). */
export interface BypassRule {
  path_prefix?: string;
  path_regex?: string;
  method?: string;
  cidr?: string;
  header?: string;
  value?: string;
  cookie?: string;
  user_agent_contains?: string;
}

/** Requests that passed without a turn, by reason. */
export interface Bypassed {
  rules: Array<RuleFigures>;
  former_rules: number;
  gate_mode: number;
  gate_fail: number;
  crawlers: number;
}

/** The notice to fans and buyers. */
export interface CancelBody {
  notice?: string;
}

/** The input of ALTCHA's widget and solvers: find the number up to `maxnumber` that hashes to `challenge`. */
export interface Challenge {
  algorithm: string;
  challenge: string;
  maxnumber: number;
  salt: string;
  signature: string;
}

/** The result of each scan, in order; and how many are checked in now. */
export interface CheckInResults {
  results: Array<Result>;
  counts: DoorCounts;
}

/** When, by whom and on which device a ticket was checked in. */
export interface Checked {
  at: string;
  by: string;
  device: string;
}

/** The code from the e-mail that asks for confirmation. */
export interface CodeBody {
  code: string;
}

/** Codes with the same effect, and their usage. */
export interface CodeSet {
  set_id: string;
  name: string;
  uses_max: number;
  percent: number;
  off_ticket: number;
  off_order: number;
  ticket_types: Array<string>;
  valid_from: string | null;
  valid_until: string | null;
  active: boolean;
  wanted?: number;
  made?: number;
  used?: number;
  example?: string;
}

/** A code, and the number of valid orders created with it. */
export interface CodeUse {
  code: string;
  uses_max: number;
  used: number;
  active: boolean;
}

/** Switches a set of codes, or one of them, off or on. */
export interface CodesPatch {
  active: boolean;
}

/** The payment for a hold; free tickets need none. `buyer`: unless it was set before. */
export interface ConfirmBody {
  payment?: PaymentBody | null;
  buyer?: Buyer | null;
}

/** The proof that the first tree is a prefix of the second: hashes in hex, as in RFC 9162, 2.1.4. */
export interface ConsistencyDocument {
  room_id: string;
  first: number;
  second: number;
  path: Array<string>;
}

/** The same, after a report. */
export interface CountedDocument {
  room_id: string;
  admission_rate_per_minute: number;
  autopilot: Autopilot | null;
  health: HealthDocument | null;
  servers: Array<ServerDocument>;
  last_decision: DecisionDocument | null;
  last_change: DecisionDocument | null;
  prometheus_trouble: string;
  counted: boolean;
}

/** A decision of the autopilot, and its reason. */
export interface DecisionDocument {
  at: string | null;
  direction: "down" | "hold" | "up";
  rate_from: number;
  rate_to: number;
  why: string;
}

/** A request as a visitor would send it to the site. Without `Accept`, a browser opens a page. */
export interface Described {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  client?: string;
}

/** A confirmation, in words. */
export interface Done {
  message: string;
}

/** The same for a sale and each of its ticket types. */
export interface DoorCounts {
  tickets: number;
  checked_in: number;
  types: Array<TypeCount>;
}

/** The published facts of a lottery: the commitment at once, the seed after the opening. With the entropy of the `entries`, draws also use `log_root`, which is known after the opening; with that of the `beacon`, the randomness of a round after the opening. */
export interface Draw {
  commitment: string;
  seed: string | null;
  entropy?: "beacon" | "entries" | "none";
  log_root?: string | null;
  beacon?: DrawBeacon | null;
}

/** The round of the public beacon used for a draw; null until the log names it. Its `signature` is null until the round is published, and `randomness` is the SHA-256 of that. `missed`: it was not published in time, so the seed alone decides. */
export interface DrawBeacon {
  round: number | null;
  signature: string | null;
  randomness: string | null;
  missed: boolean;
}

/** Consecutive leaves; `size` is the current number of leaves in the log. */
export interface Entries {
  room_id: string;
  first: number;
  size: number;
  entries: Array<string>;
}

/** An event. */
export interface EventDocument {
  event_id: string;
  room_id: string;
  name: string;
  venue: string;
  artist: string;
  starts_at: string;
  timezone: string;
  currency: string;
  max_tickets_per_visitor: number;
  hold_ttl_s: number;
  hold_extend_s: number;
  sell_after_start: boolean;
  prices_include_tax: boolean;
  fee_per_ticket: number;
  fee_rate_bp: number;
  fee_tax_rate_bp: number;
  payments: Array<string>;
  seller: string;
  ticket_types: Array<TicketTypeDocument>;
  seated: boolean;
  published: boolean;
}

/** The changeable fields of an event. */
export interface EventPatch {
  name?: string;
  starts_at?: string;
  venue?: string;
  artist?: string;
  currency?: string;
  max_tickets_per_visitor?: number;
  hold_ttl_s?: number;
  hold_extend_s?: number;
  timezone?: string;
  sell_after_start?: boolean;
  prices_include_tax?: boolean;
  fee_per_ticket?: number;
  fee_rate_bp?: number;
  fee_tax_rate_bp?: number;
  payments?: Array<string>;
  seller?: string;
  published?: boolean;
}

/** Whether a sale was moved or cancelled. `orders` and `holds` are the live ones: after cancelling, the remaining. */
export interface FateDocument {
  event_id: string;
  starts_at: string;
  cancelled_at: string | null;
  moved_from: string | null;
  refund_until: string | null;
  notice: string;
  orders: number;
  holds: number;
  refunds: Array<RefundSumsDocument>;
}

/** Figures of the gate since the room was created or reset; each request is counted once. Each web process adds its counts every second; a killed one loses up to a second of them. */
export interface GateStats {
  room_id: string;
  requests: number;
  passed: number;
  given: PassesGiven;
  queued: number;
  queued_by_reason: Record<string, number>;
  bypassed: Bypassed;
  refused: Record<string, number>;
  first_seen_at: string | null;
  last_seen_at: string | null;
}

/** A gateway's message about a payment. Other fields and types are ignored. */
export interface GatewayMessage {
  type: string;
  data?: unknown;
}

/** A guest with their tickets, and the state of the e-mail that carries them ("": there is none). */
export interface Guest {
  reservation_id: string;
  name: string;
  email: string;
  ticket_type: string;
  given: number;
  valid: number;
  checked_in: number;
  mail: string;
  added_at: string;
}

/** A person to be given free tickets. Without `email` no e-mail is sent. */
export interface GuestBody {
  name: string;
  ticket_type_id: string;
  email?: string | null;
  quantity?: number;
}

/** A signed head. `statement` is a JWS that says room, size, root and time; `cosignatures` are witnesses' signatures of the same head as a checkpoint. */
export interface HeadDocument {
  size: number;
  signed_at: string | null;
  statement: string;
  cosignatures: Array<string>;
}

/** Signed heads, the smallest first. */
export interface Heads {
  room_id: string;
  heads: Array<HeadDocument>;
}

/** The shop's health: p95 and errors of the worst server, requests in flight of all. */
export interface HealthDocument {
  p95_ms: number;
  error_rate: number;
  in_flight: number | null;
  heard_at: string | null;
}

/** A moment of a room, or the step that ended then. Null: not applicable, or not known. */
export interface HistoryPoint {
  at: string | null;
  waiting: number;
  inside: number;
  cap: number | null;
  rate: number;
  admitted_per_minute: number;
  joined_per_minute: number;
  no_shows_per_minute: number;
  requests_per_second: number;
  backlog: number;
  reserve_p99_ms: number | null;
  free: number | null;
  held: number | null;
  sold: number | null;
}

/** The address to join with, and the language of the e-mail. */
export interface IdentityBody {
  email: string;
  locale?: string | null;
}

/** The result. `asked`: a code was sent there, or soon will be; `confirmed`: the address already was. `place_token` identifies you: send it with the code, and when you join. */
export interface IdentityDocument {
  email: string;
  asked: boolean;
  confirmed: boolean;
  place_token: string;
}

/** The proof that a leaf is in a tree: hashes in hex, as in RFC 9162, 2.1.3. */
export interface InclusionDocument {
  room_id: string;
  leaf: number;
  size: number;
  leaf_hash: string;
  path: Array<string>;
}

/** How many more to admit. The counter never goes back: calls cannot be undone. */
export interface Increment {
  event_id: string;
  increment_by: number;
}

/** The whole installation. Everything except `this_process` covers all processes. */
export interface InstallationStats {
  lines: QueueFigures;
  rooms: Array<RoomQueueFigures>;
  reservations: ReservationFigures;
  requests: RequestFigures;
  workers: number;
  this_process: ProcessFigures;
  updated_at: string | null;
}

/** Whom to invite; existing invitations are not affected. */
export interface InviteBody {
  emails: Array<string>;
}

/** How many were newly invited. */
export interface InvitedDocument {
  invited: number;
}

/** Optional fields of a join. */
export interface JoinBody {
  email?: string | null;
  locale?: string | null;
  invite?: string | null;
  proof?: string | null;
  quantity?: number | null;
  returns?: boolean;
  proof_of_work?: string | null;
  captcha_response?: string | null;
  slower_lane?: boolean;
}

/** A key's metadata. `last_used_at` is accurate to a minute; `live`: valid now. */
export interface KeyDocument {
  key_id: string;
  name: string;
  role: string;
  made_by: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
  live: boolean;
  network: string;
  scopes: Array<string> | null;
  events: Array<string> | null;
}

/** Public keys (RFC 7517). */
export interface KeySet {
  keys: Array<Record<string, string>>;
}

/** The new kind of these seats; "" for neither accessible nor companion. */
export interface KindOfSeats {
  seat_ids: Array<string>;
  kind: "" | "accessible" | "companion";
}

/** How a room serves a shop's connector. Without a `secret_key` it keeps its own or the customer's. */
export interface KnownUserChange {
  customer_id: string;
  protect?: Array<UrlRule>;
  cancel?: Array<UrlRule>;
  ignore?: Array<UrlRule>;
  cookie_domain?: string;
  cookie_minutes?: number;
  extend_cookie?: boolean;
  public_config?: boolean;
  secret_key?: string;
}

/** The settings, without secrets. */
export interface KnownUserDocument {
  customer_id: string;
  protect?: Array<UrlRule>;
  cancel?: Array<UrlRule>;
  ignore?: Array<UrlRule>;
  cookie_domain?: string;
  cookie_minutes?: number;
  extend_cookie?: boolean;
  public_config?: boolean;
  version: number;
}

/** The settings, and the shop's keys if they are new: `api_key` reads the configuration. Null: the shop has them. */
export interface KnownUserSecrets {
  customer_id: string;
  protect?: Array<UrlRule>;
  cancel?: Array<UrlRule>;
  ignore?: Array<UrlRule>;
  cookie_domain?: string;
  cookie_minutes?: number;
  extend_cookie?: boolean;
  public_config?: boolean;
  version: number;
  secret_key: string | null;
  api_key: string | null;
}

/** A lane, and its share of the calls in percent while anybody waits in it. Enqueue tokens refer to it by name, and fans see the name. */
export interface Lane {
  name: string;
  share: number;
}

/** A lane: a group of visitors that gets `share` percent of the calls while visitors wait in every lane. Order within a lane is strict. `name` is empty for the ordinary lane, of everybody who is in no other. */
export interface LaneDocument {
  name: string;
  share: number;
  serving_position: number;
  waiting: number;
  suspects?: boolean;
}

/** The shared status document; with `all` also staff's view of a room. */
export interface ListedRoom {
  room_id: string;
  name: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  serving_position: number;
  waiting: number;
  called: number;
  active: number;
  outflow_per_minute: number;
  admission_rate_per_minute: number;
  prequeue_at: string | null;
  opens_at: string | null;
  closes_at: string | null;
  message: string;
  available: number | null;
  held: number | null;
  draw: Draw | null;
  updated_at: string | null;
  pace: PaceDocument | null;
  blocked: "" | "cap" | "held" | "not_on_sale_yet" | "nothing_on_sale" | "rate" | "sale_over" | null;
  slower: SlowerDocument | null;
  still_since: string | null;
  epoch: number;
  members_only?: boolean;
  lanes?: Array<LaneDocument>;
  stale?: boolean;
  kind?: "sale" | "site";
  public?: boolean;
  test?: boolean;
  target_url?: string;
  gate_mode?: "auto" | "off" | "queue_all";
}

/** E-mail and password. */
export interface LoginBody {
  email: string;
  password: string;
  code?: string;
}

/** A newly created key. `key` is shown only here; send it as `Authorization: Bearer`. */
export interface MadeKey {
  key_id: string;
  name: string;
  role: string;
  created_at: string;
  expires_at: string | null;
  key: string;
}

/** A newly created webhook. Its secret is shown only here. */
export interface MadeWebhook {
  webhook_id: string;
  url: string;
  types: Array<string>;
  description: string;
  created_at: string;
  secret: string;
}

/** My e-mail address in this room; `asked`: a confirmation was sent there, or is about to be. */
export interface MailboxDocument {
  email: string;
  confirmed: boolean;
  asked: boolean;
}

/** The organiser's login. Without a `key`, HS256 keeps its secret or gets a new one. */
export interface MemberLoginChange {
  algorithm: "ES256" | "EdDSA" | "HS256" | "RS256";
  key?: string;
  audience?: string;
}

/** The login, without a secret. `key`: public, or null. */
export interface MemberLoginDocument {
  algorithm: "ES256" | "EdDSA" | "HS256" | "RS256";
  audience: string;
  key: string | null;
}

/** The same, with the secret if it was just generated: it is shown only once. */
export interface MemberLoginSecrets {
  algorithm: "ES256" | "EdDSA" | "HS256" | "RS256";
  audience: string;
  key: string | null;
  secret: string | null;
}

/** The new date, until when buyers can return tickets (null: always), and the notice to them. */
export interface MoveBody {
  starts_at: string;
  refund_until?: string | null;
  notice?: string;
}

/** Some of an event's seats. */
export interface NamedSeatIds {
  seat_ids: Array<string>;
}

/** A registration. The password appears in no log and no response. */
export interface NewAccount {
  email: string;
  name: string;
  password: string;
}

/** One code to announce (`code`), or a number of unguessable ones (`count`). */
export interface NewCodes {
  name: string;
  code?: string | null;
  count?: number;
  prefix?: string;
  uses_max?: number;
  percent?: number;
  off_ticket?: number;
  off_order?: number;
  ticket_types?: Array<string>;
  valid_from?: string | null;
  valid_until?: string | null;
}

/** An event to be put on sale. */
export interface NewEvent {
  event_id: string;
  name: string;
  starts_at: string;
  venue?: string;
  artist?: string;
  currency?: string;
  max_tickets_per_visitor?: number;
  hold_ttl_s?: number;
  hold_extend_s?: number;
  timezone?: string;
  sell_after_start?: boolean;
  prices_include_tax?: boolean;
  fee_per_ticket?: number;
  fee_rate_bp?: number;
  fee_tax_rate_bp?: number;
  payments?: Array<string>;
  seller?: string;
  published?: boolean;
  room?: NewRoomOfEvent;
}

/** A key to create: its name, its limits, and its expiry; null: until revoked. `network`: the only network it may be used from, as `203.0.113.0/24`; empty: any. `scopes`: the calls of its role that it may make; null: all. `events`: the events, with their rooms, that it may act on; null: all. */
export interface NewKey {
  name: string;
  role: "admin" | "operator";
  expires_at?: string | null;
  network?: string;
  scopes?: Array<"alerts:read" | "alerts:write" | "audit:read" | "check_ins:read" | "check_ins:write" | "events:read" | "events:write" | "keys:read" | "keys:write" | "origin:write" | "reservations:read" | "reservations:write" | "rooms:read" | "rooms:write" | "sessions:write" | "stats:read" | "webhooks:read" | "webhooks:write"> | null;
  events?: Array<string> | null;
}

/** A room without an event: its settings; all but the name have defaults. */
export interface NewRoom {
  name: string;
  admission_rate_per_minute?: number;
  burst?: number | null;
  active_visitors_max?: number | null;
  claim_window_s?: number;
  unclaimed_per_network_max?: number | null;
  session_ttl_s?: number;
  visitors_per_ticket_max?: number;
  session_ends_on_confirm?: boolean;
  restore_window_s?: number;
  queueing_method?: "fifo" | "lottery";
  draw_entropy?: "beacon" | "entries" | "none";
  prequeue_at?: string | null;
  opens_at?: string | null;
  closes_at?: string | null;
  message?: string;
  locale?: string;
  theme?: Theme;
  public?: boolean;
  test?: boolean;
  session_renews?: boolean;
  session_max_s?: number | null;
  gate_mode?: "auto" | "off" | "queue_all";
  gate_fail?: "closed" | "open";
  pass_ip_bound?: boolean;
  signing_algorithm?: "ES256" | "EdDSA" | "RS256";
  verified_crawlers?: boolean;
  json_response_enabled?: boolean;
  bypass?: Array<BypassRule>;
  target_url?: string;
  allowed_return_hosts?: Array<string>;
  autopilot?: Autopilot | null;
  members_only?: boolean;
  members_until?: string | null;
  lanes?: Array<Lane>;
  newcomers_per_address?: number | null;
  proof_of_work?: boolean;
  captcha?: boolean;
  identity?: "email" | "none" | "passkey";
  accounts_before?: string | null;
  suspects_lane?: string;
  exact_within?: number | null;
  parts?: number;
  visitor_events?: boolean;
  room_id: string;
}

/** The room of a new event: any settings; its name defaults to the event's. */
export interface NewRoomOfEvent {
  admission_rate_per_minute?: number;
  burst?: number | null;
  active_visitors_max?: number | null;
  claim_window_s?: number;
  unclaimed_per_network_max?: number | null;
  session_ttl_s?: number;
  visitors_per_ticket_max?: number;
  session_ends_on_confirm?: boolean;
  restore_window_s?: number;
  queueing_method?: "fifo" | "lottery";
  draw_entropy?: "beacon" | "entries" | "none";
  prequeue_at?: string | null;
  opens_at?: string | null;
  closes_at?: string | null;
  message?: string;
  locale?: string;
  theme?: Theme;
  public?: boolean;
  test?: boolean;
  session_renews?: boolean;
  session_max_s?: number | null;
  gate_mode?: "auto" | "off" | "queue_all";
  gate_fail?: "closed" | "open";
  pass_ip_bound?: boolean;
  signing_algorithm?: "ES256" | "EdDSA" | "RS256";
  verified_crawlers?: boolean;
  json_response_enabled?: boolean;
  bypass?: Array<BypassRule>;
  target_url?: string;
  allowed_return_hosts?: Array<string>;
  autopilot?: Autopilot | null;
  members_only?: boolean;
  members_until?: string | null;
  lanes?: Array<Lane>;
  newcomers_per_address?: number | null;
  proof_of_work?: boolean;
  captcha?: boolean;
  identity?: "email" | "none" | "passkey";
  accounts_before?: string | null;
  suspects_lane?: string;
  exact_within?: number | null;
  parts?: number;
  visitor_events?: boolean;
  name?: string;
  room_id?: string | null;
}

/** One seat. Consecutive numbers in a row are adjacent seats; `label`: the name shown. */
export interface NewSeat {
  section: string;
  row: string;
  number: number;
  price: number;
  kind?: "" | "accessible" | "companion";
  label?: string;
}

/** Whole sections or a list of seats, not both. `grow`: existing sections get the new seats. */
export interface NewSeats {
  sections?: Array<NewSection>;
  seats?: Array<NewSeat>;
  grow?: boolean;
}

/** A section with a number of rows, a, b, c ... z, aa, ab ..., each with the seats 1 to `seats_per_row`. `blocks` instead: for each row, from the front, the sizes of its blocks of seats, with aisles between; the last entry applies to all rows behind it. `row_names`: the names of all rows, else letters or numbers. */
export interface NewSection {
  name: string;
  price: number;
  rows: number;
  seats_per_row?: number | null;
  ticket_type_id?: string | null;
  sale_from?: string | null;
  sale_until?: string | null;
  hidden?: boolean;
  tax_rate_bp?: number;
  blocks?: Array<Array<number>>;
  row_names?: Array<string>;
  naming?: "letters" | "numbers";
  numbering?: "even" | "left" | "odd" | "outwards" | "right";
}

/** A ticket type to be sold. */
export interface NewTicketType {
  ticket_type_id: string;
  name: string;
  price: number;
  quantity: number;
  sale_from?: string | null;
  sale_until?: string | null;
  hidden?: boolean;
  tax_rate_bp?: number;
}

/** Where to send events, and which; without types all of them, including future ones. */
export interface NewWebhook {
  url: string;
  types?: Array<"alert.ended" | "alert.started" | "payment.declined" | "payment.failed" | "payment.refunded" | "payment.succeeded" | "reservation.cancelled" | "reservation.confirmed" | "reservation.expired" | "reservation.held" | "room.closed" | "room.deleted" | "room.opened" | "room.paused" | "room.rate_changed" | "room.reset" | "room.resumed" | "room.sold_out" | "room.visitor_events_dropped" | "visitor.called" | "visitor.claimed" | "visitor.joined" | "visitor.left" | "visitor.no_show">;
  description?: string;
}

/** The newest head of a room's log, and the public keys (JWK) of all who ever signed one. `origin` and `vkey` are what the log and its newest key are called in checkpoints. */
export interface NewestHead {
  room_id: string;
  head: HeadDocument | null;
  keys: Array<Record<string, unknown>>;
  origin: string;
  vkey: string | null;
}

/** Not now; ask again later. */
export interface NotYet {
  error: string;
}

/** Which queue: `event_id` is the room's id. */
export interface OfEvent {
  event_id: string;
}

/** Whose place, in which queue. */
export interface OfRequest {
  event_id: string;
  request_id: string;
}

/** One order of a list; `email`: its visitor's address, if they left one. */
export interface OrderDocument {
  reservation_id: string;
  event_id: string;
  event_name: string;
  visitor_id: string;
  email: string | null;
  status: string;
  quantity: number;
  amount: number;
  currency: string;
  created_at: string;
}

/** Everything known about the shop's health, and the autopilot's state. */
export interface OriginDocument {
  room_id: string;
  admission_rate_per_minute: number;
  autopilot: Autopilot | null;
  health: HealthDocument | null;
  servers: Array<ServerDocument>;
  last_decision: DecisionDocument | null;
  last_change: DecisionDocument | null;
  prometheus_trouble: string;
}

/** The health of one of the shop's servers over the last few seconds. `error_rate` is a share: 0.01 is one in 100. */
export interface OriginReport {
  p95_ms: number;
  error_rate: number;
  in_flight?: number | null;
  server?: string;
  at?: string | null;
}

/** The basis for estimated waits: the k-th in the queue waits the lesser of k `first_s` and `base_s` + k `each_s`. `ranges` has the p50 and p90 for some of these waits, as [wait, p50, p90]; interpolate linearly between them. Changes without notice only ever shorten waits. */
export interface PaceDocument {
  first_s: number;
  base_s: number;
  each_s: number;
  ranges: Array<Array<number>>;
}

/** A page of a list. */
export interface Page_AlertDocument_ {
  items: Array<AlertDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_AuditEntry_ {
  items: Array<AuditEntry>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_CodeSet_ {
  items: Array<CodeSet>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_CodeUse_ {
  items: Array<CodeUse>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_EventDocument_ {
  items: Array<EventDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_Guest_ {
  items: Array<Guest>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_KeyDocument_ {
  items: Array<KeyDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_ListedRoom_ {
  items: Array<ListedRoom>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_OrderDocument_ {
  items: Array<OrderDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_ReservationDocument_ {
  items: Array<ReservationDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_RoomInvite_ {
  items: Array<RoomInvite>;
  total: number;
  page: number;
  per_page: number;
}

/** A page of a list. */
export interface Page_WebhookDocument_ {
  items: Array<WebhookDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** The external payment's `reference`, if it has one. */
export interface PaidBody {
  reference?: string | null;
}

/** Passes issued, by reason. */
export interface PassesGiven {
  no_crowd: number;
  by_turn: number;
  by_ticket: number;
  renewed: number;
}

/** The current password, and the new one. */
export interface PasswordChange {
  password: string;
  new_password: string;
}

/** A reservation with a pending payment, and where its buyer continues. At `continue_url`, a page of the gateway; or on the shop's own page with the gateway's script, which takes the `client_secret`. Both are empty while only the gateway has to act. */
export interface PayingDocument {
  reservation_id: string;
  event_id: string;
  visitor_id: string;
  status: "cancelled" | "confirmed" | "expired" | "held" | "paying";
  items: Array<ReservedItem>;
  seat_ids: Array<string>;
  amount: number;
  currency: string;
  created_at: string | null;
  expires_at: string | null;
  confirmed_at: string | null;
  tickets: Array<TicketDocument>;
  extendable: boolean;
  code: string | null;
  discount: number;
  fee: number;
  tax: number;
  refunded: number;
  continue_url: string;
  client_secret: string;
}

/** How to pay. The amount comes from the reservation. */
export interface PaymentBody {
  method: string;
  token: string;
}

/** The centre of a section: `x` to the right of the hall's centre line, `y` away from the stage; and its turn. The origin is the point behind the stage around which the rings curve. At 0 degrees a section faces the stage; one to the right of it is turned by more, one to the left by less. */
export interface Place {
  x: number;
  y: number;
  turn?: number;
}

/** The fields of a place that its visitor can change while waiting. */
export interface PlaceChange {
  quantity: number;
}

/** A visitor's place. */
export interface PlaceDocument {
  room_id: string;
  visitor_id: string;
  state: "active" | "called" | "done" | "expired" | "left" | "no_show" | "prequeue" | "removed" | "waiting";
  queue_number: number | null;
  queue_position: number | null;
  wait_s: WaitRange | null;
  slower: SlowerDocument | null;
  poll_after_s: number;
  claim_by: string | null;
  session_expires_at: string | null;
  quantity: number;
  place_token: string;
  lane?: number;
  about?: boolean;
}

/** A section with a position. */
export interface PlacedSection {
  x: number;
  y: number;
  turn?: number;
  ticket_type_id: string;
}

/** What the gate would do. The last of `steps` decides; `status` is the response to a proxy. */
export interface Preview {
  outcome: "gets_pass" | "passes" | "queues" | "refused";
  status: number;
  decided_by: "bypass" | "crawler" | "crowd" | "gate_mode" | "origin" | "pass" | "ticket" | "turn";
  bypass_rule: BypassRule | null;
  bypass_number: number | null;
  steps: Array<PreviewStep>;
}

/** A rule that was checked, and its result. */
export interface PreviewStep {
  rule: "bypass" | "crawler" | "crowd" | "gate_mode" | "origin" | "pass" | "ticket" | "turn";
  says: string;
}

/** The body of every error; some codes add members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
}

/** The web process that gave this response; another one may give the next. */
export interface ProcessFigures {
  uptime_s: number;
  answered: number;
}

/** Where to query the shop's health, every few seconds. Each query must return one number. */
export interface PrometheusSource {
  url: string;
  p95_ms: string;
  error_rate: string;
  in_flight?: string;
}

/** The shop's address that accepts its configuration. */
export interface PushTo {
  url: string;
}

/** The version that the shop accepted. */
export interface Pushed {
  version: number;
}

/** A question of the sale's own; only a `choice` has `options`. */
export interface Question {
  question_id: string;
  label: string;
  kind?: "choice" | "text" | "yes";
  options?: Array<string>;
  required?: boolean;
}

/** A queue, or several together. Counters start with the room, or the last loss of Redis. */
export interface QueueFigures {
  waiting: number;
  called: number;
  active: number;
  outflow_per_minute: number;
  stream_backlog: number;
  joined: number;
  admitted: number;
  no_shows: number;
  claimed: number;
  expired: number;
  left: number;
  done: number;
}

/** A place; `entry_time` in seconds. */
export interface QueueNumber {
  queue_number: number;
  entry_time: number;
  event_id: string;
  status?: 1;
}

/** `status` for everybody: `ok` or `unavailable`. For operators also each part: `ok` or the reason. */
export interface Ready {
  status?: string;
  redis?: string;
  postgres?: string;
  worker?: string;
  loops?: string;
  process?: string;
  warnings?: Array<string>;
}

/** The content of a visitor's signed receipt: that they have, or had, this place in the queue. */
export interface Receipt {
  room_id: string;
  generation: string;
  visitor_id: string;
  visitor: string | null;
  state: string;
  queue_number: number | null;
  leaf: number | null;
  at_ms: number;
}

/** A receipt to keep: `statement` is a JWS with the content of `receipt`, `key` verifies it (JWK). */
export interface ReceiptDocument {
  receipt: Receipt;
  statement: string;
  key: Record<string, unknown>;
}

/** What to refund of an order, in minor units; without an amount: the price of the tickets. The tickets listed are cancelled, and go back on sale unless `to_stock` is false. */
export interface RefundBody {
  amount?: number | null;
  ticket_ids?: Array<string>;
  to_stock?: boolean;
  reason?: string;
}

/** A partial refund: `owed` until the gateway has made it (`done`) or refused it (`failed`, with `why`). `codes` are those of the tickets cancelled with it. */
export interface RefundDocument {
  refund_id: string;
  amount: number;
  currency: string;
  codes: Array<string>;
  to_stock: boolean;
  reason: string;
  state: "done" | "failed" | "owed";
  why: string;
}

/** The progress of all refunds of a sale in one currency, in minor units. */
export interface RefundSumsDocument {
  currency: string;
  done: number;
  under_way: number;
  refused: number;
}

/** The partial refunds of an order, oldest first. */
export interface RefundsDocument {
  items: Array<RefundDocument>;
}

/** Counts of all web processes, including dead ones, since `since`; they restart at 0 if Redis is lost. */
export interface RequestFigures {
  since: string | null;
  answered: number;
  refused: Record<string, number>;
  reservations_refused: Record<string, number>;
}

/** A reservation. */
export interface ReservationDocument {
  reservation_id: string;
  event_id: string;
  visitor_id: string;
  status: "cancelled" | "confirmed" | "expired" | "held" | "paying";
  items: Array<ReservedItem>;
  seat_ids: Array<string>;
  amount: number;
  currency: string;
  created_at: string | null;
  expires_at: string | null;
  confirmed_at: string | null;
  tickets: Array<TicketDocument>;
  extendable: boolean;
  code: string | null;
  discount: number;
  fee: number;
  tax: number;
  refunded: number;
}

/** The number of reservations by state in Postgres; at most a few seconds old. */
export interface ReservationFigures {
  made: number;
  made_last_minute: number;
  held: number;
  paying: number;
  confirmed: number;
  cancelled: number;
  expired: number;
}

/** Which tickets to hold, all or none: counted ones, particular seats, or the best available ones. */
export interface ReserveBody {
  items?: Array<ReserveItem>;
  seat_ids?: Array<string>;
  best_available?: ReserveItem;
  code?: string;
}

/** Tickets of one type. */
export interface ReserveItem {
  ticket_type_id: string;
  quantity: number;
}

/** Tickets of one type; `price` is for each. */
export interface ReservedItem {
  ticket_type_id: string;
  quantity: number;
  price: number;
}

/** The link's token, and the new password. */
export interface Reset {
  token: string;
  new_password: string;
}

/** The e-mail of the account whose password was forgotten. */
export interface ResetAsked {
  email: string;
}

/** The result of a scan. `first`: the check-in that counts. `also`: another device had already let the holder in with a later scan, which this one replaces. `sale`: the sale of the ticket, if it is another one. */
export interface Result {
  scan_id: string;
  verdict: "already" | "checked_in" | "other_sale" | "undone" | "unknown" | "void";
  ticket_type?: string;
  seat?: string;
  name?: string;
  sale?: string;
  first?: Checked | null;
  also?: Checked | null;
}

/** A room for staff: its settings and state. */
export interface RoomDocument {
  name: string;
  admission_rate_per_minute?: number;
  burst?: number | null;
  active_visitors_max?: number | null;
  claim_window_s?: number;
  unclaimed_per_network_max?: number | null;
  session_ttl_s?: number;
  visitors_per_ticket_max?: number;
  session_ends_on_confirm?: boolean;
  restore_window_s?: number;
  queueing_method?: "fifo" | "lottery";
  draw_entropy?: "beacon" | "entries" | "none";
  prequeue_at?: string | null;
  opens_at?: string | null;
  closes_at?: string | null;
  message?: string;
  locale?: string;
  theme?: Theme;
  public?: boolean;
  test?: boolean;
  session_renews?: boolean;
  session_max_s?: number | null;
  gate_mode?: "auto" | "off" | "queue_all";
  gate_fail?: "closed" | "open";
  pass_ip_bound?: boolean;
  signing_algorithm?: "ES256" | "EdDSA" | "RS256";
  verified_crawlers?: boolean;
  json_response_enabled?: boolean;
  bypass?: Array<BypassRule>;
  target_url?: string;
  allowed_return_hosts?: Array<string>;
  autopilot?: Autopilot | null;
  members_only?: boolean;
  members_until?: string | null;
  lanes?: Array<Lane>;
  newcomers_per_address?: number | null;
  proof_of_work?: boolean;
  captcha?: boolean;
  identity?: "email" | "none" | "passkey";
  accounts_before?: string | null;
  suspects_lane?: string;
  exact_within?: number | null;
  parts?: number;
  visitor_events?: boolean;
  room_id: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  opened_at: string | null;
  closed_at: string | null;
  draw: Draw | null;
}

/** Points in chronological order, `step_s` apart; further apart where figures are missing. For a step, waiting, inside and backlog are maxima. There are at most 900 points. */
export interface RoomHistory {
  room_id: string;
  range: "15m" | "1h" | "5m" | "sale";
  step_s: number;
  points: Array<HistoryPoint>;
}

/** An invitation and its state. */
export interface RoomInvite {
  invite_id: string;
  email: string;
  state: "not_sent" | "on_its_way" | "sent" | "used" | "withdrawn";
  invited_at: string;
  used_at: string | null;
}

/** RoomPatch. */
export interface RoomPatch {
  name?: string;
  admission_rate_per_minute?: number;
  burst?: number | null;
  active_visitors_max?: number | null;
  claim_window_s?: number;
  unclaimed_per_network_max?: number | null;
  session_ttl_s?: number;
  visitors_per_ticket_max?: number;
  session_ends_on_confirm?: boolean;
  restore_window_s?: number;
  queueing_method?: "fifo" | "lottery";
  draw_entropy?: "beacon" | "entries" | "none";
  prequeue_at?: string | null;
  opens_at?: string | null;
  closes_at?: string | null;
  message?: string;
  locale?: string;
  theme?: Theme;
  public?: boolean;
  test?: boolean;
  session_renews?: boolean;
  session_max_s?: number | null;
  gate_mode?: "auto" | "off" | "queue_all";
  gate_fail?: "closed" | "open";
  pass_ip_bound?: boolean;
  signing_algorithm?: "ES256" | "EdDSA" | "RS256";
  verified_crawlers?: boolean;
  json_response_enabled?: boolean;
  bypass?: Array<BypassRule>;
  target_url?: string;
  allowed_return_hosts?: Array<string>;
  autopilot?: Autopilot | null;
  members_only?: boolean;
  members_until?: string | null;
  lanes?: Array<Lane>;
  newcomers_per_address?: number | null;
  proof_of_work?: boolean;
  captcha?: boolean;
  identity?: "email" | "none" | "passkey";
  accounts_before?: string | null;
  suspects_lane?: string;
  exact_within?: number | null;
  parts?: number;
  visitor_events?: boolean;
}

/** The queue of one room. */
export interface RoomQueueFigures {
  waiting: number;
  called: number;
  active: number;
  outflow_per_minute: number;
  stream_backlog: number;
  joined: number;
  admitted: number;
  no_shows: number;
  claimed: number;
  expired: number;
  left: number;
  done: number;
  room_id: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  opened_at: string | null;
  admission_rate_per_minute: number;
}

/** The settings of a room (api.md, "Room settings"); stored as one JSON document in Postgres. */
export interface RoomSettings {
  name: string;
  admission_rate_per_minute?: number;
  burst?: number | null;
  active_visitors_max?: number | null;
  claim_window_s?: number;
  unclaimed_per_network_max?: number | null;
  session_ttl_s?: number;
  visitors_per_ticket_max?: number;
  session_ends_on_confirm?: boolean;
  restore_window_s?: number;
  queueing_method?: "fifo" | "lottery";
  draw_entropy?: "beacon" | "entries" | "none";
  prequeue_at?: string | null;
  opens_at?: string | null;
  closes_at?: string | null;
  message?: string;
  locale?: string;
  theme?: Theme;
  public?: boolean;
  test?: boolean;
  session_renews?: boolean;
  session_max_s?: number | null;
  gate_mode?: "auto" | "off" | "queue_all";
  gate_fail?: "closed" | "open";
  pass_ip_bound?: boolean;
  signing_algorithm?: "ES256" | "EdDSA" | "RS256";
  verified_crawlers?: boolean;
  json_response_enabled?: boolean;
  bypass?: Array<BypassRule>;
  target_url?: string;
  allowed_return_hosts?: Array<string>;
  autopilot?: Autopilot | null;
  members_only?: boolean;
  members_until?: string | null;
  lanes?: Array<Lane>;
  newcomers_per_address?: number | null;
  proof_of_work?: boolean;
  captcha?: boolean;
  identity?: "email" | "none" | "passkey";
  accounts_before?: string | null;
  suspects_lane?: string;
  exact_within?: number | null;
  parts?: number;
  visitor_events?: boolean;
}

/** Counters and percentiles of one room since its opening. */
export interface RoomStats {
  waiting: number;
  called: number;
  active: number;
  outflow_per_minute: number;
  stream_backlog: number;
  joined: number;
  admitted: number;
  no_shows: number;
  claimed: number;
  expired: number;
  left: number;
  done: number;
  room_id: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  opened_at: string | null;
  admission_rate_per_minute: number;
  wait_s: Waits | null;
  reservations: ReservationFigures | null;
}

/** A current bypass rule of the room, and how many requests it let through. */
export interface RuleFigures {
  rule: BypassRule;
  requests: number;
}

/** A code read by a device. `scan_id` is generated by the device: the same one sent twice is one scan. */
export interface Scan {
  scan_id: string;
  code: string;
  at?: string | null;
}

/** A device's scans, in the order it made them. */
export interface Scans {
  device: string;
  scans: Array<Scan>;
}

/** The seats of an event, the best rows of a section first, with the state of each. */
export interface SeatMapDocument {
  event_id: string;
  currency: string;
  states: SeatStates;
  sections: Array<SeatSectionDocument>;
  updated_at: string;
}

/** The sections with a position; all others go where they fit, in rings around the stage. */
export interface SeatPlan {
  sections: Array<PlacedSection>;
}

/** A row: `states` has a character for each seat number from `first` on; `-` is a gap. `kinds` likewise has a character for each, present if some seats are not for everybody: `a` for an accessible seat, `c` for a companion seat, which is sold together with the accessible one next to it. `labels` has an item for each, present if seats are not named by their numbers. */
export interface SeatRowDocument {
  row: string;
  first: number;
  states: string;
  kinds?: string;
  labels?: Array<string>;
}

/** A section, which is a ticket type. `seat_id` is a pattern for the row and the number or label. */
export interface SeatSectionDocument {
  ticket_type_id: string;
  name: string;
  price: number;
  seat_id: string;
  free: number;
  held: number;
  sold: number;
  total: number;
  sale_from: string | null;
  sale_until: string | null;
  rows: Array<SeatRowDocument>;
  plan?: Place | null;
}

/** The meaning of the characters in `states`. */
export interface SeatStates {
  f?: string;
  h?: string;
  s?: string;
  b?: string;
}

/** The seats changed as requested (or already so), and those left alone because somebody has them. */
export interface SeatsChangedDocument {
  done: Array<string>;
  taken: Array<string>;
}

/** The created sections, each a ticket type, and their total number of seats. */
export interface SeatsMadeDocument {
  event_id: string;
  ticket_types: Array<TicketTypeDocument>;
  seats: number;
}

/** The last report of one server. */
export interface ServerDocument {
  p95_ms: number;
  error_rate: number;
  in_flight: number | null;
  heard_at: string | null;
  server: string;
}

/** The last queue number called. */
export interface ServingCounter {
  serving_counter: number;
}

/** The serving counter after the increment. */
export interface ServingNumber {
  serving_num: number;
}

/** A renewed session. */
export interface SessionDocument {
  sid: string;
  session_expires_at: string | null;
}

/** The rules of all sites; in responses, in the order in which they are tried. */
export interface SiteList {
  sites: Array<SiteRule>;
}

/** Assigns requests to a host, a path and a method to a room. */
export interface SiteRule {
  host: string;
  path_prefix?: string;
  method?: string;
  room_id: string;
}

/** Since when waits may be longer than shown before, and why. The queue was paused, staff lowered the rate, or fewer visitors per minute are measured to enter. */
export interface SlowerDocument {
  since: string | null;
  why: "paused" | "rate_lowered" | "slower";
}

/** The shared status document of a room: the same for everyone. */
export interface StatusDocument {
  room_id: string;
  name: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  serving_position: number;
  waiting: number;
  called: number;
  active: number;
  outflow_per_minute: number;
  admission_rate_per_minute: number;
  prequeue_at: string | null;
  opens_at: string | null;
  closes_at: string | null;
  message: string;
  available: number | null;
  held: number | null;
  draw: Draw | null;
  updated_at: string | null;
  pace: PaceDocument | null;
  blocked: "" | "cap" | "held" | "not_on_sale_yet" | "nothing_on_sale" | "rate" | "sale_over" | null;
  slower: SlowerDocument | null;
  still_since: string | null;
  epoch: number;
  members_only?: boolean;
  lanes?: Array<LaneDocument>;
  stale?: boolean;
}

/** A Stripe message. Other fields and types are ignored. */
export interface StripeMessage {
  id: string;
  type: string;
  data: StripeSubject;
}

/** The subject of a Stripe message. */
export interface StripeSubject {
  object: Record<string, unknown>;
}

/** The look of a room's pages; empty fields use the default look. `core/theme.py` checks more of it. */
export interface Theme {
  accent?: string;
  paper?: string;
  logo?: string;
  cover?: string;
  welcome?: string;
  footer?: string;
  terms?: string;
  privacy?: string;
  imprint?: string;
}

/** A ticket of a confirmed reservation; if it was transferred, only its new holder gets the code. */
export interface TicketDocument {
  ticket_id: string;
  ticket_type_id: string;
  seat_id: string | null;
  code: string;
  transferred?: boolean;
}

/** A ticket type and its counts. */
export interface TicketTypeDocument {
  ticket_type_id: string;
  name: string;
  price: number;
  free: number;
  held: number;
  sold: number;
  total: number;
  sale_from: string | null;
  sale_until: string | null;
  hidden: boolean;
  tax_rate_bp: number;
}

/** The changeable fields of a ticket type. */
export interface TicketTypePatch {
  name?: string;
  price?: number;
  quantity?: number;
  sale_from?: string | null;
  sale_until?: string | null;
  hidden?: boolean;
  tax_rate_bp?: number;
}

/** The session as JWTs that differ only in `token_use`. */
export interface TokenSet {
  access_token: string;
  refresh_token: string;
  id_token: string;
  expires_in: number;
  token_type?: "Bearer";
}

/** Which ticket, and to whom. `locale`: the language of the e-mail, by default the page's. */
export interface TransferBody {
  ticket_id: string;
  email: string;
  locale?: string;
}

/** A ticket offered to somebody who has not accepted it yet. */
export interface TransferDocument {
  ticket_id: string;
  email: string;
}

/** The tickets of a reservation that are currently offered. Accepted ones are `transferred` there. */
export interface TransfersDocument {
  items: Array<TransferDocument>;
}

/** The tickets of a type: how many exist, and how many were checked in. */
export interface TypeCount {
  name: string;
  tickets: number;
  checked_in: number;
}

/** The scan whose check-in is to be undone. */
export interface UndoneScan {
  scan_id: string;
}

/** A match on addresses of the shop. */
export interface UrlRule {
  part?: "HostName" | "PagePath" | "PageUrl";
  operator?: "Contains" | "Equals";
  value: string;
  negative?: boolean;
  ignore_case?: boolean;
}

/** The estimated wait in seconds: median and 90th percentile. */
export interface WaitRange {
  p50: number;
  p90: number;
}

/** How many visitors have no token yet. */
export interface WaitingNumber {
  waiting_num: number;
}

/** How long called visitors had waited: percentiles in seconds. */
export interface Waits {
  p50: number;
  p90: number;
  p99: number;
}

/** A webhook, and its deliveries: pending ones, and those that failed after a day of retries. */
export interface WebhookDocument {
  webhook_id: string;
  url: string;
  types: Array<string>;
  description: string;
  created_at: string;
  disabled_at: string | null;
  pending: number;
  given_up: number;
  last_failure: string | null;
  last_failure_at: string | null;
}
