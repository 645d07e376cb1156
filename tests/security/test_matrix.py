"""docs/security.md tells the truth: its tables come from the app's own routes and from the cases that are tested."""

import statistics
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.security.matrix import ONE_CONNECTION, PAGE, cases, matrix, tables_of
from tests.support.client import Person
from tests.support.counting_proxy import CountingProxy
from tests.support.service import running

WRITE = "write it anew with `.venv/bin/python -m tests.security.matrix`"
ROUNDS = 150


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
        _, _, nobody, own, strangers_path, strangers_id, unknown_id, _ = (cell.strip() for cell in row.split("|"))
        if "/api/" in row:
            assert (nobody, strangers_path) == ("401 · 0", "403 · 0")
            assert strangers_id == unknown_id
            assert strangers_id in ("–", "404 · 1")
        assert int(own.rpartition(" ")[2]) <= 1


def test_the_hostile_requests_are_the_documented_ones(documented: dict[str, str]) -> None:
    assert cases() == documented["cases"], WRITE


def test_a_strangers_id_takes_as_long_as_one_that_never_was(ann: Person, bob: Person) -> None:
    """By turns, so that a busy machine is busy for both; benchmarks/hostile/timing.py looks closer."""
    theirs = ann.creates()["id"]
    took: dict[str, list[float]] = {"theirs": [], "nobodys": []}
    for _ in range(ROUNDS):
        for whose, task_id in (("theirs", theirs), ("nobodys", str(uuid4()))):
            began = time.perf_counter()
            assert bob.get(f"tasks/{task_id}").status_code == 404
            took[whose].append(time.perf_counter() - began)
    medians = {whose: statistics.median(times) for whose, times in took.items()}
    assert abs(medians["theirs"] - medians["nobodys"]) < 0.3 * medians["nobodys"], medians
