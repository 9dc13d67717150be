"""The console's audit log: who changed what, when, and the values before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from quart import Response

from app import audit
from app.catalogue.events import currencies_of
from app.core.model import EventId
from app.store.sql.audit import AuditFilter, Entry
from app.web.console.frame import console_page
from app.web.console.query import PER_PAGE, filters_of, moment, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import field_name, value
from app.web.http.routes import Request
from app.web.pages.render import respond

PRICED = "ticket_type"  # the entries with prices, in the currency of their event
KINDS = (
    *("account", "alert", "alert_rule", "api_key", "check_in", "event", "mail", "reservation"),
    *("room", "signing_key", "ticket_type", "visitor", "webhook"),
)


class Difference(msgspec.Struct, frozen=True):
    """One field of a change; None if it did not exist before, or no longer does."""

    field: str
    before: str | None
    after: str | None


class Change(msgspec.Struct, frozen=True):
    """One row of the log, for display."""

    entry: Entry
    differences: list[Difference]
    href: str  # the page of what was changed; "" if it has none


class AuditPage(msgspec.Struct, frozen=True):
    """One page of the log, newest first."""

    staff: Staff
    query: dict[str, str]
    kinds: tuple[str, ...]
    changes: list[Change]
    total: int
    number: int
    more: bool
    to_page: str


@console_page("/admin/audit", section="Audit")
async def audit_log(request: Request, staff: Staff) -> Response:
    """List the changes that match the filters."""
    fields = filters_of(request)
    number = page_number(fields)
    criteria = AuditFilter(
        *(fields.get("kind"), fields.get("id"), fields.get("who")),
        moment(fields, "from", staff.zone),
        moment(fields, "to", staff.zone),
    )
    entries, total = await audit.entries(
        request.app.stores, criteria, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    currencies = await _currencies(request, entries)
    changes = [Change(it, differences(it, currencies.get(it.audit_id, "")), _href(it)) for it in entries]
    more, address = number * PER_PAGE < total, to_page(request, fields)
    return respond(
        "console/audit.html", AuditPage(staff, fields, KINDS, changes, total, number, more, address)
    )


def differences(entry: Entry, currency: str = "") -> list[Difference]:
    """Compare the fields of an entry before and after."""
    before, after = entry.change.before or {}, entry.change.after or {}
    names = list(dict.fromkeys([*before, *after]))
    return [
        Difference(field_name(name), *(_words(fields, name, currency) for fields in (before, after)))
        for name in names
    ]


def _words(fields: dict[str, Any], name: str, currency: str) -> str | None:
    """Format a value; None if there is none."""
    words = fields.get(name)
    return None if words in (None, [], {}) else value(name, words, currency)


async def _currencies(request: Request, entries: Sequence[Entry]) -> dict[int, str]:
    """The currency of each entry's prices, by entry number; entries of deleted events are left out."""
    events = {
        it.audit_id: EventId(it.change.id.partition("/")[0]) for it in entries if it.change.kind == PRICED
    }
    of_event = await currencies_of(request.app.stores, list(set(events.values())))
    return {number: of_event.get(event_id, "") for number, event_id in events.items()}


def _href(entry: Entry) -> str:
    change = entry.change
    pages = {"room": "/admin/rooms/", "webhook": "/admin/webhooks/", "mail": "/admin/mail/"}
    pages |= {"reservation": "/admin/orders/", "job": "/admin/jobs/"}
    return pages[change.kind] + change.id if change.kind in pages and change.action != "delete" else ""
