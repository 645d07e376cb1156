"""Restarts under load of two instances that share a port: how many requests are lost.

.venv/bin/python -m benchmarks.chaos.restarts [RESTARTS] [DRAIN_SECONDS]
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.load import Load
from tests.support.postgres import own_postgres
from tests.support.service import Service, free_port


def start(directory: Path, settings: dict[str, str], number: int) -> Service:
    own = directory / str(number)
    own.mkdir()
    service = Service(own, settings, "--reuse-port")
    deadline = time.monotonic() + 60
    # Both instances answer on one port, so only the log says whether this one has started.
    while "curl" not in service.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    return service


def main() -> None:
    restarts = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    drain = sys.argv[2] if len(sys.argv) > 2 else "1"
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as name:
        settings = {"DATABASE_URL": postgres.url, "PORT": str(free_port()), "DRAIN_SECONDS": drain}
        old = start(Path(name), settings, 0)
        old.wait_until_it_answers()
        load = Load(old.url)
        with load.running():
            for number in range(1, restarts + 1):
                new = start(Path(name), settings, number)
                old.stop()
                old = new
        print(f"restarts: {restarts}; DRAIN_SECONDS={drain}; slowest answer {load.slowest:.2f} s; {dict(load.answers)}")
        print(f"tasks there: {load.total()}, acknowledged: {load.answers['201']}")
        old.stop()


if __name__ == "__main__":
    main()
