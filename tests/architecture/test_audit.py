"""The audit of the locked dependencies reports known vulnerabilities, and says so when it could not be made."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.service import free_port

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "pdm.lock").read_text()
KNOWN = {
    "id": "GHSA-test-test-test",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "summary": "A hole",
    "details": "A hole",
    "affected": [{"package": {"name": "msgspec", "ecosystem": "PyPI"}, "versions": ["0.22.0"], "ranges": []}],
}


@contextmanager
def osv(*vulnerable: str) -> Iterator[tuple[str, set[str]]]:
    """URL of a stand-in for OSV (https://google.github.io/osv.dev/post-v1-query/), and the packages queried there."""
    queried: set[str] = set()

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query.get("package", {}).get("name", "")
            queried.add(name)
            body = json.dumps({"vulns": [KNOWN]} if name in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the request log out of the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", queried
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/audit", url], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_every_locked_package_is_queried() -> None:
    with osv() as (url, queried):
        done = audit(url)
    assert done.returncode == 0, done.stdout + done.stderr
    locked = set(re.findall(r'^name = "([^"]+)"', LOCK, re.MULTILINE))
    assert {"msgspec", "litestar", "pyjwt", "locust"} <= queried
    assert len(locked - queried) < 0.15 * len(locked), locked - queried  # packages of other platforms are left out


def test_a_known_vulnerability_fails_the_gate() -> None:
    with osv("msgspec") as (url, _):
        done = audit(url)
    assert done.returncode == 1
    assert "GHSA-test-test-test" in done.stdout


def test_an_audit_that_cannot_be_made_says_so() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1/query"
    done = audit(url)
    assert (done.returncode, done.stdout) == (0, f"audit: NOT DONE: {url} cannot be reached from here\n")
    assert audit(url, AUDIT="required").returncode == 1


def test_the_lock_has_exact_versions_and_hashes_and_no_address() -> None:
    packages = re.split(r"^\[\[package\]\]$", LOCK, flags=re.MULTILINE)[1:]
    assert len(packages) > 80
    for package in packages:
        assert re.search(r'^version = "[0-9][^"]*"$', package, re.MULTILINE), package
        assert re.search(r'hash = "sha256:[0-9a-f]{64}"', package), package
    assert "://" not in LOCK
