"""Sends traces to an OpenTelemetry collector: OTLP over HTTP, in a thread of its own.

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set; only then is OpenTelemetry imported. Its SDK reads the
standard `OTEL_*` variables itself. Spans (`store/traces.py`) are queued up to a limit, beyond which the
oldest are dropped, so that neither a slow collector nor a missing one delays a request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import structlog

from app.store.traces import ALL, Sampling, Tracer

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
SHUTDOWN_S = 1.0  # to send what is queued when the process ends
CHATTY = (  # these log each failure, some with a traceback; ours logs when failures start and end
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


def is_enabled() -> bool:
    """Whether the environment asks for traces."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    return any(os.environ.get(it) for it in ENDPOINTS) and not off and exporter != "none"


@asynccontextmanager
async def opened_tracer(role: Literal["web", "worker"]) -> AsyncIterator[Tracer | None]:
    """The tracer of this process; None if no traces are wanted, or they cannot be sent."""
    if not is_enabled():
        yield None
        return
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError:
        log.warning(
            "no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is set, but the exporter is not installed; "
            "install fairgate[otel]"
        )
        yield None
        return
    tracer, shutdown = _start(role)
    try:
        yield tracer
    finally:
        await _bounded(shutdown, SHUTDOWN_S)


def _start(role: str) -> tuple[Tracer, Callable[[], None]]:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from app.otlp import EndedSpan, ReportingExporter

    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    protocol = next((it for name in PROTOCOLS if (it := os.environ.get(name))), SPOKEN)
    if protocol != SPOKEN:
        log.warning("traces are sent as http/protobuf, the only supported protocol", asked_for=protocol)
    sending = BatchSpanProcessor(ReportingExporter(_resource(role)))
    queue: Callable[[Any], None] = sending.on_end  # it only reads the context
    tracer = Tracer(sampling(), lambda span: queue(EndedSpan(span)))
    log.info("sending traces", sampler=os.environ.get("OTEL_TRACES_SAMPLER", "parentbased_always_on"))
    return tracer, sending.shutdown


def sampling() -> Sampling:
    """Return the sampling set by `OTEL_TRACES_SAMPLER` and its argument; invalid values count as not set."""
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_always_on"
    follows, root = name.startswith("parentbased_"), name.removeprefix("parentbased_")
    if root == "traceidratio":
        ratio_text = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
        with suppress(ValueError):
            return Sampling(TraceIdRatioBased.get_bound_for_rate(_ratio(ratio_text)), follows)
        log.warning(
            "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: all traces are sampled", is_=ratio_text
        )
        return Sampling(ALL, follows)
    if root in ("always_on", "always_off"):
        return Sampling(ALL if root == "always_on" else 0, follows)
    log.warning("OTEL_TRACES_SAMPLER is unknown: all traces are sampled", is_=name)
    return Sampling(ALL, follows=True)


def _ratio(text: str) -> float:
    ratio = float(text)
    if not 0 <= ratio <= 1:
        raise ValueError
    return ratio


def _resource(role: str) -> Any:
    """The resource of all spans; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence."""
    from importlib.metadata import version

    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    attributes = {
        "service.name": f"fairgate-{role}",
        "service.namespace": "fairgate",
        "service.version": version("fairgate"),
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        "fairgate.role": role,
    }
    return Resource.create().merge(Resource(attributes)).merge(OTELResourceDetector().detect())


async def _bounded(work: Callable[[], None], seconds: float) -> None:
    """Run this in a thread, and abandon it if it takes longer: it dies with the process."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        work()
        with suppress(RuntimeError):  # the loop is closed: nobody waited
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, daemon=True, name="last spans").start()
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), seconds)
