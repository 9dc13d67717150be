"""What is sampled and sent; a collector that is unreachable, silent or not configured holds nothing up."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

import pytest
from structlog.testing import LogCapture

from app import tracing
from app.settings import Settings
from app.store.traces import ALL, Sampling
from tests.monitoring.test_traces import CALLER, SAMPLED, TRACE
from tests.routes.conftest import served, settings
from tests.support.otlp import Collector
from tests.support.waiting import PATIENCE_S, wait_until

__all__ = ["settings"]

NOT_SAMPLED = {"traceparent": f"00-{'5' * 32}-{CALLER}-00"}


async def test_what_is_not_sampled_is_not_sent_and_a_5xx_is_an_error(
    settings: Settings, otel: pytest.MonkeyPatch, collector: Collector, logged: LogCapture
) -> None:
    otel.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    behind = settings.model_copy(update={"trusted_proxies": ["127.0.0.1/32"]})
    for here, headers in (
        (settings, SAMPLED),
        (behind, NOT_SAMPLED),
        (behind, {}),
    ):  # a stranger's header has no effect
        async with served(here) as web:
            assert (await web.get("/v1/events", headers=headers)).status_code == 200
            assert (await web.get("/livez", headers=SAMPLED)).status_code == 200
    assert (collector.received, [it for it in logged.entries if "trace_id" in it]) == ([], [])
    async with served(behind) as web:
        web.app.stores.postgres.terminate()
        answer = await web.get("/v1/events", headers=SAMPLED)
        assert answer.status_code == 503
    [span] = [it for it in await collector.has(TRACE, "GET /v1/events") if it.kind == "server"]
    assert (span.failed, span.attributes["error.type"]) == (True, "503")


async def test_a_collector_that_is_away_costs_spans_and_one_line(
    settings: Settings, otel: pytest.MonkeyPatch, logged: LogCapture
) -> None:
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        otel.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        otel.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
        async with served(settings) as web:
            tracer = web.app.stores.tracer
            assert tracer is not None
            for _ in range(5_000):  # the queue holds 2,048
                span = tracer.request(None)
                assert span is not None
                span.end()

            async def noticed() -> bool:
                return [it["event"] for it in logged.entries if "collector" in it["event"]] != []

            await wait_until(noticed, "a line about the collector")
            assert (await web.get("/v1/events")).status_code == 200
    [line] = [it for it in logged.entries if "collector" in it["event"]]
    assert (line["log_level"], line["event"]) == (
        "warning",
        "the collector does not accept spans; they are dropped until it does",
    )


async def test_a_collector_that_answers_nothing_does_not_keep_a_process_from_ending(
    otel: pytest.MonkeyPatch,
) -> None:
    otel.setattr(tracing, "SHUTDOWN_S", 0.1)
    otel.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    requested, let_go = asyncio.Event(), asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requested.set()
        await let_go.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    otel.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with tracing.opened_tracer("worker") as tracer:
        assert tracer is not None
        span = tracer.request(None)
        assert span is not None
        span.end()
        await asyncio.wait_for(requested.wait(), PATIENCE_S)
    let_go.set()  # only now, so nobody waited for the response
    server.close()
    for thread in threading.enumerate():  # it would go on trying a port that others use by then
        if thread.name == "last spans":
            await asyncio.to_thread(thread.join, PATIENCE_S)
            assert not thread.is_alive()


async def test_without_the_extra_there_is_a_message_and_no_trace(
    otel: pytest.MonkeyPatch, collector: Collector, logged: LogCapture
) -> None:
    otel.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    async with tracing.opened_tracer("web") as tracer:
        assert tracer is None
    assert "install fairgate[otel]" in logged.entries[0]["event"]
    for name, value in (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")):
        otel.setenv(name, value)
        assert not tracing.is_enabled()
        otel.delenv(name)


async def test_off_nothing_of_opentelemetry_is_imported(settings: Settings, otel: pytest.MonkeyPatch) -> None:
    for name in [it for it in sys.modules if it.startswith("opentelemetry")]:
        otel.delitem(sys.modules, name)
    async with served(settings) as web, tracing.opened_tracer("worker") as tracer:
        assert (web.app.stores.tracer, tracer) == (None, None)
        assert (await web.get("/v1/events", headers=SAMPLED)).status_code == 200
    assert [it for it in sys.modules if it.startswith("opentelemetry")] == []


@pytest.mark.parametrize(
    ("sampler", "argument", "known"),
    [
        ("", "", Sampling(ALL, True)),
        ("always_on", "", Sampling(ALL, False)),
        ("always_off", "", Sampling(0, False)),
        ("traceidratio", "0.01", Sampling(round(ALL * 0.01), False)),
        ("parentbased_traceidratio", "0", Sampling(0, True)),
        ("parentbased_always_off", "", Sampling(0, True)),
        ("parentbased_traceidratio", "7 %", Sampling(ALL, True)),
        ("jaeger_remote", "", Sampling(ALL, True)),
    ],
)
def test_the_standard_samplers(
    otel: pytest.MonkeyPatch, sampler: str, argument: str, known: Sampling
) -> None:
    otel.setenv("OTEL_TRACES_SAMPLER", sampler)
    otel.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert tracing.sampling() == known
