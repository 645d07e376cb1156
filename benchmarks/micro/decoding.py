"""The cost of finding repeated names in an accepted body: `python -m benchmarks.micro.decoding`.

µs of CPU for each body, interleaved, median of the rounds: msgspec alone; the second parse that gives every name; the
search that replaces it; `decode_body` as a whole.
"""

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec

from todo_api.features.tasks.structs import TaskCreate
from todo_api.http import decoding

ROUNDS = 41
CALLS = 400
TEXT = "Größe 日本語 " * 100
BODIES: dict[str, bytes] = {
    name: json.dumps(body, ensure_ascii=name.endswith("escaped")).encode()
    for name, body in {
        "title only": {"title": "Buy milk"},
        "typical": {
            "title": "Buy milk",
            "description": "Two litres, the fresh one",
            "priority": "High",
            "due_date": "2026-12-31",
            "tags": ["shopping", "home"],
        },
        "20 tags": {"title": "Buy milk", "tags": [f"tag number {number}" for number in range(20)]},
        "1000 characters": {"title": "Buy milk", "description": "x" * 1000},
        "1000 in lines": {"title": "Buy milk", "description": ("x" * 49 + "\n") * 20},
        "1000 in Unicode": {"title": "Buy milk", "description": TEXT[:1000]},
        "1000 in Unicode, escaped": {"title": "Buy milk", "description": TEXT[:1000]},
        "1000 in Kanji, escaped": {"title": "Buy milk", "description": "日本語" * 333},
        "a tag named title": {"title": "Buy milk", "tags": ["title"]},
    }.items()
}


def microseconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        work()
    return (time.process_time() - began) / CALLS * 1e6


def main() -> None:
    decode = msgspec.json.Decoder(TaskCreate).decode
    print(f"{'':26}{'bytes':>7}{'msgspec':>9}{'second':>9}{'search':>9}{'all':>9}")
    for name, body in BODIES.items():
        ways: list[Callable[[], Any]] = [
            lambda body=body: decode(body),
            lambda body=body: decoding._repeated(body),
            lambda body=body: decoding._may_repeat_names(TaskCreate, body),
            lambda body=body: decoding.decode_body(TaskCreate, body),
        ]
        rounds = [[microseconds(way) for way in ways] for _ in range(ROUNDS)]
        print(f"{name:26}{len(body):7}" + "".join(f"{median(way):9.2f}" for way in zip(*rounds, strict=True)))


if __name__ == "__main__":
    main()
