"""The folder of the migrations, Alembic's configuration, and the connection for migrations."""

import asyncio
import ssl
from typing import Final

import asyncpg
from alembic.config import Config

from todo_api.config.environment import SettingsError
from todo_api.db.backoff import pause
from todo_api.db.schema import MIGRATIONS
from todo_api.db.url import connect_arguments, is_pooler

_WAIT_SECONDS: Final = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.6
"""Seconds between two tries to connect."""
_LOCK_TIMEOUT: Final = "10s"
"""While a migration waits for a table's lock, all other statements on that table wait behind it."""
_POOLER: Final = (
    "DATABASE_URL leads to a connection pooler: migrations need the database's own host (with Neon, the host without "
    "`-pooler`)"
)


def alembic_config(url: str) -> Config:
    """Returns Alembic's configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


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
