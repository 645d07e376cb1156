"""How long a migration holds locks that clients must wait for: read from pg_locks every few milliseconds."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import asyncpg

_EVERY_SECONDS: Final = 0.003
_BLOCKING: Final = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
"""Modes that writers wait for. Readers wait only for the last."""
_HELD: Final = """
    select c.relname, l.mode, l.granted from pg_locks l join pg_class c on c.oid = l.relation
    where c.relname = any('{tasks,tags,task_tags,idempotency_keys}') and l.locktype = 'relation'
        and l.mode = any($1) and l.database = (select oid from pg_database where datname = current_database())
"""


@dataclass
class Locks:
    held: dict[tuple[str, str], float] = field(default_factory=dict)
    """Seconds, by table and mode."""
    waited: float = 0.0
    """Seconds in which the migration waited for a lock. All clients of that table wait behind it."""
    samples: int = 0

    async def watch(self, connection: asyncpg.Connection) -> None:
        """Until it is cancelled."""
        before = time.monotonic()
        statement = await connection.prepare(_HELD)
        while True:
            rows = await statement.fetch(_BLOCKING)
            now = time.monotonic()
            self.samples += 1
            for table, mode in {(row["relname"], row["mode"]) for row in rows if row["granted"]}:
                self.held[table, mode] = self.held.get((table, mode), 0.0) + now - before
            if any(not row["granted"] for row in rows):
                self.waited += now - before
            before = now
            await asyncio.sleep(_EVERY_SECONDS)

    def lines(self) -> list[str]:
        held = [f"{table}, {mode}: held for {1000 * s:.0f} ms" for (table, mode), s in sorted(self.held.items())]
        return [*held, f"waited for a lock: {1000 * self.waited:.0f} ms ({self.samples} samples)"]
