"""When streams and waiting requests ask the database for revisions, and when they do not."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.features.events.test_end import until, used
from tests.support.client import Person, fresh_user
from tests.support.counting_proxy import CountingProxy
from tests.support.events import streaming
from tests.support.service import running
from todo_api.db import revisions

QUIET_SECONDS = 1.5


def test_without_streams_nothing_is_asked_of_the_database(database_url: str, tmp_path: Path) -> None:
    """So a suspended database stays suspended."""
    with CountingProxy(database_url) as proxy:
        settings = {"DATABASE_URL": proxy.url, "EVENTS_POLL_SECONDS": "0.05/0.1"}
        with running(tmp_path, settings) as service, Person(service.url, fresh_user("ann")) as ann:

            def asked() -> int:
                before = proxy.round_trips
                time.sleep(QUIET_SECONDS)
                return proxy.round_trips - before

            ann.creates()
            assert asked() == 0
            with streaming(ann) as events, streaming(ann) as others:
                assert (events.next().name, others.next().name) == ("ready", "ready")
                assert 5 < asked() < 1.4 * QUIET_SECONDS / 0.04, "one poll for all streams"
            until(lambda: used(ann) == 0)
            time.sleep(0.2)
            assert asked() == 0
            ann.get("changes", params={"cursor": ann.get("changes").json()["cursor"], "wait": 1})
            time.sleep(0.2)
            assert asked() == 0


def test_a_database_where_nothing_changes_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_ACTIVE_SECONDS", 0.5)
    asked: list[float] = []

    async def read(users: list[str]) -> dict[str, int]:
        asked.append(time.monotonic())
        return dict.fromkeys(users, 1)

    async def watch() -> None:
        known = revisions.Revisions(read, 0.05, 0.8)
        with known.watching("ann", lambda: None):
            await asyncio.sleep(4)
            quiet = len(asked)
            known.raised("ann", 2)
            await asyncio.sleep(0.3)
            assert len(asked) - quiet >= 3, "a change ends the long pause"
            await asyncio.sleep(4)
        known.stop()

    asyncio.run(watch())
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses[:4]) < 0.2
    assert max(pauses) > 0.5
    assert max(pauses) < 1.5
    assert len(asked) < 60, "it would be 160 at the shortest pause"
