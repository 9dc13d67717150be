"""Traces as a collector receives them: one of a reservation; without a collector nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import LogCapture

from app import tracing
from app.settings import Settings
from app.store.connections import Stores, connect_postgres
from app.web.http import request_log
from tests.routes.conftest import Web, ops, served, settings, working
from tests.support.mail_server import MailServer, mail_server
from tests.support.otlp import Collector, ReceivedSpan
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import wait_until

__all__ = ["settings"]

ROOT = Path(__file__).parents[2]
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
NOT_SAMPLED = {"traceparent": f"00-{'5' * 32}-{CALLER}-00"}
RESERVE = "/v1/events/{event_id}/reservations"
CONFIRM = "/v1/reservations/{reservation_id}/confirm"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@asynccontextmanager
async def an_installation(stores: Stores, here: Settings) -> AsyncIterator[Web]:
    """The app and a worker, configured through their environment."""
    async with tracing.opened_tracer("worker") as tracer:
        pool = await connect_postgres(here.database_url, timeout_s=20, connections_max=10, role="worker")
        try:
            async with (
                served(here) as web,
                working(Stores(stores.redis, pool, tracer=tracer), here),
            ):
                yield web
        finally:
            pool.terminate()


async def buy(web: Web, **headers: str) -> str:
    """A guest's confirmed reservation; returns its id."""
    place, booking = await web.inside("gala", json={"email": "ann@example.org"})
    held = await web.reserve("gala", booking, 2, **headers)
    assert held.status_code == 201, held.text
    reservation_id: str = held.json()["reservation_id"]
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    sent = {**place, "Idempotency-Key": "p", **headers}
    paid = await web.post(f"/v1/reservations/{reservation_id}/confirm", body, headers=sent)
    assert paid.json()["status"] == "confirmed", paid.text
    return reservation_id


def only(spans: list[ReceivedSpan], name: str, **attributes: Any) -> ReceivedSpan:
    """The only span with this name and these attributes."""
    [found] = [
        it
        for it in spans
        if it.name == name and all(it.attributes.get(k) == v for k, v in attributes.items())
    ]
    return found


def has(span: ReceivedSpan, attributes: dict[str, Any]) -> bool:
    """Whether its attributes include these."""
    return attributes.items() <= span.attributes.items()


@pytest.fixture
def selling(settings: Settings, otel: pytest.MonkeyPatch, server: MailServer) -> Settings:
    """An installation behind a proxy that decides what is sampled."""
    otel.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    otel.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    otel.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=hall")
    otel.setattr(request_log, "ONE_IN", 1)
    return settings.model_copy(
        update={
            "trusted_proxies": ["127.0.0.1/32"],
            "smtp_url": SecretStr(server.url),
            "mail_from": "Tickets <tickets@example.org>",
            "public_url": "https://tickets.example.org",
            "webhooks_private": True,
        }
    )


async def test_a_reservation_is_one_trace_from_the_proxy_to_webhook_and_mail(
    stores: Stores, selling: Settings, collector: Collector, logged: LogCapture
) -> None:
    async with receiving() as receiver, an_installation(stores, selling) as web:
        await web.event()
        hook = {"url": receiver.url, "types": ["reservation.held", "reservation.confirmed"]}
        assert (await web.post("/v1/webhooks", hook, headers=web.as_("admin"))).status_code == 201
        reservation_id = await buy(web, **SAMPLED)

        async def all_told() -> bool:
            names = [it.name for it in collector.of(TRACE)]
            return names.count("POST") == 2 and "send mail" in names

        await wait_until(all_told, "both webhooks and the mail")
        scrape = await web.get("/metrics", headers=ops() | {"Accept": "application/openmetrics-text"})
    [exemplar] = [it for it in scrape.text.splitlines() if 'bucket{call="reserve"' in it and TRACE in it]
    assert f' # {{trace_id="{TRACE}"}} ' in exemplar
    spans = collector.of(TRACE)
    assert {it.trace_id for it in collector.received} == {TRACE}
    parents = {it.parent_id for it in spans}
    assert parents - {it.span_id for it in spans} == {CALLER}  # a single tree, nothing detached
    check_holding_trace(spans, reservation_id)
    check_paying_trace(spans, reservation_id)
    check_notices_trace(spans, receiver)
    lines = [it for it in logged.entries if it.get("trace_id") == TRACE]
    answered = [it["span_id"] for it in lines if it["event"] == "a request was answered"]
    assert answered == [it.span_id for it in spans if it.kind == "server"]
    assert collector.headers["x-tenant"] == "hall"
    assert {it["service.name"] for it in collector.resources} == {"fairgate-web", "fairgate-worker"}
    assert {it["deployment.environment.name"] for it in collector.resources} == {"test"}


