"""Restarts of two instances that share a port, under load: counts the lost requests.

.venv/bin/python -m benchmarks.chaos.restarts [RESTARTS] [DRAIN_SECONDS] [VARIANTS]

VARIANTS is `filter` (the default), `plain`, or both with a comma: then they take turns. A `plain` instance announces
that it stops, and waits as long, but does not drop SYN packets. Each variant is stopped RESTARTS times.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from tests.support.load import Load
from tests.support.postgres import own_postgres
from tests.support.service import PROGRAM, Service, free_port

_REQUESTS = 3000
"""The least number for each restart."""
_PLAIN = f"""#!{sys.executable}
from todo_api.cli.main import main
from todo_api.http import shutdown

shutdown._drop_new_connections = lambda: None
main()
"""


def started(directory: Path, settings: dict[str, str], variant: str) -> Service:
    directory.mkdir()
    program = PROGRAM
    if variant == "plain":
        program = directory / "todo-api"
        program.write_text(_PLAIN)
        program.chmod(0o700)
    with patch("tests.support.service.PROGRAM", program):
        service = Service(directory, settings, "--reuse-port")
    deadline = time.monotonic() + 60
    # The old instance answers on the same port, so only the log shows that the new one has started.
    while "curl" not in service.log.read_text():
        assert service.process.poll() is None, service.log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2)
    return service


def main() -> None:
    arguments = dict(enumerate(sys.argv))
    restarts, drain = int(arguments.get(1, 10)), arguments.get(2, "1")
    variants = arguments.get(3, "filter").split(",")
    answers: dict[str, Counter[str]] = {variant: Counter() for variant in variants}
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as name:
        settings = {"DATABASE_URL": postgres.url, "PORT": str(free_port()), "DRAIN_SECONDS": drain}
        old = started(Path(name) / "0", settings, variants[0])
        old.wait_until_it_answers()
        load = Load(old.url)
        with load.running():
            for number in range(1, restarts * len(variants) + 1):
                before = load.answers.copy()
                new = started(Path(name) / str(number), settings, variants[number % len(variants)])
                while load.answers.total() - before.total() < _REQUESTS:
                    time.sleep(0.1)
                old.stop()
                time.sleep(0.5)  # for answers that the old instance still sends
                answers[variants[(number - 1) % len(variants)]] += load.answers - before
                old = new
        for variant, counted in answers.items():
            print(f"{variant}: {restarts} restarts, {counted.total()} requests: {dict(counted)}")
        print(f"DRAIN_SECONDS={drain}; slowest answer {load.slowest:.2f} s")
        print(f"tasks there: {load.total()}, acknowledged: {load.answers['201']}")
        distinct, head = len(set(load.change_ids)), max(load.change_ids)
        print(f"Change-Ids: {distinct} distinct, the highest {head}, {load.fallen} not above the client's last")
        old.stop()


if __name__ == "__main__":
    main()
