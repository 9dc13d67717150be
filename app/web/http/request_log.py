"""The request log: at most one line per request, with the response's id, the call, and its outcome.

Every request by staff or machines, every form, and every response of 500 and above gets a line; of a crowd's
requests one in a thousand does, and slow ones. Unknown addresses get none. Lines contain ids of rooms and
reservations, but no addresses, tokens or query strings.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from app import logs
from app.store.spans import Record

SLOW_S = 1.0
ONE_IN = 1_000
WATCHED = frozenset(("livez", "readyz", "prometheus"))  # polled every few seconds by machines
IDS = frozenset(("room_id", "event_id", "ticket_type_id", "reservation_id"))

_requests = itertools.count(1)


def is_sampled() -> bool:
    """Whether this request of a crowd is logged as a sample."""
    return next(_requests) % ONE_IN == 0


def is_logged(record: Record, status: int, seconds: float) -> bool:
    """Whether a request with a record gets a log line."""
    if status >= 500 or seconds >= SLOW_S:
        return True
    if record.call in WATCHED:
        return False
    return not record.of_a_crowd or is_sampled()


def write(request_id: str, method: str, record: Record, status: int, seconds: float) -> None:
    """Write the request's log line."""
    entry: dict[str, object] = {
        "request_id": request_id,
        "method": method,
        "call": record.call,
        "status": status,
        "ms": round(seconds * 1000, 1),
        **ids_of(record.ids),
    }
    if seconds >= SLOW_S:
        entry["spent_ms"] = {name: round(spent * 1000, 1) for name, spent in record.spent_s.items()}
    logger = logs.get(__name__)
    if record.error is not None:
        logger.error("a request failed", exc_info=record.error, **entry)
    else:
        logger.info("a request was answered", **entry)


def ids_of(params: Mapping[str, str]) -> dict[str, str]:
    """The path parameters that may be logged."""
    return {name: value[:128] for name, value in params.items() if name in IDS}
