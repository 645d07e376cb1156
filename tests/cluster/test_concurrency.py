"""The tests of requests that overlap, on the cluster. Those that run for a time run shorter than on one PostgreSQL."""

import pytest

from tests.concurrency import test_contention, test_mixed, test_revisions
from tests.support.repeated import repeat

repeat("concurrency", globals(), left_out={})


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_mixed, "SECONDS", 10)
    monkeypatch.setattr(test_contention, "SECONDS", 5)
    monkeypatch.setattr(test_revisions, "TURNS", 6)
