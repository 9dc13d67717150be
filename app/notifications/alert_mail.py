"""The content of e-mails about alerts. They go to staff, so they are in English like the console."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from app.core.clock import to_ms
from app.core.monitoring.alert_rules import BY_NAME, Severity

TITLE_MAX = 120


class StoredAlert(msgspec.Struct, frozen=True):
    """The row of an alert, as it comes with its e-mail."""

    rule: str
    room_id: str | None
    severity: Severity
    text: str
    since: datetime
    ended_at: datetime | None


class AlertView(NamedTuple):
    """An alert as an e-mail shows it. `ended_ms` is 0 when it starts, `url` "" if unknown."""

    title: str
    text: str
    room: str
    since_ms: int
    ended_ms: int
    url: str
    runbook_url: str


_row = msgspec.json.Decoder(StoredAlert)


def view(row: str, room_name: str, base_url: str, *, ended: bool) -> AlertView:
    """The alert of this row, for the e-mail about its start or its end."""
    it = _row.decode(row)
    word = "Over" if ended else "Act now" if it.severity == "page" else "Alert"
    title = f"{word}: {it.text}"
    rule = BY_NAME.get(it.rule)
    return AlertView(
        title=title if len(title) <= TITLE_MAX else f"{title[: TITLE_MAX - 1]}…",
        text=it.text,
        room=room_name or it.room_id or "",
        since_ms=to_ms(it.since),
        ended_ms=to_ms(it.ended_at) if ended else 0,
        url=f"{base_url}/admin/alerts" if base_url else "",
        runbook_url=f"{base_url}/admin/runbook#{rule.runbook if rule else ''}" if base_url else "",
    )
