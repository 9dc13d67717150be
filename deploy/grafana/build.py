"""Writes the dashboards in deploy/grafana/dashboards; with --check, exits with 1 unless they are current.

A dashboard consists of rows of panels, and a panel of a title, a unit and its queries. Positions, colours and
the rest of Grafana's JSON model
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/) are the same
for all, and are added here. `tests/routes/system/test_dashboards.py` runs each query.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "dashboards"
COLUMNS, HEIGHT, TILE_HEIGHT = 24, 8, 4
SOURCE = {"type": "prometheus", "uid": "${source}"}
ROOM = '{room_id=~"$room"}'
ALL_CALLS = "sum(max by (call, status) (rate(fairgate_requests_total%s[5m])))"
JOBS = "60 * max by (job, outcome) (rate(fairgate_jobs_total[5m]))"
FAILED = '{status=~"5.."}'


class Panel(NamedTuple):
    """One panel. `queries` maps the legend of each line to its PromQL.

    Every process reports the sums of all, so queries take the `max` over processes.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    tile: bool = False  # one number instead of lines
    says: str = ""  # the description
    bad_above: float | None = None  # a tile turns red from this value on


class Dashboard(NamedTuple):
    """A dashboard: rows of panels, each row filling the width."""

    name: str
    title: str
    rows: list[list[Panel]]
    by_room: bool = False


def of_room(metric: str) -> str:
    """A gauge of the selected rooms; every process reports the same."""
    return f"max by (room_id) (fairgate_{metric}{ROOM})"


def per_minute(metric: str) -> str:
    """A counter of the selected rooms, per minute."""
    return f"60 * max by (room_id) (rate(fairgate_{metric}_total{ROOM}[1m]))"


def quantile(share: float, calls: str = "") -> str:
    """The time within which this share of calls is answered."""
    rates = f"max by (le, call) (rate(fairgate_request_seconds_bucket{calls}[5m]))"
    return f"histogram_quantile({share}, sum by (le, call) ({rates}))"


TONIGHT = Dashboard(
    "tonight",
    "Fairgate: the sale tonight",
    [
        [
            Panel("Waiting", {"": of_room("waiting_visitors")}, tile=True),
            Panel("Inside", {"": of_room("active_visitors")}, tile=True),
            Panel("Tickets free", {"": of_room("available_tickets")}, tile=True),
            Panel("Called in the last minute", {"": of_room("outflow_per_minute")}, tile=True),
            Panel("Backlog", {"": of_room("stream_backlog")}, tile=True, bad_above=500),
            Panel("Stores", {"": "min(fairgate_stores_up)"}, tile=True, says="1: both answer."),
        ],
        [
            Panel(
                "Called per minute, and configured rate",
                {
                    "called {{room_id}}": per_minute("admitted"),
                    "rate {{room_id}}": of_room("admission_rate_per_minute"),
                },
                says="Below the rate: the cap or the stock holds the queue back, or a worker is late.",
            ),
            Panel(
                "Inside, and cap",
                {
                    "inside {{room_id}}": of_room("active_visitors"),
                    "called {{room_id}}": of_room("called_visitors"),
                    "cap {{room_id}}": of_room("active_visitors_max"),
                },
            ),
        ],
        [
            Panel("Joined per minute", {"{{room_id}}": per_minute("joined")}),
            Panel("Waiting", {"{{room_id}}": of_room("waiting_visitors")}),
            Panel(
                "Reservations per minute",
                {"{{outcome}}": "60 * max by (outcome) (rate(fairgate_reservations_total[1m]))"},
            ),
        ],
    ],
    by_room=True,
)

ENGINE = Dashboard(
    "engine",
    "Fairgate: the engine",
    [
        [
            Panel(
                "Calls per second",
                {"": "sum(max by (call, status) (rate(fairgate_requests_total[1m])))"},
                "reqps",
                tile=True,
            ),
            Panel(
                "Failed calls",
                {"": f"({ALL_CALLS % FAILED} or vector(0)) / {ALL_CALLS % ''}"},
                "percentunit",
                tile=True,
                bad_above=0.001,
            ),
            Panel("Open streams", {"": "sum(fairgate_stream_viewers)"}, tile=True),
            Panel(
                "Backlog", {"": "sum(max by (room_id) (fairgate_stream_backlog))"}, tile=True, bad_above=500
            ),
        ],
        [
            Panel(
                "Calls per second",
                {"{{call}}": "sum by (call) (max by (call, status) (rate(fairgate_requests_total[1m])))"},
                "reqps",
            ),
            Panel("Response time, median", {"{{call}}": quantile(0.5)}, "s"),
            Panel("Response time, p99", {"{{call}}": quantile(0.99)}, "s"),
        ],
        [
            Panel(
                "Refusals per second",
                {"{{code}}": "max by (code) (rate(fairgate_refusals_total[1m])) or vector(0)"},
                "reqps",
                says="By error code, as visitors and programs receive it.",
            ),
            Panel(
                "Gate requests per second",
                {"{{outcome}}": "max by (outcome) (rate(fairgate_gate_requests_total[1m])) or vector(0)"},
                "reqps",
            ),
            Panel("CPU", {"{{process}}": "rate(process_cpu_seconds_total[1m])"}, "percentunit"),
        ],
    ],
)

