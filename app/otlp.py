"""Encodes spans as OTLP and passes them to OpenTelemetry's exporter. Imported only by `app/tracing.py`, on
demand.

The SDK's own encoder takes three times as long per span, mostly to check attributes again. Spans are encoded
in the exporter's thread, many at a time: encoding one where a request ends costs several times as much,
because its code has left the processor's caches by then. The thread yields to requests every few spans.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, SpanFlags, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from app.store.traces import Kind, Point, Span

log = structlog.get_logger(__name__)

SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
KINDS: dict[Kind, Any] = {
    "internal": Message.SPAN_KIND_INTERNAL,
    "server": Message.SPAN_KIND_SERVER,
    "client": Message.SPAN_KIND_CLIENT,
    "producer": Message.SPAN_KIND_PRODUCER,
    "consumer": Message.SPAN_KIND_CONSUMER,
}
AT_ONCE = 16  # spans encoded between two yields, about 0.1 ms
LOCAL: int = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
REMOTE: int = LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
SAMPLED = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class EndedSpan:
    """An ended span. The SDK's queue accepts any object with a sampled `context`."""

    __slots__ = ("span",)
    context = SAMPLED

    def __init__(self, span: Span) -> None:
        self.span = span


def message_of(span: Span) -> Any:
    """Return this span as the `Span` message of opentelemetry-proto."""
    parent = span.parent
    message = Message(
        trace_id=span.trace_id.to_bytes(16, "big"),
        span_id=span.span_id.to_bytes(8, "big"),
        parent_span_id=parent.span_id.to_bytes(8, "big") if parent else b"",
        name=span.name,
        kind=KINDS[span.kind],
        start_time_unix_nano=span.started_ns,
        end_time_unix_nano=span.ended_ns,
        flags=_flags(parent),
    )
    _add(message.attributes, span.attributes)
    if span.error:
        _add(message.attributes, {"error.type": span.error})
        message.status.code = Status.STATUS_CODE_ERROR
    for link in span.links:
        message.links.add(
            trace_id=link.trace_id.to_bytes(16, "big"),
            span_id=link.span_id.to_bytes(8, "big"),
            flags=_flags(link),
        )
    return message


def _flags(of: Point | None) -> int:
    """Flags that tell whether a parent or a link is in another process; a `Span` object is always of this
    one."""
    return LOCAL if of is None or isinstance(of, Span) else REMOTE


def _add(to: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        into = to.add(key=key).value
        if type(value) is str:
            into.string_value = value
        elif type(value) is bool:
            into.bool_value = value
        elif type(value) is int:
            into.int_value = value
        else:
            into.double_value = value


class ReportingExporter(OTLPSpanExporter):
    """OpenTelemetry's exporter with our encoder. Logs when the collector stops accepting spans, and when it
    resumes."""

    def __init__(self, resource: Resource) -> None:
        super().__init__()
        self._of, self._taken = resource, True

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Send the spans in `EndedSpan`. `_client`, which retries, is not public: hence the version bound in
        pyproject.toml."""
        accepted = not self._shutdown and self._client.export(self._request(spans)).success
        if accepted != self._taken:
            self._taken = accepted
            if accepted:
                log.info("the collector accepts spans again")
            else:
                log.warning("the collector does not accept spans; they are dropped until it does")
        return SpanExportResult.SUCCESS if accepted else SpanExportResult.FAILURE

    def _request(self, spans: Sequence[EndedSpan]) -> bytes:
        request = ExportTraceServiceRequest()
        of_us: ResourceSpans = request.resource_spans.add(schema_url=self._of.schema_url)
        _add(of_us.resource.attributes, self._of.attributes)
        scope_spans: ScopeSpans = of_us.scope_spans.add(schema_url=SCHEMA)
        scope_spans.scope.name = "fairgate"
        for number, it in enumerate(spans, start=1):
            scope_spans.spans.append(message_of(it.span))
            if number % AT_ONCE == 0:
                time.sleep(0)
        data: bytes = request.SerializeToString()
        return data
