"""Processes that send traces, and a collector that receives them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from app import tracing
from app.store.spans import with_trace_ids
from tests.support.otlp import Collector, a_collector
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def otel(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of processes that send traces immediately."""
    for name in [it for it in os.environ if it.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setattr(tracing, "SHUTDOWN_S", PATIENCE_S)
    return monkeypatch


@pytest.fixture
async def collector(otel: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with a_collector() as found:
        otel.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


@pytest.fixture
def logged() -> Iterator[LogCapture]:
    """Log lines with the context bound to them."""
    lines = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, with_trace_ids, lines])
    yield lines
    structlog.reset_defaults()