STORES = Dashboard(
    "stores",
    "Fairgate: stores and workers",
    [
        [
            Panel("Stores", {"": "min(fairgate_stores_up)"}, tile=True, says="1: both answer."),
            Panel("Workers", {"": 'max(fairgate_processes{role="worker"})'}, tile=True),
            Panel("Web processes", {"": 'max(fairgate_processes{role="web"})'}, tile=True),
            Panel(
                "Tickets that do not add up",
                {"": "max(abs(fairgate_conservation_drift))"},
                tile=True,
                bad_above=1,
            ),
        ],
        [
            Panel(
                "Store failures in 5 minutes",
                {"{{where}}": "max by (where) (increase(fairgate_store_failures_total[5m])) or vector(0)"},
            ),
            Panel("Age of the oldest unpublished event", {"": "max(fairgate_outbox_lag_seconds)"}, "s"),
            Panel(
                "Waiting to be sent",
                {
                    "webhooks": "max(fairgate_webhook_deliveries_pending)",
                    "e-mails": "max(fairgate_mails_pending)",
                },
            ),
        ],
        [
            Panel(
                "Jobs per minute",
                {"{{job}}": f"sum by (job) ({JOBS}) or vector(0)"},
            ),
            Panel("Memory", {"{{process}}": "process_resident_memory_bytes"}, "bytes"),
            Panel(
                "Age of the signing keys",
                {"{{purpose}}": "max by (purpose) (fairgate_signing_key_age_seconds)"},
                "s",
            ),
        ],
    ],
)

FAIRNESS = Dashboard(
    "fairness",
    "Fairgate: fairness and waits",
    [
        [
            Panel(
                "Wait for a visitor who joins now",
                {"{{room_id}}": f"60 * {of_room('waiting')} / ({of_room('outflow_per_minute')} > 0)"},
                "s",
                says="Visitors waiting / called in the last minute; empty while nobody is called.",
            ),
            Panel(
                "Numbers assigned and called",
                {
                    "assigned {{room_id}}": of_room("last_queue_number"),
                    "called {{room_id}}": of_room("serving_position"),
                },
                says="The difference is the queue, including those who left.",
            ),
        ],
        [
            Panel("No-shows per minute", {"{{room_id}}": per_minute("no_shows")}),
            Panel("Claims per minute", {"{{room_id}}": per_minute("claimed")}),
            Panel("Left per minute", {"{{room_id}}": per_minute("left")}),
            Panel("Expired sessions per minute", {"{{room_id}}": per_minute("expired")}),
        ],
    ],
    by_room=True,
)

DASHBOARDS = (TONIGHT, ENGINE, STORES, FAIRNESS)


def document(board: Dashboard) -> dict[str, Any]:
    """Return the dashboard in Grafana's format."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row in board.rows:
        width, height = COLUMNS // len(row), TILE_HEIGHT if row[0].tile else HEIGHT
        for at, it in enumerate(row):
            place = {"x": at * width, "y": y, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(it)})
        y += height
    variables: list[dict[str, Any]] = [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    ]
    if board.by_room:
        variables.append(
            {
                **{"name": "room", "label": "Room", "type": "query", "datasource": SOURCE},
                **{"query": "label_values(fairgate_waiting_visitors, room_id)", "refresh": 2, "sort": 1},
                **{"includeAll": True, "multi": True, "current": {"text": "All", "value": "$__all"}},
            }
        )
    return {
        **{"uid": f"fairgate-{board.name}", "title": board.title, "tags": ["fairgate"], "schemaVersion": 39},
        **{
            "editable": True,
            "refresh": "5s",
            "time": {"from": "now-15m", "to": "now"},
            "timezone": "browser",
        },
        **{"templating": {"list": variables}, "panels": panels, "version": 1},
    }


def _panel(it: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": it.unit, "min": 0}
    if it.tile:
        steps: list[dict[str, Any]] = [{"color": "text", "value": None}]
        if it.bad_above is not None:
            steps.append({"color": "red", "value": it.bad_above})
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    else:
        defaults["custom"] = {"fillOpacity": 8, "lineWidth": 2, "showPoints": "never"}
    return {
        **{"type": "stat" if it.tile else "timeseries", "title": it.title, "description": it.says},
        **{"datasource": SOURCE, "fieldConfig": {"defaults": defaults, "overrides": []}},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}
        if it.tile
        else {"tooltip": {"mode": "multi"}},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": name or "__auto",
                **({"exemplar": True} if "_bucket" in query else {}),
            }
            for at, (name, query) in enumerate(it.queries.items())
        ],
    }


def text(board: Dashboard) -> str:
    """Return the content of a dashboard's file."""
    return json.dumps(document(board), indent=2) + "\n"


if __name__ == "__main__":
    wanted = {FOLDER / f"{it.name}.json": text(it) for it in DASHBOARDS}
    if "--check" in sys.argv:
        sys.exit(any(not path.exists() or path.read_text() != it for path, it in wanted.items()))
    for path, it in wanted.items():
        path.write_text(it)
