"""A collector that accepts spans as OTLP over HTTP and returns them as traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.waiting import wait_until


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as received."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: list[tuple[str, str]]  # (trace id, span id)
    attributes: dict[str, Any]
    failed: bool
    started_ns: int
    ended_ns: int


@dataclass
class Collector:
    """The collector's address and what it has received."""

    url: str = ""
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)  # of the last request
    resources: list[dict[str, Any]] = field(default_factory=list)
    received: list[ReceivedSpan] = field(default_factory=list)

    def of(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace, in the order they started."""
        return sorted((it for it in self.received if it.trace_id == trace_id), key=lambda it: it.started_ns)

    async def has(self, trace_id: str, *names: str) -> list[ReceivedSpan]:
        """The spans of a trace, once all of these are among them."""

        async def all_there() -> bool:
            return set(names) <= {it.name for it in self.of(trace_id)}

        try:
            await wait_until(all_there, f"the spans {names}")
        except AssertionError:
            raise AssertionError(f"{names} are not all in {[it.name for it in self.of(trace_id)]}") from None
        return self.of(trace_id)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = [line.split(": ", 1) for line in lines[1:] if line]
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                assert lines[0] == "POST /v1/traces HTTP/1.1"
                self.headers, self.requests = headers, self.requests + 1
                self._keep(ExportTraceServiceRequest.FromString(body))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    def _keep(self, request: ExportTraceServiceRequest) -> None:
        for of in request.resource_spans:
            resource = _attributes(of.resource.attributes)
            self.resources.append(resource)
            for scope in of.scope_spans:
                self.received += [_received_span(resource["service.name"], it) for it in scope.spans]


def _received_span(service: str, it: Span) -> ReceivedSpan:
    return ReceivedSpan(
        service,
        it.name,
        Span.SpanKind.Name(it.kind).removeprefix("SPAN_KIND_").lower(),
        it.trace_id.hex(),
        it.span_id.hex(),
        it.parent_span_id.hex(),
        [(link.trace_id.hex(), link.span_id.hex()) for link in it.links],
        _attributes(it.attributes),
        it.status.code == Status.STATUS_CODE_ERROR,
        it.start_time_unix_nano,
        it.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {it.key: getattr(it.value, it.value.WhichOneof("value")) for it in pairs}


@asynccontextmanager
async def a_collector() -> AsyncIterator[Collector]:
    """A collector that runs until the block ends."""
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
