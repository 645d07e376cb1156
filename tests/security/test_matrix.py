"""The tables of docs/security.md are those made from the routes of the app and from the tested cases."""

import statistics
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.security.matrix import ONE_CONNECTION, PAGE, cases, matrix, tables_of
from tests.support.client import Person
from tests.support.counting_proxy import CountingProxy
from tests.support.service import running

WRITE = "update it with `.venv/bin/python -m tests.security.matrix`"
ROUNDS = 150
MOST_TRIES = 5


@pytest.fixture(scope="module")
def documented() -> dict[str, str]:
    return tables_of(PAGE.read_text())


def test_the_matrix_is_the_documented_one(documented: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with (
        CountingProxy(database_url) as proxy,
        running(tmp_path, {"DATABASE_URL": proxy.url, **ONE_CONNECTION}) as service,
    ):
        table = matrix(service.url, proxy)
    assert table == documented["matrix"], WRITE
    for row in table.splitlines()[2:]:
        _, _, no_token, own, others_path, others_id, unknown_id, _ = (cell.strip() for cell in row.split("|"))
        if "/api/" in row:
            assert (no_token, others_path) == ("401 · 0", "403 · 0")
            assert others_id == unknown_id
            assert others_id in ("–", "404 · 1")
        assert int(own.rpartition(" ")[2]) <= 1


def test_the_hostile_requests_are_the_documented_ones(documented: dict[str, str]) -> None:
    assert cases() == documented["cases"], WRITE


def medians_of(bob: Person, theirs: str) -> dict[str, float]:
    """Seconds until 404 for another user's id and for an unknown one. They alternate: a busy machine slows both."""
    took: dict[str, list[float]] = {"theirs": [], "unknown": []}
    for _ in range(ROUNDS):
        for whose, task_id in (("theirs", theirs), ("unknown", str(uuid4()))):
            began = time.perf_counter()
            assert bob.get(f"tasks/{task_id}").status_code == 404
            took[whose].append(time.perf_counter() - began)
    return {whose: statistics.median(times) for whose, times in took.items()}


def test_another_users_id_takes_as_long_as_an_unknown_id(ann: Person, bob: Person) -> None:
    """A busy machine slows one of them by chance, but not in each try. benchmarks/hostile/timing.py is more exact."""
    theirs = ann.creates()["id"]
    for _ in range(MOST_TRIES):
        medians = medians_of(bob, theirs)
        if abs(medians["theirs"] - medians["unknown"]) < 0.3 * medians["unknown"]:
            break
    else:
        raise AssertionError(medians)
