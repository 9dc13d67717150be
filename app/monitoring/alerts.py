"""Alerts: started and ended by a worker, acknowledged by staff, who also configure the rules.

The rules are in `core/monitoring/alert_rules.py`. A trigger writes the outbox when an alert starts or ends,
so webhooks and e-mails follow as for any other event.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, NotFound, RoomNotFound, ValidationFailed
from app.core.model import RoomId
from app.core.monitoring.alert_facts import Facts, Workers
from app.core.monitoring.alert_rules import SEVERITIES, Severity
from app.core.monitoring.alerts import Firing, Key, Memory, Setting, Settings, check, judge
from app.monitoring.alert_reading import Reader
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.monitoring import alerts
from app.store.sql.monitoring.alerts import Alert, AlertState
from app.store.sql.waiting_room import rooms

DESCRIBED_EVERY_S = 10.0
NO_ALERT = "There is no such alert. Alerts are kept for 90 days."


@dataclass
class Watch:
    """A worker's state between evaluations of the rules."""

    reader: Reader
    memory: Memory = field(default_factory=Memory)
    described_at: float = 0.0


async def evaluate_rules(stores: Stores, watch: Watch, worker_id: str) -> bool:
    """Evaluate the rules, starting and ending alerts; False while another worker does. Raises one of
    POSTGRES_AWAY."""
    postgres = stores.postgres
    if not await alerts.take_watch(postgres, worker_id):
        watch.memory = Memory()
        return False
    facts = await watch.reader.read()
    settings, opened = await alerts.select_settings(postgres), await alerts.select_open(postgres)
    verdict = judge(facts, settings, watch.memory, [it.key for it in opened])
    watch.memory = verdict.memory
    if verdict.ended:
        await alerts.end(postgres, verdict.ended)
    if verdict.started:
        await alerts.start(postgres, verdict.started)
    if verdict.texts and time.monotonic() - watch.described_at >= DESCRIBED_EVERY_S:
        watch.described_at = time.monotonic()
        await alerts.describe(postgres, verdict.texts)
    return True


async def start(stores: Stores, firing: list[Firing]) -> None:
    """Start alerts observed by a process that is not a worker. Raises StoreUnavailable."""
    with stores_answer():
        await alerts.start(stores.postgres, firing)


async def open_alerts(stores: Stores) -> list[Alert]:
    """Return the alerts that have not ended, most severe first. Raises StoreUnavailable."""
    with stores_answer():
        return await alerts.select_open(stores.postgres)


async def page(
    stores: Stores, state: AlertState | None, room_id: str | None, *, limit: int, offset: int
) -> tuple[list[Alert], int]:
    """One page of the alerts, latest first, and how many match. Raises StoreUnavailable."""
    with stores_answer():
        return await alerts.select_page(stores.postgres, state, room_id, limit=limit, offset=offset)


async def acknowledge(stores: Stores, alert_id: int, *, by: Author) -> Alert:
    """Record who acknowledged an alert; repeating it changes nothing.

    Raises NotFound, StoreUnavailable, and Conflict if the alert has ended.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            done = await alerts.acknowledge(connection, alert_id, by.subject)
            alert = await alerts.select_one(connection, alert_id)
            if alert is None:
                raise NotFound(NO_ALERT)
            if done:
                entity = Entity("alert", str(alert_id))
                after = {"rule": alert.rule, "room_id": alert.room_id, "text": alert.text}
                await audit.record(connection, by, "acknowledge", entity, after=after)
    if alert.acknowledged_at is None:
        raise Conflict("This alert has ended.")
    return alert


async def settings(stores: Stores) -> Settings:
    """The rules' settings by staff. Raises StoreUnavailable."""
    with stores_answer():
        return await alerts.select_settings(stores.postgres)


async def set_rule(stores: Stores, room_id: str, rule: str, to: Setting | None, *, by: Author) -> None:
    """Set a rule for a room, or for all (""); None: remove the setting.

    Raises ValidationFailed, RoomNotFound, StoreUnavailable.
    """
    check(rule, to.threshold if to else None, of_room=bool(room_id))
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            await alerts.lock_rules(connection)
            if room_id and await rooms.select_room(connection, RoomId(room_id)) is None:
                raise RoomNotFound
            before = await alerts.set_rule(connection, room_id, rule, to)
            entity = Entity("alert_rule", f"{room_id}/{rule}" if room_id else rule)
            await audit.record(connection, by, "change", entity, before=_fields(before), after=_fields(to))


def _fields(setting: Setting | None) -> dict[str, object]:
    return dict.fromkeys(Setting._fields) if setting is None else setting._asdict()


async def mailing(stores: Stores, account_id: str) -> Severity | None:
    """The lowest severity for which an account gets e-mails. Raises StoreUnavailable."""
    with stores_answer():
        return await alerts.mailing_of(stores.postgres, account_id)


async def set_mailing(stores: Stores, severity: str, *, by: Author) -> None:
    """E-mail alerts to the author's account from this severity on; "": none.

    Raises ValidationFailed, Conflict, StoreUnavailable.
    """
    least = next((it for it in SEVERITIES if it == severity), None)
    if severity and least is None:
        raise ValidationFailed("severity", "must be page, ticket or empty")
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await alerts.mailing_of(connection, by.subject)
            if not await alerts.set_mailing(connection, by.subject, least):
                raise Conflict("This sign-in has no account, so there is no e-mail address.")
            entity, was = Entity("account", by.subject), {"alert_mail": before}
            await audit.record(connection, by, "change", entity, before=was, after={"alert_mail": least})


async def recipients(stores: Stores) -> int:
    """How many accounts get e-mails about alerts. Raises StoreUnavailable."""
    with stores_answer():
        return await alerts.recipients(stores.postgres)


def local_faults(
    workers: Workers | None, away: dict[str, str], settings: Settings, at_ms: int
) -> list[Firing]:
    """The alerts a process can observe itself, independent of the workers' evaluation: workers and stores."""
    facts = Facts(now_ms=at_ms, workers=workers, stores_away=away)
    since = {Key("store_away", "", it): 0 for it in away}  # the caller has already waited for a moment
    started = judge(facts, settings, Memory(since), ()).started
    return [it for it in started if it.key.rule in ("no_worker", "worker_gone", "store_away")]
