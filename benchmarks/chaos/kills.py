"""Hundreds of kills of PostgreSQL and the service; then compares the acknowledged writes with the database.

.venv/bin/python -m benchmarks.chaos.kills [KILLS] [SEED]
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.support.kills import KINDS, Killer
from tests.support.postgres import own_postgres


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    began = time.monotonic()
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as directory:
        outcome = Killer(postgres, Path(directory), seed).run(random.Random(seed).choices(KINDS, k=kills))
    print(f"seed: {seed}; {time.monotonic() - began:.0f} s")
    print("\n".join(outcome.lines()))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
