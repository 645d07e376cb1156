"""Alembic's configuration, the connection for migrations, and another try when they do not get a lock."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from todo_api.config.environment import SettingsError
from todo_api.db.backoff import pause
from todo_api.db.schema import MIGRATIONS
from todo_api.db.url import connect_arguments, is_pooler

NEWEST: Final = "head"
"""Alembic's name of the newest revision."""
_WAIT_SECONDS: Final = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.6
"""Seconds between two tries to connect."""
_LOCK_TIMEOUT: Final = "1200ms"
"""While a migration waits for a table's lock, all other statements on that table wait behind it.

It is longer than PostgreSQL's `deadlock_timeout` of 1 s: then autovacuum gives up its lock for a waiting statement.
"""
_LOCK_PATIENCE_SECONDS: Final = 60
"""From the first lock that a migration did not get."""
_LOCK_PAUSES: Final = (1.0, 3.0)
"""The shortest and the longest pause between two tries, in seconds. Clients use the table meanwhile."""
_NO_LOCK: Final = ("55P03", "40P01")
"""The SQLSTATEs of the lock's time-out and of a deadlock."""
_ONE_AT_A_TIME: Final = "select where pg_try_advisory_xact_lock(hashtext('todo_api migrations'))"
_WATCH_SECONDS: Final = 0.2
_HOLDER: Final = """
    select pid, application_name, extract(epoch from clock_timestamp() - xact_start)::int as seconds
    from pg_stat_activity where pid = any(pg_blocking_pids($1)) order by xact_start limit 1
"""
_POOLER: Final = (
    "DATABASE_URL leads to a connection pooler: migrations need the database's own host (with Neon, the host without "
    "`-pooler`)"
)


class TablesLocked(CommandError):
    """One line that names the transaction whose lock a migration needs, and says what to do."""


def alembic_config(url: str) -> Config:
    """Returns Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    config.attributes["patience"] = _LOCK_PATIENCE_SECONDS
    return config


def upgrade(url: str, revision: str = NEWEST, *, sql: bool = False) -> None:
    """Migrates to `revision`. At the newest one it installs the functions that write, too, in the same transaction.

    `sql`: prints the SQL instead of running it.

    Raises:
        CommandError: Alembic refuses the revision; TablesLocked, one of these: a lock was not free.
        SettingsError: the database cannot be reached.
    """
    config = alembic_config(url)
    config.attributes["functions"] = revision.rpartition(":")[2] == NEWEST
    command.upgrade(config, revision, sql=sql)


async def connect_directly(url: str, seconds: float = _WAIT_SECONDS) -> asyncpg.Connection:
    """Returns a connection for migrations. Waits for a database that is not up yet.

    Raises:
        SettingsError: the URL leads to a pooler, the database refuses the login, or it is not up after `seconds`.
    """
    if is_pooler(url):
        raise SettingsError(_POOLER)
    arguments = connect_arguments(url)
    arguments["server_settings"] |= {"lock_timeout": _LOCK_TIMEOUT}
    deadline = asyncio.get_running_loop().time() + seconds
    tries = 0
    while True:
        try:
            return await asyncpg.connect(**arguments)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if "unsupported startup parameter" in str(error):
                raise SettingsError(_POOLER) from None
            message = " ".join(str(error).split()) or type(error).__name__
            if not _is_temporary(error):
                raise SettingsError(f"DATABASE_URL: the database refuses: {message}") from None
            tries += 1
            if not await pause(tries, deadline, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE):
                raise SettingsError(f"the database has not answered for {seconds:g} s: {message}") from None


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    return str(getattr(error, "sqlstate", "")).startswith(("08", "53", "57", "XX"))


async def try_lock(holder: asyncpg.Connection) -> bool:
    """Takes the lock of migrations for the transaction of `holder`. False: another run of migrations has it.

    By `execute`, which returns the number of rows: `fetch` would keep a snapshot, and CREATE INDEX CONCURRENTLY of the
    other run would wait for its end.
    """
    return bool(await holder.execute(_ONE_AT_A_TIME) != "SELECT 0")


async def migrate(url: str, run: Callable[[Connection], None], patience: float) -> None:
    """Calls `run` with a connection. If another transaction holds a lock that it needs, rolls back and tries again.

    Raises:
        TablesLocked: the lock is still held, `patience` seconds after the first try.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_directly(url), poolclass=NullPool
    )
    now = asyncio.get_running_loop().time
    deadline: float | None = None
    holders: list[asyncpg.Record] = []
    try:
        while True:
            try:
                async with engine.connect() as connection, _watch(url, connection, holders):
                    return await connection.run_sync(run)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _NO_LOCK:
                    raise
            seconds = random.uniform(*_LOCK_PAUSES)  # noqa: S311 - not for cryptography
            deadline = deadline or now() + patience
            if now() + seconds > deadline:
                raise TablesLocked(_refusal(holders, patience))
            await asyncio.sleep(seconds)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _watch(url: str, connection: AsyncConnection, holders: list[asyncpg.Record]) -> AsyncIterator[None]:
    """Keeps in `holders` the oldest transaction for which `connection` waits, while the block runs."""
    driver: Any = (await connection.get_raw_connection()).driver_connection

    async def watch() -> None:
        await asyncio.sleep(_WATCH_SECONDS)
        observer = await connect_directly(url)
        try:
            while True:
                holders[:] = await observer.fetch(_HOLDER, driver.get_server_pid()) or holders
                await asyncio.sleep(_WATCH_SECONDS)
        finally:
            observer.terminate()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _refusal(holders: list[asyncpg.Record], patience: float) -> str:
    """`holders`: empty if PostgreSQL named none. Only `pg_monitor` sees the age of another role's transaction."""
    name, end = "another transaction", ""
    for pid, application, seconds in holders:
        age = "" if seconds is None else f", its transaction is open for {seconds} s"
        name = f"process {pid} ({application or 'no application_name'}{age})"
        end = f" or end it with `select pg_terminate_backend({pid})`"
    return (
        f"{name} holds a lock that a migration needs: no try within {patience:g} s got it, and each was rolled back; "
        f"wait until it ends (is it a backup?){end}, then run this command again"
    )
