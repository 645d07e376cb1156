"""A write answered with 2xx is stored exactly once, even if any process is killed. `benchmarks/chaos/` runs longer."""

import time
from pathlib import Path

from tests.support.kills import KINDS, Killer
from tests.support.postgres import own_postgres


def test_nothing_acknowledged_is_lost_when_everything_is_killed(tmp_path: Path) -> None:
    with own_postgres() as postgres:
        outcome = Killer(postgres, tmp_path, seed=int(time.time())).run([*KINDS, "postgres", "service"])
    assert not outcome.wrong, outcome.lines()
    assert outcome.kills.total() == 6
    assert outcome.counts["acknowledged"] > 50
