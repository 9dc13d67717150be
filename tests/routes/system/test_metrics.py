"""The contents of `/metrics`."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.core.model import RoomId, TicketType, TicketTypeId
from app.monitoring import exposition
from app.monitoring.counts import Counts
from app.monitoring.exposition import Drift
from app.store.keys import RoomKeys
from app.version import build
from tests.routes.conftest import Web, ops
from tests.support.promtool import check_metrics
from tests.support.waiting import wait_until
from worker.context import WorkerContext


async def scraped(web: Web) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples by name and labels; fails on a text that Prometheus could not read."""
    answer = await web.get("/metrics", headers=ops())
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = {}
    names = set()
    for family in text_string_to_metric_families(answer.text):
        assert family.name not in names, f"{family.name} appears in the text twice"
        names.add(family.name)
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def of(samples: dict[Any, float], name: str, **labels: str) -> float:
    """One sample; 0 if it does not exist yet."""
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

    assert of(after, "fairgate_admission_rate_per_minute", **room) > 0
    assert of(after, "fairgate_active_visitors_max", **room) > 0
    assert of(after, "fairgate_available_tickets", **room) == 1
    assert of(after, "fairgate_processes", role="worker") >= 1
    assert of(after, "fairgate_signing_key_age_seconds", purpose="booking") > 0

    def grown(name: str, **labels: str) -> float:
        return of(after, name, **labels) - of(before, name, **labels)

    assert grown("fairgate_request_seconds_count", call="reserve") == 2
    assert grown("fairgate_requests_total", call="reserve", status="201") == 1
    assert grown("fairgate_reservations_total", outcome="held") == 1
    assert grown("fairgate_reservations_total", outcome="sold_out") == 1
    has_both_names(after)


def has_both_names(samples: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> None:
    """Renamed metrics are served under their old name, too."""
    for old, new in exposition.RENAMED.items():
        suffix = "_total" if old == "fairgate_gate" else ""
        by_name: dict[str, Any] = {old: {}, new: {}}
        for (name, labels), value in samples.items():
            if name in (old + suffix, new + suffix):
                by_name[name.removesuffix(suffix)][labels] = value
        assert by_name[old] == by_name[new]
        assert by_name[old] or old == "fairgate_gate"


async def test_names_and_types_follow_the_conventions(web: Web) -> None:
    await web.event(floor=3)
    await check_metrics((await web.get("/metrics", headers=ops())).text)
    await whoever_accepts_openmetrics_gets_it(web)


async def whoever_accepts_openmetrics_gets_it(web: Web) -> None:
    """The same in the other format, with exemplars."""
    metrics.count_answer("livez", 200, 0.003, "0af7651916cd43dd8448eb211c80319c")
    plain = await scraped(web)
    accept = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.5, text/plain;version=0.0.4;q=0.3"}
    answer = await web.get("/metrics", headers=ops() | accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = openmetrics.text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    samples = [it for family in families for it in family.samples]
    names = {(it.name, frozenset(it.labels.items())) for it in samples}
    assert names >= {it for it in plain if it[0].startswith("fairgate_room")}
    traced = {(it.labels["call"], it.labels["le"]): it.exemplar for it in samples if it.exemplar}
    found = traced["livez", "0.005"]
    assert (found.labels, found.value) == ({"trace_id": "0af7651916cd43dd8448eb211c80319c"}, 0.003)


async def test_the_numbers_of_all_processes_are_in_the_sums(web: Web, worker: WorkerContext) -> None:
    registry = CollectorRegistry()
    failures = Counter("fairgate_store_failures", "", ["where"], registry=registry)
    failures.labels("another process").inc(2)
    metrics.STORE_FAILURES.labels("another process").inc()  # counted by this process
    await Counts(registry).publish(web.app.stores.redis)
    samples = await scraped(web)
    assert of(samples, "fairgate_store_failures_total", where="another process") == 3
    assert of(samples, "fairgate_mails_total", outcome="sent") == 0

    this = {"version": build().version, "commit": build().commit, "process": worker.worker_id}

    async def counted() -> bool:
        current = await scraped(web)
        return of(current, "process_open_fds", process=worker.worker_id) > 0 and bool(
            of(current, "fairgate_build_info", **this)
        )

    await wait_until(counted, "what the worker measures")


async def test_what_cannot_be_read_leaves_the_other_parts(web: Web) -> None:
    redis: Any = web.app.stores.redis
    await web.room("bad")
    await web.room("good")
    await redis.delete(RoomKeys(RoomId("bad")).waiting)
    await redis.set(RoomKeys(RoomId("bad")).waiting, "of the wrong type")
    try:
        samples = await scraped(web)
        assert of(samples, "fairgate_room_state", room_id="good", state="open") == 1
        assert ("fairgate_room_state", frozenset({"room_id": "bad", "state": "open"}.items())) not in samples
        listed = (await web.get("/v1/rooms")).json()["items"]
        assert [it["room_id"] for it in listed] == ["good"]
        staff = await web.staff("operator")
        assert (await web.get("/admin/health", headers=staff)).status_code == 200
        await redis.delete("{fairgate}:counts")
        await redis.set("{fairgate}:counts", "of the wrong type")
        samples = await scraped(web)
        assert of(samples, "fairgate_room_state", room_id="good", state="open") == 1
        assert of(samples, "fairgate_stores_up") == 1
    finally:
        await redis.delete("{fairgate}:counts", RoomKeys(RoomId("bad")).waiting)


def test_drift_is_what_stays_wrong() -> None:
    floor = TicketType(ticket_type_id=TicketTypeId("floor"), name="", price=1, total=10, held=1, sold=2)
    good = {"total:floor": 10, "free:floor": 7, "held:floor": 1, "sold:floor": 2}
    lost = {**good, "free:floor": 5}
    drift = Drift()
    assert [drift.of("gala", it, [floor]) for it in (good, lost, lost, good, good)] == [0, 0, 2, 0, 0]
    ahead = {**good, "free:floor": 6, "held:floor": 2}  # a hold on its way to Postgres
    behind = {**good, "free:floor": 8, "held:floor": 0}
    assert [drift.of("gala", it, [floor]) for it in (ahead, behind, good)] == [0, 0, 0]
