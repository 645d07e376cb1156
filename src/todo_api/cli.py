"""todo-api: the framework's command line, bound to this app, with our few commands."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import asyncpg
import click
import msgspec
from alembic import command as alembic
from alembic.config import Config
from alembic.util.exc import CommandError
from litestar import Litestar
from litestar.cli.main import litestar_group

from todo_api import check
from todo_api.auth.tokens import USER_ID, development_token
from todo_api.config import Settings, SettingsError, load_settings
from todo_api.db import distribute
from todo_api.db.embedded import EmbeddedError, embedded_postgres
from todo_api.db.migrations import alembic_config
from todo_api.db.url import connect_arguments
from todo_api.docs import document
from todo_api.seed import seed_database
from todo_api.server import PortTaken, serve

_PROGRAM: Final = cast("click.Group", litestar_group)
_PROGRAM.help = _PROGRAM.short_help = "A secure multi-user to-do REST API."
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def main() -> None:
    """The `todo-api` program."""
    os.environ.setdefault("LITESTAR_APP", "todo_api.app:create_app")
    try:
        litestar_group(prog_name="todo-api")
    except (SettingsError, EmbeddedError, PortTaken, CommandError, distribute.NotACluster) as error:
        sys.exit(f"todo-api: {error}")


def _settings() -> Settings:
    return load_settings(os.environ, Path.cwd())


@contextmanager
def _database_url(settings: Settings) -> Iterator[str]:
    """DATABASE_URL or, in development, the embedded PostgreSQL while the block runs."""
    if settings.database_url is not None:
        connect_arguments(settings.database_url)  # what is wrong with it is said here, before anything starts
        yield settings.database_url
    else:
        with embedded_postgres(settings.home) as url:
            yield url


@_PROGRAM.command("run")
@click.option("--host", help="Address to listen on. [HOST]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. [PORT]")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes. [WEB_CONCURRENCY]")
@click.option("--reuse-port", is_flag=True, help="Share the port with another instance that listens on it.")
def run(host: str | None, port: int | None, workers: int | None, *, reuse_port: bool) -> None:
    """Serve. In development without DATABASE_URL, on an embedded PostgreSQL."""
    settings = _settings()
    chosen = {"host": host, "port": port, "workers": workers}
    settings = msgspec.structs.replace(settings, **{name: value for name, value in chosen.items() if value is not None})
    with _database_url(settings) as url:
        if settings.database_url is None:
            alembic.upgrade(alembic_config(url), "head")
        serve(msgspec.structs.replace(settings, database_url=url), reuse_port=reuse_port)


@_PROGRAM.command("check")
def check_() -> None:
    """Try the settings, the database, its migrations and Better Auth's keys. Exit status 1 if something is wrong."""
    settings = _settings()
    with _database_url(settings) as url:
        found = check.findings(settings, url)
    for finding in found:
        click.echo(f"{'right' if finding.right else 'WRONG'}  {finding.about:<12} {finding.words}")
    if not all(finding.right for finding in found):
        sys.exit(1)


@_PROGRAM.command("token")
@click.argument("user_id")
@click.option("--expires", default="1h", show_default=True, help="Life of the token: 30s, 15m, 1h, 7d.")
def token(user_id: str, expires: str) -> None:
    """Print a development token for USER_ID."""
    settings = _settings()
    if settings.production:
        raise SettingsError("ENVIRONMENT is production: there, tokens come from Better Auth only")
    if not USER_ID.fullmatch(user_id):
        raise click.BadParameter("a user id is 1 to 128 of A-Z a-z 0-9 _ -", param_hint="USER_ID")
    if (
        not (parts := re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", expires))
        or (seconds := int(parts[1]) * _SECONDS[parts[2]]) > 7 * _SECONDS["d"]
    ):
        raise click.BadParameter("write a time like 30s, 15m, 1h or 7d, 7d at most", param_hint="--expires")
    click.echo(development_token(user_id, settings.secrets[0], settings.jwt_issuer, settings.jwt_audience, seconds))


@_PROGRAM.command("seed")
@click.option("--users", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@click.option("--tasks", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="Tasks of each user.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same data.")
def seed(users: int, tasks: int, seed: int) -> None:
    """Fill the database with realistic tasks of users named seed1-000000, seed1-000001 and so on."""
    settings = _settings()
    if settings.production:
        raise SettingsError("ENVIRONMENT is production: there, tasks come from people only")
    with _database_url(settings) as url:
        alembic.upgrade(alembic_config(url), "head")
        with click.progressbar(length=users * tasks, label="tasks", show_pos=True) as bar:
            try:
                asyncio.run(seed_database(url, users=users, tasks=tasks, seed=seed, done=bar.update))
            except* asyncpg.UniqueViolationError:
                raise click.UsageError(f"these users were seeded before: take another --seed than {seed}") from None


@_PROGRAM.command("openapi")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else standard output.")
def openapi(app: Litestar, output: Path | None) -> None:
    """Export the OpenAPI document."""
    text = msgspec.json.format(msgspec.json.encode(document(app)), indent=2) + b"\n"
    if output is None:
        click.echo(text.decode(), nl=False)
    else:
        output.write_bytes(text)


@_PROGRAM.group("database")
def database() -> None:
    """Migrate the database."""


def _migration(name: str, help_: str, *parameters: click.Parameter, **fixed: Any) -> None:
    """A command of Alembic's, run on our database."""

    def callback(**given: Any) -> None:
        with _database_url(_settings()) as url:
            config: Config = alembic_config(url)
            getattr(alembic, name)(config, **fixed, **given)

    database.add_command(click.Command(name.replace("_", "-"), callback=callback, params=[*parameters], help=help_))


@database.command("distribute")
@click.option("--sql", is_flag=True, help="Print the SQL instead of running it.")
def distribute_(*, sql: bool) -> None:
    """Distribute the tables over a Citus cluster, co-located by user_id."""
    if sql:
        click.echo("\n".join(f"{statement};" for statement in distribute.statements()))
    else:
        with _database_url(_settings()) as url:
            click.echo(distribute.distribute(url))


_REVISION: Final = click.Argument(["revision"], default="head")
_SQL: Final = click.Option(["--sql"], is_flag=True, help="Print the SQL instead of running it.")
_migration("upgrade", "Upgrade to REVISION, the newest unless said.", _REVISION, _SQL)
_migration("downgrade", "Downgrade to REVISION, like -1 or base.", click.Argument(["revision"]), _SQL)
_migration("current", "Show the database's revision.", verbose=True)
_migration("history", "Show all revisions.")
_migration("heads", "Show the newest revision.")
_migration("check", "Fail if the tables in the code differ from the migrations.")
_migration("stamp", "Say that the database is at REVISION, without running anything.", _REVISION)
_migration(
    "revision",
    "Write a new migration from the difference between code and database.",
    click.Option(["-m", "--message"], required=True),
    autogenerate=True,
)
