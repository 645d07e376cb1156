"""python -m benchmarks.hostile.timing [ROUNDS]: does a stranger's task take as long as an unknown id?"""

import random
import statistics
import sys
import time
from uuid import uuid4

from benchmarks.hostile.server import service
from tests.support.client import Person, fresh_user

rounds = int((*sys.argv[1:], "2000")[0])
with service() as started, Person(started.url, fresh_user("ann")) as ann, Person(started.url, fresh_user("bob")) as bob:
    theirs = ann.creates(tags=["t"])["id"]
    for method, path, body in (
        ("GET", "tasks/{}", None),
        ("PATCH", "tasks/{}", {"title": "a", "tags": ["b"]}),
        ("PATCH", "tasks/{}/complete", None),
        ("DELETE", "tasks/{}", None),
    ):
        took: dict[str, list[float]] = {"a stranger's": [], "an unknown": []}
        for _ in range(rounds):
            calls = [("a stranger's", theirs), ("an unknown", str(uuid4()))]
            random.shuffle(calls)
            for whose, task_id in calls:
                began = time.perf_counter()
                status = bob.request(method, path.format(task_id), json=body).status_code
                took[whose].append((time.perf_counter() - began) * 1000)
                if status != 404:
                    sys.exit(f"{method} {path} answered {status}")
        medians = {whose: statistics.median(times) for whose, times in took.items()}
        difference = 1000 * (medians["a stranger's"] - medians["an unknown"])
        print(f"{method} {path}: {medians['an unknown']:.3f} ms; a stranger's {difference:+.1f} µs")
