"""What `/metrics` tells."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.core.model import TicketType, TicketTypeId
from app.web.exposition import Drift
from tests.routes.conftest import Web
from tests.waiting import wait_until


async def scraped(web: Web) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples by name and labels; a text Prometheus could not read fails here."""
    answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = {}
    names = set()
    for family in text_string_to_metric_families(answer.text):
        assert family.name not in names, f"{family.name} stands in the text twice"
        names.add(family.name)
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def of(samples: dict[Any, float], name: str, **labels: str) -> float:
    """One sample; 0 when it is not there yet."""
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_the_first_counters(web: Web, worker: object) -> None:
    before = await scraped(web)
    await web.event(floor=3)
    await web.inside("gala")
    _, booking = await web.inside("gala")
    await web.reserve("gala", booking, 2)
    await web.reserve("gala", booking, 5, "too many")
    after = await scraped(web)
    room = {"room_id": "gala"}
    assert of(after, "fairgate_joined_total", **room) == 2
    assert of(after, "fairgate_admitted_total", **room) == 2
    assert of(after, "fairgate_claimed_total", **room) == 2
    assert of(after, "fairgate_no_shows_total", **room) == 0
    assert of(after, "fairgate_active", **room) == 2
    assert of(after, "fairgate_waiting", **room) == 0
    assert of(after, "fairgate_stream_backlog", **room) == 0
    assert of(after, "fairgate_room_state", state="open", **room) == 1
    assert of(after, "fairgate_conservation_drift", event_id="gala") == 0
    assert of(after, "fairgate_stores_up") == 1

    def grown(name: str, **labels: str) -> float:
        return of(after, name, **labels) - of(before, name, **labels)

    assert grown("fairgate_request_seconds_count", call="reserve") == 2
    assert grown("fairgate_requests_total", call="reserve", status="201") == 1
    assert grown("fairgate_reservations_total", outcome="held") == 1
    assert grown("fairgate_reservations_total", outcome="sold_out") == 1


async def test_the_workers_numbers_are_among_them(web: Web, worker: Any) -> None:
    redis: Any = web.app.stores.redis
    await redis.zadd("fairgate:workers", {"w1": 10**15})
    metrics.STORE_FAILURES.labels("a test").inc()
    await metrics.publish(web.app.stores.redis, "w1")

    async def seen() -> bool:
        samples = await scraped(web)
        return of(samples, "fairgate_store_failures_total", where="a test", worker="w1") >= 1

    await wait_until(seen, "the worker's numbers")
    assert await redis.ttl("fairgate:metrics:w1") > 0


def test_drift_is_what_stays_wrong() -> None:
    floor = TicketType(ticket_type_id=TicketTypeId("floor"), name="", price=1, total=10, held=1, sold=2)
    good = {"total:floor": 10, "free:floor": 7, "held:floor": 1, "sold:floor": 2}
    lost = {**good, "free:floor": 5}
    drift = Drift()
    assert [drift.of("gala", it, [floor]) for it in (good, lost, lost, good, good)] == [0, 0, 2, 0, 0]
    ahead = {**good, "free:floor": 6, "held:floor": 2}  # a hold that is on its way to Postgres
    behind = {**good, "free:floor": 8, "held:floor": 0}
    assert [drift.of("gala", it, [floor]) for it in (ahead, behind, good)] == [0, 0, 0]
