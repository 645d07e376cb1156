"""Nothing that was written while processes were killed is missed by a client that reads the changes."""

import random
import time
from pathlib import Path

from tests.concurrency.sync.killed import KINDS, run
from tests.support.postgres import own_postgres


def test_readers_miss_nothing_while_processes_are_killed(tmp_path: Path) -> None:
    with own_postgres() as postgres:
        killer = run(postgres, tmp_path, int(time.time()), random.sample(KINDS, k=len(KINDS)), (0.5, 1.0))
    counts = killer.outcome.counts
    assert counts["entries of the log"] > 20
    assert counts["complete copies compared"] > 5
