"""OpenTelemetry traces: the extra `tracing`, imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set.

The spans of a request are made after it, from its `RequestContext`, so that tracing adds no work to the request itself.
"""

import time
from typing import Final

from litestar.types import HTTPScope
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from todo_api import __version__
from todo_api.observability.context import RequestContext

_CONTEXT: Final = TraceContextTextMapPropagator()


class Tracing:
    """The exporter of one worker. Must be created after the fork: it starts a thread."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({"service.name": "todo-api", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
        self._tracer = self._provider.get_tracer("todo-api", __version__)

    def __call__(self, scope: HTTPScope, method: str, route: str, status: int, context: RequestContext) -> None:
        """Exports a request that was answered just now. https://opentelemetry.io/docs/specs/semconv/http/http-spans/"""
        offset = time.time() - time.perf_counter()
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"}
        span = self._tracer.start_span(
            f"{method} {route}",
            context=_CONTEXT.extract(carrier),
            kind=SpanKind.SERVER,
            start_time=_nanoseconds(context.began_at + offset),
            attributes={
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "todo_api.request_id": context.request_id,
            },
        )
        if context.statements:
            inner = self._tracer.start_span(
                "database",
                context=set_span_in_context(span),
                kind=SpanKind.CLIENT,
                start_time=_nanoseconds(context.database_began_at + offset),
                attributes={"db.system.name": "postgresql", "todo_api.statements": context.statements},
            )
            inner.end(_nanoseconds(context.database_began_at + context.database_seconds + offset))
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def close(self) -> None:
        """Sends the remaining spans. Blocks."""
        self._provider.shutdown()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
