"""The front end of the guide: its snippets, built and run with the real Better Auth."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, Self
from uuid import uuid4

import httpx
import pytest

from tests.support.service import SECRET, free_port

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
CLIENT: Final = ROOT / "clients/typescript"
GUIDE: Final = ROOT / "docs/better-auth.md"
_NODE: Final = 20
_SNIPPET: Final = re.compile(r"^```\w+\n(?://|#) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAYS: Final = ("published-keys", "shared-secret")
_FOLDERS: Final = tuple(f"{name}/" for name in (*WAYS, "localhost"))
"""Blocks whose name begins so belong to the project of that name; all others belong to every project."""


def missing(reason: str) -> NoReturn:
    """Skips the test on a developer's machine, and fails it in CI, where everything is installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_node() -> None:
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout if node else "v0"
    if int(version[1:].split(".")[0]) < _NODE:
        missing(f"Node {_NODE} or newer is needed")
    for directory in (HERE, CLIENT):
        if not (directory / "node_modules/.installed").exists():
            missing("the Node packages are not installed: `make node`")


def chromium() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return program or missing("Chromium is needed")


def snippets() -> dict[str, str]:
    """The guide's blocks by the name in their first line."""
    return dict(_SNIPPET.findall(GUIDE.read_text()))


def node(*command: str | Path, directory: Path, environ: Mapping[str, str] | None = None) -> str:
    """Runs a program with Node and returns its output."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def project(way: str) -> Iterator[Path]:
    """The front end's sources as the guide says to write them, in a folder that finds the installed packages."""
    directory = HERE / ".build" / f"{way}-{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        shutil.copytree(HERE / "app", directory)
        shutil.copytree(CLIENT / "src", directory / "lib/todo-api")
        shutil.copy(HERE / "tsconfig.json", directory)
        for name, text in snippets().items():
            file = directory / name.removeprefix(f"{way}/")
            if name.startswith(f"{way}/") or not name.startswith(_FOLDERS):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def build(directory: Path, api: str) -> None:
    esbuild = HERE / "node_modules/.bin/esbuild"
    common = ["--bundle", "--format=esm", "--log-level=warning", f"--outdir={directory}"]
    node(esbuild, "page.ts", *common, directory=directory)
    page = (directory / "page.js").read_text()
    assert page.count('"/todo"') == 1
    (directory / "across.js").write_text(page.replace('"/todo"', f'"{api}"'))
    programs = ["server.ts", "day.ts", "browser.ts"]
    node(esbuild, *programs, "--platform=node", "--packages=external", *common, directory=directory)


class BetterAuth:
    """The real Better Auth, as a process of its own."""

    def __init__(self, directory: Path, port: int, secret: str = SECRET) -> None:
        self.directory, self.port, self.secret = directory, port, secret
        self.url = f"http://127.0.0.1:{port}"
        self.api = f"http://127.0.0.1:{free_port()}"
        build(directory, self.api)
        self.start()

    @property
    def environ(self) -> dict[str, str]:
        return {"BETTER_AUTH_URL": self.url, "BETTER_AUTH_SECRET": self.secret, "TODO_API_URL": self.api}

    def start(self) -> None:
        self.log = self.directory / "server.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [shutil.which("node") or "node", "server.js"],
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "PORT": str(self.port), **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 60
        while "READY" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.log.write_text("")

    def control(self, name: str, **body: object) -> dict[str, str]:
        answer = httpx.post(f"{self.url}/control/{name}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        value: dict[str, str] = answer.json()
        return value

    def run(self, program: str, **environ: str) -> str:
        return node("node", program, directory=self.directory, environ=self.environ | environ)


class SignedIn(httpx.Client):
    """A user with a session at Better Auth."""

    def __init__(self, better_auth: BetterAuth) -> None:
        super().__init__(base_url=better_auth.url, headers={"Origin": better_auth.url}, timeout=30)

    def __enter__(self) -> Self:
        super().__enter__()
        form = {"email": f"{uuid4()}@example.com", "password": "a long password", "name": "Ann"}
        answer = self.post("/api/auth/sign-up/email", json=form)
        assert answer.status_code == 200, answer.text
        self.session_token: str = answer.json()["token"]
        self.user_id: str = answer.json()["user"]["id"]
        return self

    def token(self) -> str:
        answer = self.get("/api/auth/token")
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token
