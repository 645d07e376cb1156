"""16 writers and 4 reading clients of one user, while processes are killed; then compares all copies with the service.

.venv/bin/python -m benchmarks.chaos.sync [KILLS] [SEED]

50 kills take about a minute.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.concurrency.sync.killed import KINDS, run
from tests.support.postgres import own_postgres


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    began = time.monotonic()
    with own_postgres() as postgres, tempfile.TemporaryDirectory() as directory:
        killer = run(postgres, Path(directory), seed, random.Random(seed).choices(KINDS, k=kills), (0.3, 1.1))
    print(f"seed: {seed}; {time.monotonic() - began:.0f} s")
    print("\n".join(line for line in killer.outcome.lines() if not line.startswith("wrong")))
    print("nothing missed, nothing twice, order kept")


if __name__ == "__main__":
    main()
