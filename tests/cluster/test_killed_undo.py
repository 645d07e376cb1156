"""An undo or a restore on a cluster, whose backend on the node of the user is killed."""

import asyncio
import time
from typing import Any, Final

import asyncpg
import pytest

from tests.resilience import test_killed_undo as on_one
from tests.support.cluster import WORKERS, Cluster
from todo_api.db.url import connect_arguments

test_a_kill_leaves_nothing_half_done = on_one.test_a_kill_leaves_nothing_half_done

_KILL: Final = """
    select pg_terminate_backend(pid::integer) from pg_stat_activity
    where wait_event_type = 'Lock' and (query like '%undo_change%' or query like '%restore_task%')
"""


@pytest.fixture(autouse=True)
def kills_on_the_node(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    async def killed(url: str, me: str, tag: str, call: str, argument: Any) -> None:
        """Kills the node's backend of the call while it waits to insert the tag. The coordinator does not wait."""
        holder, victim, *nodes = [
            await asyncpg.connect(**connect_arguments(each))
            for each in (url, url, *(cluster.url(worker) for worker in WORKERS))
        ]
        try:
            transaction = holder.transaction()
            await transaction.start()
            await holder.execute("insert into tags (user_id, name, name_folded) values ($1, $2, $2)", me, tag)
            running = asyncio.create_task(victim.fetch(call, me, argument))
            deadline = time.monotonic() + 30
            while not [row for node in nodes for row in await node.fetch(_KILL)]:
                assert not running.done(), "the call does not wait"
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
                await running
            await transaction.rollback()
        finally:
            for connection in (holder, victim, *nodes):
                connection.terminate()

    monkeypatch.setattr(on_one, "killed", killed)
