// Documents of the API. Made by `generate.py` from the contract; do not edit.

/** The reservation is being processed; ask again at its address. */
export interface Accepted {
  reservation_id: string;
}

/** An access token, good for 12 hours. */
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

/** What one can change of one's own account. */
export interface AccountPatch {
  name: string;
}

/** How many to let in. */
export interface AdvanceBody {
  count: number;
}

/** How many were called, and the queue after it. */
export interface AdvanceDocument {
  room_id: string;
  advanced: number;
  limited_by: "cap" | "nobody" | "skipped" | "tickets" | null;
  serving_position: number;
  waiting: number;
  called: number;
  active: number;
}

/** Something that is or was wrong. */
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

/** By what the place is known from now on: whoever has it acts for the visitor. */
export interface Assigned {
  api_request_id: string;
}

/** One change. `before` and `after` hold the fields that differ; null: it was made, or deleted. */
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

/** A claimed booking token. */
export interface BookingTokenDocument {
  booking_token: string;
  expires_at: string | null;
  token_type?: "Bearer";
}

/** Who passes the gate without a turn: whoever fits all that it says (`core/gating.py`). */
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

/** Requests that passed without a turn, by why. */
export interface Bypassed {
  rules: Array<RuleFigures>;
  former_rules: number;
  gate_mode: number;
  gate_fail: number;
  crawlers: number;
}

/** The code in the mail that asks for a confirmation. */
export interface CodeBody {
  code: string;
}

/** A payment for the hold; tickets that are free need none. */
export interface ConfirmBody {
  payment?: PaymentBody | null;
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

/** What the autopilot decided, and why. */
export interface DecisionDocument {
  at: string | null;
  direction: "down" | "hold" | "up";
  rate_from: number;
  rate_to: number;
  why: string;
}

/** A request as a visitor would send it to the site. Without `Accept` a browser opens a page. */
export interface Described {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  client?: string;
}

/** What was done. */
export interface Done {
  message: string;
}

/** What is published of a lottery: the commitment at once, the seed after the opening. */
export interface Draw {
  commitment: string;
  seed: string | null;
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
  ticket_types: Array<TicketTypeDocument>;
  seated: boolean;
  published: boolean;
}

/** What can be changed of an event. */
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
  published?: boolean;
}

/** What happened at the gate since the room was made or reset; each request is counted once. Each web process adds its counts every second: one that is killed takes up to a second of them with it. */
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

/** What the gateway says about a payment. Other fields and types are ignored. */
export interface GatewayMessage {
  type: string;
  data?: unknown;
}

/** The shop's health: p95 and errors of the worst server, requests in flight of all. */
export interface HealthDocument {
  p95_ms: number;
  error_rate: number;
  in_flight: number | null;
  heard_at: string | null;
}

/** A moment of a room, or the step that ended then. Null: there is none, or it is not known. */
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

/** How many more are let in. The counter does not go back: whoever was called stays called. */
export interface Increment {
  event_id: string;
  increment_by: number;
}

/** The whole installation. All is true for all processes together, but `this_process`. */
export interface InstallationStats {
  lines: QueueFigures;
  rooms: Array<RoomQueueFigures>;
  reservations: ReservationFigures;
  requests: RequestFigures;
  workers: number;
  this_process: ProcessFigures;
  updated_at: string | null;
}

/** Optional fields of a join. */
export interface JoinBody {
  email?: string | null;
  locale?: string | null;
  invite?: null;
  proof?: null;
  quantity?: number | null;
}

/** A key, without itself. `last_used_at` is right within a minute; `live`: good for a call now. */
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

/** The shared status document; with `all` also what staff see of a room. */
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
}

/** A key that has just been created. `key` is shown only here; send it as `Authorization: Bearer`. */
export interface MadeKey {
  key_id: string;
  name: string;
  role: string;
  created_at: string;
  expires_at: string | null;
  key: string;
}

/** A webhook that has just been created. Its secret is shown only here. */
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

/** A registration. The password appears in no log and no response. */
export interface NewAccount {
  email: string;
  name: string;
  password: string;
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
  published?: boolean;
  room?: NewRoomOfEvent;
}

/** A key to create: its name, its limits, and when it expires; null: when it is revoked. `network`: from where it may be used, as `203.0.113.0/24`; empty: from anywhere. `scopes`: which calls it may make of those of its role; null: all. `events`: which events it acts on, and their rooms; null: all. */
export interface NewKey {
  name: string;
  role: "admin" | "operator";
  expires_at?: string | null;
  network?: string;
  scopes?: Array<"alerts:read" | "alerts:write" | "audit:read" | "events:read" | "events:write" | "keys:read" | "keys:write" | "origin:write" | "reservations:read" | "reservations:write" | "rooms:read" | "rooms:write" | "sessions:write" | "stats:read" | "webhooks:read" | "webhooks:write"> | null;
  events?: Array<string> | null;
}

