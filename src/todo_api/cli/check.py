"""What `todo-api check` tries, and says in plain words."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import asyncpg
import httpx
from alembic.script import ScriptDirectory

from todo_api.auth.keys import NoUsableKey, published_keys
from todo_api.config.settings import Settings
from todo_api.db.migrations import alembic_config
from todo_api.db.url import connect_arguments, is_pooler

_OLDEST_POSTGRESQL: Final = 15
_TRIPS: Final = 5
_KEYS_SECONDS: Final = 5
_FACTS: Final = """
    select current_setting('server_version_num')::int / 10000 as version, pg_is_in_recovery() as standby,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as limit,
           to_regclass('alembic_version') is not null as migrated
"""


class Check(NamedTuple):
    ok: bool
    subject: str
    message: str


def findings(settings: Settings, url: str) -> list[Check]:
    """Everything that was tried, in the order in which it is to be mended."""
    found = [Check(ok=True, subject="settings", message=_said(settings))]
    found += asyncio.run(_database(settings, url))
    if settings.jwks_url:
        found.append(keys(settings.jwks_url))
    return found


def _said(settings: Settings) -> str:
    mode = "production" if settings.production else "development"
    return f"{mode}, {settings.workers} workers, {len(settings.secrets)} secrets, docs {_on(settings.docs_enabled)}"


def _on(it_is: bool) -> str:  # noqa: FBT001 - a word for it
    return "on" if it_is else "off"


async def _database(settings: Settings, url: str) -> list[Check]:
    try:
        connection = await asyncpg.connect(**connect_arguments(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        return [Check(ok=False, subject="database", message=f"does not let us in: {reason[0]}")]
    try:
        facts = await connection.fetchrow(_FACTS)
        milliseconds = sorted([await _trip(connection) for _ in range(_TRIPS)])[_TRIPS // 2]
        at = set(await connection.fetch("select version_num from alembic_version")) if facts["migrated"] else set()
    finally:
        await connection.close()
    return [
        _server(facts, milliseconds),
        _connections(settings, url, facts["limit"]),
        _migrations(url, {row[0] for row in at}),
    ]


async def _trip(connection: Any) -> float:
    began = time.perf_counter()
    await connection.fetchval("select 1")
    return (time.perf_counter() - began) * 1000


def _server(facts: Any, milliseconds: float) -> Check:
    words = f"PostgreSQL {facts['version']}, {milliseconds:.1f} ms for a round trip"
    if facts["version"] < _OLDEST_POSTGRESQL:
        words += f": too old, {_OLDEST_POSTGRESQL} is the oldest that is supported"
    if facts["standby"]:
        words += ": it is a read-only standby; set DATABASE_URL to the primary"
    ok = facts["version"] >= _OLDEST_POSTGRESQL and not facts["standby"]
    return Check(ok=ok, subject="database", message=words)


def _connections(settings: Settings, url: str, limit: int) -> Check:
    wanted = settings.workers * (settings.db_pool_size + settings.db_max_overflow)
    words = f"{wanted} at most for each replica (workers × pool)"
    if is_pooler(url):
        return Check(ok=True, subject="connections", message=f"{words}, through a pooler")
    ok = wanted <= limit
    words += f", of {limit} that the server allows: room for {limit // wanted} replicas"
    if not ok:
        words += "; lower WEB_CONCURRENCY or DB_MAX_OVERFLOW, or use a pooler"
    return Check(ok=ok, subject="connections", message=words)


def _migrations(url: str, at: set[str]) -> Check:
    script = ScriptDirectory.from_config(alembic_config(url))
    wanted = set(script.get_heads())
    if at == wanted:
        return Check(ok=True, subject="migrations", message=f"at {', '.join(sorted(at))}, the newest")
    if at - {revision.revision for revision in script.walk_revisions()}:
        words = f"the database is at {', '.join(sorted(at))}, which is newer than this code: fine while rolling back"
        return Check(ok=True, subject="migrations", message=words)
    here = ", ".join(sorted(at)) or "nothing"
    words = f"the database is at {here}, the code at {', '.join(sorted(wanted))}: run `todo-api database upgrade`"
    return Check(ok=False, subject="migrations", message=words)


def keys(url: str) -> Check:
    """Better Auth's key set: there, and with keys that we can use."""
    try:
        answer = httpx.get(
            url,
            headers={"Accept": "application/json"},
            timeout=_KEYS_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )
        if answer.status_code != 200:
            raise NoUsableKey(f"it answers {answer.status_code}")
        usable = published_keys(answer.content)
    except (httpx.HTTPError, NoUsableKey) as error:
        reason = str(error) or type(error).__name__
        return Check(ok=False, subject="keys", message=f"{url} gives no key set: {reason}")
    names = ", ".join(sorted({key.algorithm_name for key in usable.values()}))
    return Check(ok=True, subject="keys", message=f"{len(usable)} at {url}: {names}")
