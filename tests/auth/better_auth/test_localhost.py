"""The guide's set-up on one machine: Vite, Better Auth with PostgreSQL and the service, used by a browser."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.auth.better_auth.frontend import HERE, chromium, node, project, require_node, snippets
from tests.auth.better_auth.test_browser import PREFLIGHT
from tests.support.service import SECRET, free_port, running
from todo_api.cli.embedded_postgres import embedded_postgres


@contextmanager
def started(log: Path, ready: str, *command: str | Path, environ: Mapping[str, str]) -> Iterator[None]:
    """A server that is ready when `ready` is in its output."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while ready not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def settings(block: str, ports: Mapping[str, str]) -> dict[str, str]:
    for port, instead in ports.items():
        block = block.replace(port, instead)
    return dict(line.split("=", 1) for line in block.splitlines())


def replace_ports(directory: Path, ports: Mapping[str, str]) -> None:
    for name in ("server.ts", "lib/auth.ts", "vite.config.ts"):
        file = directory / name
        text = file.read_text()
        for port, instead in ports.items():
            text = text.replace(port, instead)
        file.write_text(text)


def test_vite_better_auth_and_the_service_work_together_on_one_machine(database_url: str, tmp_path: Path) -> None:
    require_node()
    browser = chromium()
    ports = {port: str(free_port()) for port in ("3000", "5173", "8000")}
    page = f"http://localhost:{ports['5173']}"
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="t", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home, {"fsync": "off"}))
        directory = stack.enter_context(project("localhost"))
        replace_ports(directory, ports)
        esbuild = HERE / "node_modules/.bin/esbuild"
        options = ["--bundle", "--format=esm", "--platform=node", "--packages=external", "--log-level=warning"]
        node(esbuild, "server.ts", "localhost.ts", *options, "--outdir=built", directory=directory)

        front_end = settings(snippets()["localhost/front-end.env"], ports) | {"DATABASE_URL": url}
        api = settings(snippets()["localhost/.env"], ports)
        api |= {"DATABASE_URL": database_url, "BETTER_AUTH_SECRET": "", "PORT": ports["8000"], "RATE_LIMIT": "off"}
        stack.enter_context(started(directory / "auth.log", "READY", "node", "built/server.js", environ=front_end))
        service = stack.enter_context(running(tmp_path, api))
        vite = HERE / "node_modules/.bin/vite"
        stack.enter_context(started(directory / "vite.log", "ready in", vite, environ={"HOME": str(tmp_path)}))
        seen = json.loads(
            node("node", "built/localhost.js", directory=directory, environ={"CHROMIUM": browser, "PAGE": page})
        )
        assert seen["tasks"] == [["Call Bob", "done"], ["Buy milk", ""]]
        assert seen["said_to_the_next"].startswith("0 tasks of ")
        assert seen["complaints"] == []
        assert not PREFLIGHT.search(service.log.read_text())
        assert front_end["BETTER_AUTH_SECRET"] != SECRET, "the service verifies with the published keys"
