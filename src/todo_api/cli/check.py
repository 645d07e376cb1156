"""The checks of `todo-api check`: settings, database, connections, migrations, keys."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import asyncpg
import httpx

from todo_api.auth.keys import NoUsableKey, published_keys
from todo_api.config.settings import Settings
from todo_api.db.functions import SCHEMA
from todo_api.db.schema import REVISIONS, is_new_enough
from todo_api.db.url import connect_arguments, is_pooler

_OLDEST_POSTGRESQL: Final = 15
_ROUND_TRIPS: Final = 5
_KEYS_SECONDS: Final = 5
_FACTS: Final = """
    select current_setting('server_version_num')::int / 10000 as version, pg_is_in_recovery() as standby,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as limit,
           to_regclass('alembic_version') is not null as migrated, to_regnamespace($1) is not null as functions
"""


class Check(NamedTuple):
    ok: bool
    subject: str
    message: str


def findings(settings: Settings, url: str) -> list[Check]:
    """All checks, in the order in which failures should be repaired."""
    checks = [_settings(settings), *asyncio.run(_database(settings, url))]
    if settings.jwks_url:
        checks.append(keys(settings.jwks_url))
    return checks


def _settings(settings: Settings) -> Check:
    docs = "on" if settings.docs_enabled else "off"
    message = f"{settings.environment}, {settings.workers} workers, {len(settings.secrets)} secrets, docs {docs}"
    return Check(ok=True, subject="settings", message=message)


async def _database(settings: Settings, url: str) -> list[Check]:
    try:
        connection = await asyncpg.connect(**connect_arguments(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        return [Check(ok=False, subject="database", message=f"cannot connect: {reason[0]}")]
    try:
        facts = await connection.fetchrow(_FACTS, SCHEMA)
        milliseconds = sorted([await _round_trip(connection) for _ in range(_ROUND_TRIPS)])[_ROUND_TRIPS // 2]
        revisions = await connection.fetch("select version_num from alembic_version") if facts["migrated"] else []
    finally:
        await connection.close()
    return [
        _server(facts, milliseconds),
        _connections(settings, url, facts["limit"]),
        _migrations({row[0] for row in revisions}, functions=facts["functions"]),
    ]


async def _round_trip(connection: Any) -> float:
    began = time.perf_counter()
    await connection.fetchval("select 1")
    return (time.perf_counter() - began) * 1000


def _server(facts: Any, milliseconds: float) -> Check:
    message = f"PostgreSQL {facts['version']}, {milliseconds:.1f} ms for a round trip"
    if facts["version"] < _OLDEST_POSTGRESQL:
        message += f": too old, upgrade to {_OLDEST_POSTGRESQL} or newer"
    if facts["standby"]:
        message += ": it is a read-only standby; set DATABASE_URL to the primary"
    ok = facts["version"] >= _OLDEST_POSTGRESQL and not facts["standby"]
    return Check(ok=ok, subject="database", message=message)


def _connections(settings: Settings, url: str, limit: int) -> Check:
    wanted = settings.workers * (settings.db_pool_size + settings.db_max_overflow)
    message = f"{wanted} at most for each replica (workers × pool)"
    if is_pooler(url):
        return Check(ok=True, subject="connections", message=f"{message}, through a pooler")
    ok = wanted <= limit
    message += f", of {limit} that the server allows: room for {limit // wanted} replicas"
    if not ok:
        message += "; lower WEB_CONCURRENCY or DB_MAX_OVERFLOW, or use a pooler"
    return Check(ok=ok, subject="connections", message=message)


def _migrations(current: set[str], *, functions: bool) -> Check:
    newest = REVISIONS[-1]
    names = ", ".join(sorted(current)) or "nothing"
    if is_new_enough(current) and not functions:
        message = f"the database is at {names}, without the schema {SCHEMA}: run `todo-api database upgrade`"
        return Check(ok=False, subject="migrations", message=message)
    if current == {newest}:
        return Check(ok=True, subject="migrations", message=f"at {names}, the newest")
    if is_new_enough(current):
        message = f"the database is at {names}, which is newer than this code: fine while rolling back"
        return Check(ok=True, subject="migrations", message=message)
    message = f"the database is at {names}, the code at {newest}: run `todo-api database upgrade`"
    return Check(ok=False, subject="migrations", message=message)


def keys(url: str) -> Check:
    """Fetches Better Auth's key set. It must have at least one key that the service can use."""
    try:
        answer = httpx.get(
            url,
            headers={"Accept": "application/json"},
            timeout=_KEYS_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )
        if answer.status_code != 200:
            raise NoUsableKey(f"the status is {answer.status_code}")
        usable = published_keys(answer.content)
        if not usable:
            raise NoUsableKey("the JWK Set is empty")
    except (httpx.HTTPError, NoUsableKey) as error:
        reason = str(error) or type(error).__name__
        return Check(ok=False, subject="keys", message=f"{url} gives no key set: {reason}")
    names = ", ".join(sorted({key.algorithm_name for key in usable.values()}))
    return Check(ok=True, subject="keys", message=f"{len(usable)} at {url}: {names}")
