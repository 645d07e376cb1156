"""Thousands of schedules of three devices whose connections fail, as tests/concurrency/test_sync_model.py runs some.

.venv/bin/python -m benchmarks.chaos.sync_model [SCHEDULES] [SEED] [cluster]

A schedule that fails is made smaller and printed. With `cluster` they run on a Citus cluster, which needs
`../shared/citus`.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.concurrency.sync.run import run_schedules
from tests.support.cluster import WORKERS, own_cluster
from tests.support.service import environment
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.config.settings import load_settings
from todo_api.db.migrations import upgrade
from todo_api.observability import logs


@contextmanager
def _urls(*, cluster: bool) -> Iterator[list[str]]:
    if cluster:
        with own_cluster() as servers:
            servers.distribute()
            yield [servers.url(), *(servers.url(worker) for worker in WORKERS)]
        return
    with tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url:
            upgrade(url)
            yield [url]


def main() -> None:
    arguments = dict(enumerate(sys.argv))
    schedules, seed = int(arguments.get(1, 1000)), int(arguments.get(2, time.time()))
    logs.configure(load_settings(environment(LOG_LEVEL="ERROR"), Path("/nowhere")))
    print(f"seed: {seed}", flush=True)
    with _urls(cluster="cluster" in sys.argv) as urls:
        began = time.monotonic()
        model = run_schedules(*urls, most=schedules, number=seed)
        counts = ", ".join(f"{number} {word}" for word, number in model.counts.most_common())
        print(f"{model.schedules} schedules in {time.monotonic() - began:.0f} s: {counts}")


if __name__ == "__main__":
    main()
