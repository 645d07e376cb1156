"""The audit of the locked dependencies finds what is known, and never takes silence for good news."""

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
    """A database of vulnerabilities (https://google.github.io/osv.dev/post-v1-query/), and what it was asked for."""
    asked: set[str] = set()

    class JsonResponse(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = question.get("package", {}).get("name", "")
            asked.add(name)
            body = json.dumps({"vulns": [KNOWN]} if name in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output is the audit's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), JsonResponse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        finally:
            server.shutdown()
            thread.join()


def audit(url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/audit", url], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_everything_locked_is_asked_for() -> None:
    with osv() as (url, asked):
        done = audit(url)
    assert done.returncode == 0, done.stdout + done.stderr
    locked = set(re.findall(r'^name = "([^"]+)"', LOCK, re.MULTILINE))
    assert {"msgspec", "litestar", "pyjwt", "locust"} <= asked
    assert len(locked - asked) < 0.15 * len(locked), locked - asked  # other platforms' packages are left out


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


def test_the_lock_is_exact_and_comes_from_nowhere_in_particular() -> None:
    packages = re.split(r"^\[\[package\]\]$", LOCK, flags=re.MULTILINE)[1:]
    assert len(packages) > 80
    for package in packages:
        assert re.search(r'^version = "[0-9][^"]*"$', package, re.MULTILINE), package
        assert re.search(r'hash = "sha256:[0-9a-f]{64}"', package), package
    assert "://" not in LOCK
