"""The health page: every process and store, as it reports itself or as unreachable."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from quart import Response

from app.core.text import formatting
from app.monitoring import health
from app.monitoring.health import Health, Unreachable
from app.set_aside import retries
from app.set_aside.retries import AGAIN
from app.store.redis.servers import KEEPS_KEYS, RedisNode, faults_of
from app.store.sql.monitoring.server import PostgresState
from app.store.sql.set_aside import SetAside
from app.web.console.frame import console_form, console_page
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

EXPLAINED = {  # by kind of job: its description, and what to do
    "notice": (
        "An event that was not passed on to other systems",
        "It is missing from webhooks, e-mails and the event stream. Fix the cause, then try again.",
    ),
    "mail": ("An e-mail that could not be sent", "Fix the cause, then try again."),
    "webhook": ("An event that could not be sent to a webhook", "Fix the cause, then try again."),
    "reservation": (
        "A request for tickets that could not be processed",
        "The visitor was told and can try again. Please report the reason: this is a bug.",
    ),
}
EXPLAINED_OTHERS = (
    "Something that could not be processed",
    "Please report the reason: this is a bug.",
)
UNITS = ("B", "KB", "MB", "GB", "TB")


class Part(msgspec.Struct, frozen=True):
    """One part: name, state (good, warn, bad), the word for that state, and facts."""

    name: str
    kind: str
    word: str
    facts: list[tuple[str, str]]


class Group(msgspec.Struct, frozen=True):
    """Parts of one kind; `away`: why they cannot be reached."""

    title: str
    parts: list[Part]
    away: str = ""


class SetAsideView(msgspec.Struct, frozen=True):
    """One item that could not be processed: what it is, and what to do about it."""

    item: SetAside
    error: str
    what: str
    advice: str
    href: str  # page with more about it; "" if there is none
    again: bool  # whether it can be retried


class HealthPage(msgspec.Struct, frozen=True):
    """The state of all parts at one moment."""

    staff: Staff
    groups: list[Group]
    aside: list[SetAsideView]
    well: bool


@console_page("/admin/health", section="Health")
async def health_page(request: Request, staff: Staff) -> Response:
    """Show the health page."""
    state = await health.check(request.app.stores)
    groups, aside = groups_of(state, staff.zone), _aside(state.aside)
    well = not aside and all(not it.away and all(part.kind == "good" for part in it.parts) for it in groups)
    return respond("console/health.html", HealthPage(staff, groups, aside, well))


@console_form("/admin/health/set-aside/<set_aside_id>/again", section="Health")
async def try_set_aside_again(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Retry an item that was set aside."""
    await retries.try_again(request.app.stores, int(request.params["set_aside_id"]), by=staff.by)
    return redirect_to("/admin/health")