/** A room without an event: settings, all but the name with a default. */
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
  visitor_events?: boolean;
  room_id: string;
}

/** The room of a new event: any settings; without a name it takes the event's. */
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
  visitor_events?: boolean;
  name?: string;
  room_id?: string | null;
}

/** One seat. Seats of a row are next to each other when their numbers are. */
export interface NewSeat {
  section: string;
  row: string;
  number: number;
  price: number;
}

/** Whole sections, or a list of seats; not both. */
export interface NewSeats {
  sections?: Array<NewSection>;
  seats?: Array<NewSeat>;
}

/** A section of so many rows, a, b, c ... z, aa, ab ..., each with the seats 1 to `seats_per_row`. */
export interface NewSection {
  name: string;
  price: number;
  rows: number;
  seats_per_row: number;
  ticket_type_id?: string | null;
  sale_from?: string | null;
  sale_until?: string | null;
}

/** A ticket type to be sold. */
export interface NewTicketType {
  ticket_type_id: string;
  name: string;
  price: number;
  quantity: number;
  sale_from?: string | null;
  sale_until?: string | null;
}

/** Where to send events, and which; without types all of them, future ones included. */
export interface NewWebhook {
  url: string;
  types?: Array<"alert.ended" | "alert.started" | "payment.declined" | "payment.failed" | "payment.refunded" | "payment.succeeded" | "reservation.cancelled" | "reservation.confirmed" | "reservation.expired" | "reservation.held" | "room.closed" | "room.deleted" | "room.opened" | "room.paused" | "room.rate_changed" | "room.reset" | "room.resumed" | "room.sold_out" | "room.visitor_events_dropped" | "visitor.called" | "visitor.claimed" | "visitor.joined" | "visitor.left" | "visitor.no_show">;
  description?: string;
}

/** Not now: ask again. */
export interface NotYet {
  error: string;
}

/** Which queue: `event_id` is the room's id. */
export interface OfEvent {
  event_id: string;
}

/** Whose place in which queue. */
export interface OfRequest {
  event_id: string;
  request_id: string;
}

/** One order of a list; `email`: where its visitor is reached, if they left an address. */
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

/** What is known of the shop, and what the autopilot made of it. */
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

/** How a server of the shop is, over the last few seconds. `error_rate` is a share: 0.01 is one in 100. */
export interface OriginReport {
  p95_ms: number;
  error_rate: number;
  in_flight?: number | null;
  server?: string;
  at?: string | null;
}

/** What waits are estimated from: the k-th in the queue waits the lesser of k `first_s` and `base_s` + k `each_s`. That is the p50; the p90 is 1.2 times that and 5 s more. It changes without warning only to shorter waits. */
export interface PaceDocument {
  first_s: number;
  base_s: number;
  each_s: number;
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
export interface Page_EventDocument_ {
  items: Array<EventDocument>;
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
export interface Page_WebhookDocument_ {
  items: Array<WebhookDocument>;
  total: number;
  page: number;
  per_page: number;
}

/** The payment's `reference` elsewhere, if it has one. */
export interface PaidBody {
  reference?: string | null;
}

/** Passes that were given, by what for. */
export interface PassesGiven {
  no_crowd: number;
  by_turn: number;
  by_ticket: number;
  renewed: number;
}

/** The password there is, and the one there will be. */
export interface PasswordChange {
  password: string;
  new_password: string;
}

/** A reservation whose payment has no outcome yet, and where its buyer goes on. At `continue_url`, a page of the gateway's; or on the shop's own page with the gateway's script, which takes the `client_secret`. Both are empty while only the gateway is asked. */
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
  continue_url: string;
  client_secret: string;
}

/** How to pay. The amount comes from the reservation. */
export interface PaymentBody {
  method: string;
  token: string;
}

/** What a visitor may change of their place while they wait. */
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
}

/** What the gate would do. The last of `steps` decides; `status` is what a proxy would be answered. */
export interface Preview {
  outcome: "gets_pass" | "passes" | "queues" | "refused";
  status: number;
  decided_by: "bypass" | "crawler" | "crowd" | "gate_mode" | "origin" | "pass" | "ticket" | "turn";
  bypass_rule: BypassRule | null;
  bypass_number: number | null;
  steps: Array<PreviewStep>;
}

/** A rule that was looked at, and what it says. */
export interface PreviewStep {
  rule: "bypass" | "crawler" | "crowd" | "gate_mode" | "origin" | "pass" | "ticket" | "turn";
  says: string;
}

/** The body of every error; some codes add members of their own. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
}

/** The web process that gave this answer; another one may give the next. */
export interface ProcessFigures {
  uptime_s: number;
  answered: number;
}

/** Where the shop's health is asked for, every few seconds. Each query gives one number. */
export interface PrometheusSource {
  url: string;
  p95_ms: string;
  error_rate: string;
  in_flight?: string;
}

/** Where the shop takes its configuration. */
export interface PushTo {
  url: string;
}

