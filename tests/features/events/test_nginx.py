"""Streams through nginx, with the settings of docs/operations.md."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.features.events.test_end import until, used
from tests.support.client import Person, fresh_user
from tests.support.events import streaming
from tests.support.service import Service, free_port

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
DOCUMENTED = re.findall(
    r"```nginx\n(.*?)```", (Path(__file__).parents[3] / "docs/operations.md").read_text(), re.DOTALL
)[0]
UNTOLD = "location / { proxy_pass http://todo_api; proxy_ignore_headers X-Accel-Buffering; }"
"""Without the second setting nginx obeys the header of the service."""
SECONDS = 3.0
_CONFIGURATION = """
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  gzip on;
  upstream todo_api {{ server 127.0.0.1:{service}; }}
  server {{
    listen 127.0.0.1:{port};
    {location}
  }}
}}
"""

pytestmark = pytest.mark.skipif(
    NGINX is None and os.environ.get("CI") != "true", reason="there is no nginx: apt-get install nginx-light"
)


@contextmanager
def behind_nginx(service: Service, home: Path, location: str) -> Iterator[Person]:
    """A new user whose requests pass through nginx."""
    assert NGINX is not None, "nginx is not installed"
    port = free_port()
    file = home / "nginx.conf"
    file.write_text(_CONFIGURATION.format(home=home, service=service.port, port=port, location=location))
    process = subprocess.Popen([NGINX, "-c", file, "-e", home / "error.log"])
    try:
        with Person(f"http://127.0.0.1:{port}", fresh_user("ann")) as ann:
            until(lambda: _answers(ann))
            yield ann
    finally:
        process.terminate()
        process.wait(10)


def _answers(person: Person) -> bool:
    try:
        return person.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_with_the_documented_settings_each_event_passes_at_once(service: Service, tmp_path: Path) -> None:
    with behind_nginx(service, tmp_path, DOCUMENTED) as ann:
        with streaming(ann, seconds=SECONDS) as events:
            assert events.next().name == "ready"
            assert "content-encoding" not in events.answer.headers
            for number in range(1, 6):
                began = time.monotonic()
                ann.creates(title=f"{number}")
                assert events.until(number)[-1].data["change_id"] == number
                assert time.monotonic() - began < SECONDS
        until(lambda: used(ann) == 0, SECONDS)


def test_nginx_that_is_not_told_otherwise_obeys_the_header_of_the_service(service: Service, tmp_path: Path) -> None:
    location = UNTOLD.replace("proxy_ignore_headers X-Accel-Buffering;", "")
    with behind_nginx(service, tmp_path, location) as ann, streaming(ann, seconds=SECONDS) as events:
        assert events.next().name == "ready"
        ann.creates()
        assert events.next().name == "changes"


def test_with_buffering_no_event_would_come(service: Service, tmp_path: Path) -> None:
    """So the tests above show something."""
    with (
        behind_nginx(service, tmp_path, UNTOLD) as ann,
        pytest.raises(httpx.ReadTimeout),
        streaming(ann, seconds=SECONDS) as events,
    ):
        events.next()