def check_holding_trace(spans: list[ReceivedSpan], reservation_id: str) -> None:
    """From the proxy's span to the COMMIT in the worker."""
    request = only(spans, f"POST {RESERVE}")
    assert (request.kind, request.service, request.parent_id) == ("server", "fairgate-web", CALLER)
    assert has(request, {"http.request.method": "POST", "http.route": RESERVE, "url.scheme": "http"})
    assert has(request, {"http.response.status_code": 201, "url.path": "/v1/events/gala/reservations"})
    assert not request.failed
    batch = only(spans, "submit reservations")
    assert (batch.parent_id, batch.links) == (request.span_id, [(TRACE, request.span_id)])
    submit = only(spans, "EVALSHA submit")
    assert (submit.kind, submit.parent_id) == ("client", batch.span_id)
    assert has(submit, {"db.system.name": "redis", "db.operation.name": "EVALSHA"})
    assert has(submit, {"db.stored_procedure.name": "submit", "server.address": "127.0.0.1"})
    work = only(spans, "process submissions")
    assert (work.kind, work.service) == ("consumer", "fairgate-worker")
    assert (work.parent_id, work.links) == (request.span_id, [(TRACE, request.span_id)])
    assert has(work, {"messaging.operation.type": "process", "messaging.batch.message_count": 1})
    steps = ["SELECT insert_holds", "PIPELINE settle"]
    assert [it.name for it in spans if it.parent_id == work.span_id and it.name in steps] == steps
    insert = only(spans, "SELECT insert_holds")
    assert insert.attributes["db.system.name"] == "postgresql"
    assert insert.attributes["fairgate.autocommit"] is True  # the inserting statement is the COMMIT
    assert reservation_id not in insert.attributes["db.query.text"]
    outcome = only(spans, "outcome")
    assert outcome.parent_id == request.span_id
    assert outcome.started_ns < only(spans, "PIPELINE settle").ended_ns < request.ended_ns


def check_paying_trace(spans: list[ReceivedSpan], reservation_id: str) -> None:
    paid = only(spans, f"POST {CONFIRM}")
    assert paid.attributes["fairgate.reservation_id"] == reservation_id
    assert only(spans, "confirm reservations").parent_id == paid.span_id
    assert "EVALSHA confirm" in [it.name for it in spans]


def check_notices_trace(spans: list[ReceivedSpan], receiver: Receiver) -> None:
    """From the outbox to other systems."""
    sources = {
        "reservation.held": only(spans, "process submissions"),
        "reservation.confirmed": only(spans, "confirm reservations"),
    }
    for notice, source in sources.items():
        hook = only(spans, "POST", **{"fairgate.notice.type": notice})
        assert (hook.kind, hook.parent_id) == ("client", source.span_id)
        assert hook.attributes["http.response.status_code"] == 200
        assert hook.attributes["url.full"].endswith("/REDACTED")
        [got] = [it for it in receiver.received if it.document["type"] == notice]
        assert got.headers["traceparent"] == f"00-{TRACE}-{hook.span_id}-01"
    sent = [it for it in spans if it.name == "send notices"]
    assert {it.kind for it in sent} == {"producer"}
    assert {it.parent_id for it in sent} >= {it.span_id for it in sources.values()}
    mail = only(spans, "send mail", **{"fairgate.mail.kind": "confirmed"})
    assert (mail.kind, mail.parent_id) == ("client", sources["reservation.confirmed"].span_id)
    assert not any("ann@example.org" in str(it.attributes) for it in spans)