/** The version that the shop accepted. */
export interface Pushed {
  version: number;
}

/** A queue, or several together. Counters begin with the room, or with the last loss of Redis. */
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

/** For everybody `status`: `ok` or `unavailable`. For operators, each part: `ok` or the reason. */
export interface Ready {
  status?: string;
  redis?: string;
  postgres?: string;
  worker?: string;
  loops?: string;
  process?: string;
  warnings?: Array<string>;
}

/** What all web processes counted, dead ones too, since `since`: a lost Redis begins at 0. */
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
}

/** How reservations stand, in Postgres; a few seconds old at most. */
export interface ReservationFigures {
  made: number;
  made_last_minute: number;
  held: number;
  paying: number;
  confirmed: number;
  cancelled: number;
  expired: number;
}

/** Which tickets to hold, all of them or none: counted ones, these seats, or the best seats there are. */
export interface ReserveBody {
  items?: Array<ReserveItem>;
  seat_ids?: Array<string>;
  best_available?: ReserveItem;
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

/** Whose password was forgotten. */
export interface ResetAsked {
  email: string;
}

/** A room as staff see it: its settings and state. */
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
  visitor_events?: boolean;
  room_id: string;
  event_id: string | null;
  state: "closed" | "open" | "paused" | "prequeue" | "scheduled" | "sold_out";
  opened_at: string | null;
  closed_at: string | null;
  draw: Draw | null;
}

/** Points in the order of time, `step_s` apart; where figures are missing they are further apart. Of a step it is the most that waited, were inside or in the backlog. There are at most 900 points. */
export interface RoomHistory {
  room_id: string;
  range: "15m" | "1h" | "5m" | "sale";
  step_s: number;
  points: Array<HistoryPoint>;
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

/** What staff may set on a room (api.md, "Room settings"); kept as one JSON document in Postgres. */
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

/** A bypass rule that the room has now, and how many requests it let through. */
export interface RuleFigures {
  rule: BypassRule;
  requests: number;
}

/** The seats of an event, the best rows of a section first, and the state of each. */
export interface SeatMapDocument {
  event_id: string;
  currency: string;
  states: SeatStates;
  sections: Array<SeatSectionDocument>;
  updated_at: string;
}

/** A row: `states` has a character for each seat number from `first` on; - is a gap, no seat. */
export interface SeatRowDocument {
  row: string;
  first: number;
  states: string;
}

/** A section, a ticket type; `seat_id` is a pattern: put in the row and the number. */
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
}

/** What the characters of `states` mean. */
export interface SeatStates {
  f?: string;
  h?: string;
  s?: string;
}

/** The created sections, each a ticket type, and how many seats they have in all. */
export interface SeatsMadeDocument {
  event_id: string;
  ticket_types: Array<TicketTypeDocument>;
  seats: number;
}

/** One server's, as it said last. */
export interface ServerDocument {
  p95_ms: number;
  error_rate: number;
  in_flight: number | null;
  heard_at: string | null;
  server: string;
}

/** Up to which queue number visitors were called. */
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

/** The rules of all sites; in an answer those that are tried first are in front. */
export interface SiteList {
  sites: Array<SiteRule>;
}

/** Requests to a host, a path on it, by a method: the room they belong to. */
export interface SiteRule {
  host: string;
  path_prefix?: string;
  method?: string;
  room_id: string;
}

/** Since when waits may be longer than shown before, and why. The line was paused, staff lowered the rate, or fewer people a minute are measured to go in. */
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
  stale?: boolean;
}

/** A message of Stripe. Other fields and types are ignored. */
export interface StripeMessage {
  id: string;
  type: string;
  data: StripeSubject;
}

/** What a message of Stripe is about. */
export interface StripeSubject {
  object: Record<string, unknown>;
}

/** The look of a room's pages; what is empty is as usual. `core/theme.py` checks more of it. */
export interface Theme {
  accent?: string;
  paper?: string;
  logo?: string;
  cover?: string;
  welcome?: string;
  footer?: string;
}

/** A ticket of a confirmed reservation. */
export interface TicketDocument {
  ticket_id: string;
  ticket_type_id: string;
  seat_id: string | null;
  code: string;
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
}

/** What can be changed of a ticket type. */
export interface TicketTypePatch {
  name?: string;
  price?: number;
  quantity?: number;
  sale_from?: string | null;
  sale_until?: string | null;
}

/** The session as JWTs that say the same but for `token_use`. */
export interface TokenSet {
  access_token: string;
  refresh_token: string;
  id_token: string;
  expires_in: number;
  token_type?: "Bearer";
}

/** Which addresses of the shop are meant. */
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

/** How many have no token yet. */
export interface WaitingNumber {
  waiting_num: number;
}

/** How long called visitors had waited: percentiles in seconds. */
export interface Waits {
  p50: number;
  p90: number;
  p99: number;
}

/** A webhook, and how its deliveries go: still to be made, and given up after a day of trying. */
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