@console_form("/admin/health/set-aside/<set_aside_id>/dismiss", section="Health")
async def dismiss_set_aside(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Dismiss an item that was set aside."""
    await retries.dismiss(request.app.stores, int(request.params["set_aside_id"]), by=staff.by)
    return redirect_to("/admin/health")


def _aside(rows: list[SetAside] | Unreachable) -> list[SetAsideView]:
    if isinstance(rows, Unreachable):
        return []
    return [
        SetAsideView(
            it,
            it.reason.rstrip().rpartition("\n")[2],
            *EXPLAINED.get(it.kind, EXPLAINED_OTHERS),
            _href(it),
            it.kind in AGAIN,
        )
        for it in rows
    ]


def _href(row: SetAside) -> str:
    if row.kind == "mail":
        return f"/admin/mail/{row.subject}"
    return f"/admin/webhooks/{row.subject.partition('/')[0]}" if row.kind == "webhook" else ""


def groups_of(state: Health, zone: str) -> list[Group]:
    """The parts as the page shows them, with times in this zone."""
    return [
        _processes("Web processes", state.webs, zone),
        _processes("Workers", state.workers, zone),
        _backlog(state.backlog),
        _redis(state.redis),
        _postgres(state.postgres),
    ]


def _processes(title: str, processes: list[health.Process] | Unreachable, zone: str) -> Group:
    if isinstance(processes, Unreachable):
        return Group(title, [], f"Not reachable: {processes.why}.")
    if not processes:
        return Group(title, [], "None seen in the last minute.")
    return Group(title, [_process(it, zone) for it in processes])


def _process(process: health.Process, zone: str) -> Part:
    facts = [("Last seen", f"{max(0.0, process.seen_ago_s):.0f} s ago")]
    if process.about:
        started = datetime.fromtimestamp(int(process.about["started_ms"]) / 1000, UTC)
        facts += [
            ("Version", process.about["version"]),
            ("Started", formatting.staff_time(started, zone)),
            ("Memory", size(int(process.about["memory"]))),
            ("CPU", f"{process.about['cpu_percent']}% of a core"),
            ("Requests answered", f"{int(process.about['answered']):,}"),
        ]
    if not process.alive:
        return Part(process.name, "bad", "not responding", facts)
    if troubles := process.about.get("troubles"):
        facts += [("Keeps failing", trouble) for trouble in troubles.split("\n")]
        return Part(process.name, "bad", "in trouble", facts)
    return Part(process.name, "good", "running", facts)


def _backlog(backlog: health.Backlog | Unreachable) -> Group:
    title = "Waiting for the workers"
    if isinstance(backlog, Unreachable):
        return Group(title, [], f"Not reachable: {backlog.why}.")
    late = backlog.notices_lag_s > 30
    facts = [
        ("Reservations to process", f"{backlog.submissions:,}"),
        ("Oldest event not sent", f"{max(0.0, backlog.notices_lag_s):.1f} s"),
        ("Webhook deliveries", f"{backlog.deliveries:,}"),
        ("E-mails", f"{backlog.mails:,}"),
    ]
    return Group(
        title, [Part("Backlog", "warn" if late else "good", "behind" if late else "up to date", facts)]
    )


def _redis(nodes: list[RedisNode] | Unreachable) -> Group:
    if isinstance(nodes, Unreachable):
        return Group("Redis", [], f"Not reachable: {nodes.why}.")
    return Group("Redis", [_node(it) for it in nodes])


def _node(node: RedisNode) -> Part:
    full, faults = node.memory_max and node.memory > 0.9 * node.memory_max, faults_of(node)
    facts = [
        ("Role", f"{node.role}, {node.replicas} replicas"),
        ("Memory", size(node.memory) + (f" of {size(node.memory_max)}" if node.memory_max else ", no limit")),
        ("Clients", f"{node.clients:,}"),
        ("Commands", f"{node.ops_per_s:,} per second"),
        ("Append-only file", "on" if node.durable else "off"),
        ("When memory is full", "refuses writes" if node.eviction == KEEPS_KEYS else node.eviction),
        ("Up for", _span(node.uptime_s)),
        *(("Fix", str(fault)) for fault in faults),
    ]
    name = f"{node.server} · {node.name}" if node.name else node.server
    if faults:
        return Part(name, "bad", "may lose data", facts)
    if full:
        return Part(name, "warn", "nearly full", facts)
    return Part(name, "good", "responding", facts)


def _postgres(state: PostgresState | Unreachable) -> Group:
    if isinstance(state, Unreachable):
        return Group("PostgreSQL", [], f"Not reachable: {state.why}.")
    facts = [
        ("Role", "replica" if state.replica else "primary"),
        ("Size", size(state.size)),
        ("Connections", f"{state.connections:,} of {state.connections_max:,}, {state.active:,} active"),
        ("Oldest open transaction", f"{max(0.0, state.oldest_s):.1f} s"),
        ("Durable writes", "yes" if state.durable else "no"),
        ("Up for", _span(int(state.uptime_s))),
    ]
    kind, word = "good", "responding"
    if state.replica or not state.durable:
        kind, word = "bad", "read-only replica" if state.replica else "not durable"
    elif state.connections > 0.9 * state.connections_max:
        kind, word = "warn", "few connections left"
    return Group("PostgreSQL", [Part(f"PostgreSQL {state.version}", kind, word, facts)])


def size(amount: int) -> str:
    """Format a number of bytes: 1.5 GB."""
    value, unit = float(amount), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if value >= 100 or unit == 0 else f"{value:.1f} {UNITS[unit]}"


def _span(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"
