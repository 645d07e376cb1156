"""python -m benchmarks.hostile.malformed [REQUESTS] [SEED]: raw-socket fuzz; last figures in docs/security.md."""

import asyncio
import sys
import time

import httpx

from benchmarks.hostile.server import memory_mib, service
from tests.support.client import Person, fresh_user
from tests.support.malformed import KINDS, fuzz

WARM_UP = 5000
"""Requests before the first measurement of memory, so that one-time allocations are not counted."""
requests, seed = (int(argument) for argument in (*sys.argv[1:], "50000", "1")[:2])
with service() as started:
    asyncio.run(fuzz(started.port, WARM_UP, seed=-1))
    before, began = memory_mib(started), time.monotonic()
    outcome = asyncio.run(fuzz(started.port, requests, seed))
    took, after = time.monotonic() - began, memory_mib(started)
    with Person(started.url, fresh_user("ann")) as ann:
        alive = httpx.get(f"{started.url}/health/ready").status_code == 200 and bool(ann.sees(ann.creates()["id"]))
    failures = started.log.read_text().count("unhandled")
statuses = sorted({status for counted in outcome.answers.values() for status in counted})
print("| kind |", " | ".join(str(status) if status else "closed" for status in statuses), "|")
print("|---|" + "---:|" * len(statuses))
for kind in KINDS:
    print(f"| {kind} |", " | ".join(str(outcome.answers[kind][status] or "") for status in statuses), "|")
print(f"{requests} requests in {took:.0f} s; 5xx: {len(outcome.errors)}, hangs: {len(outcome.hangs)}, alive: {alive}")
print(f"failures in the log: {failures}; memory {before:.1f} MiB before, {after:.1f} MiB after")
for data in (*outcome.errors[:5], *outcome.hangs[:5]):
    print(data)
sys.exit(bool(outcome.errors or outcome.hangs or failures or not alive))
