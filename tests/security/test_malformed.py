"""Malformed requests: no 5xx, no hang, and the service still answers."""

import asyncio

from tests.support.client import Person
from tests.support.malformed import KINDS, fuzz
from tests.support.service import Service

REQUESTS = 100 * len(KINDS)
"""benchmarks/hostile/malformed.py sends 50 000 and more, and measures the memory."""


def test_malformed_requests_do_no_harm(service: Service, ann: Person) -> None:
    outcome = asyncio.run(fuzz(service.port, REQUESTS, seed=1))
    assert outcome.errors == []
    assert outcome.hangs == []
    statuses = {status for counted in outcome.answers.values() for status in counted}
    assert {0, 200, 400, 401, 404, 405} <= statuses
    assert ann.sees(ann.creates()["id"])
