"""The tests of requests that overlap, on the cluster. Those that run for a time run shorter than on one PostgreSQL."""

import pytest
from hypothesis import settings

from tests.concurrency import test_batches, test_contention, test_mixed, test_races, test_revisions, test_two_devices
from tests.support.repeated import repeat

repeat(
    "concurrency",
    globals(),
    left_out={
        "test_old_and_new_writers": "The first release did not work on a cluster: its creates with a key failed."
    },
)


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_mixed, "SECONDS", 10)
    monkeypatch.setattr(test_mixed, "FEWEST", 50)
    monkeypatch.setattr(test_batches, "TASKS", 4)
    monkeypatch.setattr(test_batches, "TURNS", 4)
    monkeypatch.setattr(test_contention, "SECONDS", 5)
    monkeypatch.setattr(test_races, "RACERS", 30)
    monkeypatch.setattr(test_revisions, "TURNS", 6)
    monkeypatch.setattr(test_two_devices, "EXPECTED", {200, 201})
    monkeypatch.setattr(test_two_devices, "_SETTINGS", settings(test_two_devices._SETTINGS, max_examples=10))
