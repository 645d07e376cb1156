"""Traces as an OpenTelemetry collector receives them."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.client import fresh_user
from tests.support.production import in_production, line_of, somebody
from todo_api.config.environment import SettingsError
from todo_api.config.settings import load_settings

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    spans: list[Span] = []

    class Traces(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(span for part in sent.resource_spans for scope in part.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keeps the request log out of the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Traces) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes}


def test_a_request_continues_its_callers_trace(database_url: str, tmp_path: Path) -> None:
    with (
        collector() as (url, spans),
        in_production(tmp_path, database_url, OTEL_EXPORTER_OTLP_ENDPOINT=url) as service,
        somebody(service, fresh_user("ann")) as ann,
    ):
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "export_traces"}
        assert ann.post("tasks", json={"title": "xyzzy"}, headers=headers).status_code == 201
        assert line_of(service, "export_traces")["trace_id"] == TRACE
        assert service.stop() == 0
    request, database = sorted(spans, key=lambda span: span.start_time_unix_nano)
    assert request.name == "POST /api/{user_id}/tasks"
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(request) == {
        "http.request.method": "POST", "http.route": "/api/{user_id}/tasks", "http.response.status_code": "201",
        "todo_api.request_id": "export_traces",
    }  # fmt: skip
    assert (database.trace_id, database.parent_span_id) == (request.trace_id, request.span_id)
    assert request.start_time_unix_nano < database.start_time_unix_nano < database.end_time_unix_nano
    assert database.end_time_unix_nano < request.end_time_unix_nano
    assert "xyzzy" not in str(spans)
    assert ann.user_id not in str(spans)


def test_without_the_setting_the_sdk_is_not_imported(tmp_path: Path) -> None:
    """If the extra is installed, Litestar itself imports the OpenTelemetry API, which does nothing without the SDK."""
    program = (
        "import sys; from pathlib import Path; from todo_api.app import create_app\n"
        "from todo_api.config.settings import load_settings; create_app(load_settings({}, Path.cwd()))\n"
        "tracing = ('opentelemetry.sdk', 'todo_api.observability.tracing')\n"
        "sys.exit(any(name.startswith(tracing) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0


def test_a_bad_endpoint_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT is 'collector'"):
        load_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, tmp_path)
