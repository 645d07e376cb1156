"""Where the migrations are, Alembic's configuration for them, and their connection."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import asyncpg
from alembic.config import Config

from todo_api.config.environment import SettingsError
from todo_api.db.url import connect_arguments, is_pooler

_PACKAGE: Final = Path(__file__).parents[1]
_WAIT_SECONDS: Final = 30
_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
_LOCK_TIMEOUT: Final = "10s"
"""A migration that waits for a table's lock has everybody else wait behind it."""
_POOLER: Final = (
    "DATABASE_URL leads to a connection pooler: migrations need the database's own host (with Neon, the host without "
    "`-pooler`)"
)


def alembic_config(url: str) -> Config:
    """For `alembic.command.*`. From a checkout the migrations are the repository's, else the wheel's own copy."""
    in_checkout = _PACKAGE.parents[1] / "migrations"
    directory = in_checkout if in_checkout.is_dir() else _PACKAGE / "migrations"
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.attributes["url"] = url
    return config


async def connect_directly(url: str, seconds: float = _WAIT_SECONDS) -> asyncpg.Connection:
    """A connection for migrations. A database that is not up yet is waited for.

    Raises:
        SettingsError: the URL leads to a pooler, the database refuses us, or it is not up after `seconds`.
    """
    if is_pooler(url):
        raise SettingsError(_POOLER)
    arguments = connect_arguments(url)
    arguments["server_settings"] |= {"lock_timeout": _LOCK_TIMEOUT}
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    tries = 0
    while True:
        try:
            return await asyncpg.connect(**arguments)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if "unsupported startup parameter" in str(error):
                raise SettingsError(_POOLER) from None
            said = " ".join(str(error).split()) or type(error).__name__
            if not _is_away(error):
                raise SettingsError(f"DATABASE_URL: the database refuses: {said}") from None
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            tries += 1
            if loop.time() + pause > end:
                raise SettingsError(f"the database has not answered for {seconds:g} s: {said}") from None
            await asyncio.sleep(pause)


def _is_away(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    return str(getattr(error, "sqlstate", "")).startswith(("08", "53", "57", "XX"))
