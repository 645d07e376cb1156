"""All commands of `todo-api` except `run`."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import click
import msgspec
from alembic import command as alembic
from alembic.util.exc import CommandError
from litestar import Litestar

from todo_api.auth.tokens import USER_ID, development_token
from todo_api.cli import check, distribute
from todo_api.cli.main import PROGRAM, current_settings, database_url
from todo_api.cli.seed import seed_database
from todo_api.config.environment import SettingsError
from todo_api.db import cluster, migrations
from todo_api.db.epoch import begin_new_epoch
from todo_api.db.migrations import alembic_config
from todo_api.openapi.document import document

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@contextmanager
def _one_line() -> Iterator[None]:
    """Ends the program with one line if Alembic or a command of ours refuses."""
    try:
        yield
    except CommandError as error:
        sys.exit(f"todo-api: {error}")


def upgrade(url: str, revision: str = migrations.NEWEST, *, sql: bool = False) -> None:
    """Migrates to `revision`, and installs the functions that write. Ends the program with one line if this fails."""
    with _one_line():
        migrations.upgrade(url, revision, sql=sql)


@PROGRAM.command("check")
def check_() -> None:
    """Check the settings, the database, its migrations and Better Auth's keys. Exit status 1 if a check fails."""
    settings = current_settings()
    with database_url(settings) as url:
        checks = check.findings(settings, url)
    for ok, subject, message in checks:
        click.echo(f"{'ok' if ok else 'FAIL':<4}  {subject:<12} {message}")
    if not all(ok for ok, _, _ in checks):
        sys.exit(1)


def _user_id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not USER_ID.fullmatch(value):
        raise click.BadParameter("a user id has 1 to 128 characters, each of A-Z a-z 0-9 _ -")
    return value


@PROGRAM.command("token")
@click.argument("user_id", callback=_user_id)
@click.option("--expires", default="1h", show_default=True, help="Lifetime of the token: 30s, 15m, 1h, 7d.")
def token(user_id: str, expires: str) -> None:
    """Print a development token for USER_ID."""
    settings = current_settings()
    if settings.production:
        raise SettingsError("ENVIRONMENT is production: get the token from Better Auth")
    if (
        not (parts := re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", expires))
        or (seconds := int(parts[1]) * _SECONDS[parts[2]]) > 7 * _SECONDS["d"]
    ):
        raise click.BadParameter("write a time like 30s, 15m, 1h or 7d; at most 7d", param_hint="--expires")
    click.echo(development_token(user_id, settings.secrets[0], settings.jwt_issuer, settings.jwt_audience, seconds))


@PROGRAM.command("seed")
@click.option("--user", "user_id", callback=_user_id, help="Add tasks to this user, like ann, instead of new users.")
@click.option("--users", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Number of new users.")
@click.option("--tasks", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="Tasks of each user.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed makes the same data.")
def seed(user_id: str | None, users: int, tasks: int, seed: int) -> None:
    """Fill the database with realistic tasks of users named seed1-000000, seed1-000001 and so on, or of one user."""
    settings = current_settings()
    if settings.production:
        raise SettingsError("ENVIRONMENT is production: seed a development database")
    count = users if user_id is None else 1
    existing = "users" if user_id is None else "tasks"
    with database_url(settings) as url:
        upgrade(url)
        with click.progressbar(length=count * tasks, label="tasks", show_pos=True) as bar:
            try:
                asyncio.run(seed_database(url, users=user_id or users, tasks=tasks, seed=seed, done=bar.update))
            except* asyncpg.UniqueViolationError:
                raise click.UsageError(f"these {existing} are there already: take another --seed than {seed}") from None


@PROGRAM.command("openapi")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: standard output."
)
def openapi(app: Litestar, output: Path | None) -> None:
    """Export the OpenAPI document."""
    text = msgspec.json.format(msgspec.json.encode(document(app)), indent=2) + b"\n"
    if output is None:
        click.echo(text.decode(), nl=False)
    else:
        output.write_bytes(text)


@PROGRAM.group("database")
def database() -> None:
    """Migrate the database."""


def _migration(name: str, help_: str, *parameters: click.Parameter, **fixed: Any) -> None:
    """Adds the Alembic command `name`. See docs/decisions/0106-commands-of-migrations.md."""

    def callback(**options: Any) -> None:
        with database_url(current_settings()) as url, _one_line():
            getattr(alembic, name)(alembic_config(url), **fixed, **options)

    database.add_command(click.Command(name.replace("_", "-"), callback=callback, params=[*parameters], help=help_))


@database.command("distribute")
@click.option("--sql", is_flag=True, help="Print the SQL instead of running it.")
def distribute_(*, sql: bool) -> None:
    """Distribute the tables and functions over a Citus cluster, co-located by user_id."""
    if sql:
        click.echo("\n".join(f"{statement};" for statement in cluster.statements()))
    else:
        with database_url(current_settings()) as url, _one_line():
            click.echo(distribute.distribute(url))


@database.command("upgrade")
@click.argument("revision", default=migrations.NEWEST)
@click.option("--sql", is_flag=True, help="Print the SQL instead of running it.")
def upgrade_(revision: str, *, sql: bool) -> None:
    """Upgrade to REVISION; by default to the newest, with the functions that write."""
    with database_url(current_settings()) as url:
        upgrade(url, revision, sql=sql)


@database.command("restored")
def restored() -> None:
    """Run this after a backup was restored, before clients read: their cursors of changes end, and they begin again."""
    with database_url(current_settings()) as url:
        try:
            asyncio.run(begin_new_epoch(url))
        except asyncpg.PostgresError as error:
            sys.exit(f"todo-api: the database refuses: {error}: run `todo-api check`")
    click.echo("cursors of changes that clients have are not valid any more: they begin again")


_REVISION: Final = click.Argument(["revision"], default=migrations.NEWEST)
_SQL: Final = click.Option(["--sql"], is_flag=True, help="Print the SQL instead of running it.")
_migration("downgrade", "Downgrade to REVISION, like -1 or base.", click.Argument(["revision"]), _SQL)
_migration("current", "Show the database's revision.", verbose=True)
_migration("history", "Show all revisions.")
_migration("heads", "Show the newest revision.")
_migration("check", "Fail if the tables in the code differ from the migrations.")
_migration("stamp", "Record that the database is at REVISION, without running a migration.", _REVISION)
_migration(
    "revision",
    "Write a new migration from the difference between code and database.",
    click.Option(["-m", "--message"], required=True),
    autogenerate=True,
)
