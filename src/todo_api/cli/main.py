"""The program `todo-api`: Litestar's command line for this app, with the service's own commands."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, cast

import click
import msgspec
from litestar.cli.main import litestar_group

from todo_api.cli.embedded_postgres import EmbeddedError, embedded_postgres, running_or_embedded_postgres
from todo_api.cli.server import PortTaken, serve
from todo_api.config.environment import SettingsError
from todo_api.config.settings import Settings, load_settings
from todo_api.db.url import connect_arguments, refuse_plain_text

_COMMANDS: Final = "todo_api.cli.commands"
"""The other commands. `run` does not import them: Alembic and others would take 10 MB of each forked worker."""
_CREATING: Final = "todo-api: creating a PostgreSQL database in {}, about 10 seconds, only this time"
_STARTING: Final = "todo-api: starting the PostgreSQL database in {}, about 3 seconds"
PROGRAM: Final = cast("click.Group", litestar_group)
PROGRAM.help = PROGRAM.short_help = "A secure multi-user to-do REST API."


def main() -> None:
    """The `todo-api` program."""
    os.environ.setdefault("LITESTAR_APP", "todo_api.app:create_app")
    if sys.argv[1:2] != ["run"]:
        import_module(_COMMANDS)
    try:
        litestar_group(prog_name="todo-api")
    except (SettingsError, EmbeddedError, PortTaken) as error:
        sys.exit(f"todo-api: {error}")


def current_settings() -> Settings:
    return load_settings(os.environ, Path.cwd())


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """DATABASE_URL or, in development, the embedded PostgreSQL, that of `run` if it runs."""
    if settings.database_url is not None:
        connect_arguments(settings.database_url)  # refuses a bad URL before anything starts
        if settings.production:
            refuse_plain_text(settings.database_url)
        yield settings.database_url
    else:
        with running_or_embedded_postgres(settings.home) as url:
            yield url


@PROGRAM.command("run")
@click.option("--host", help="Address to listen on. [HOST]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. [PORT]")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes. [WEB_CONCURRENCY]")
@click.option("--reuse-port", is_flag=True, help="Share the port with another instance that listens on it.")
def run(host: str | None, port: int | None, workers: int | None, *, reuse_port: bool) -> None:
    """Serve. In development without DATABASE_URL, on an embedded PostgreSQL."""
    settings = current_settings()
    options = {"host": host, "port": port, "workers": workers}
    options = {name: value for name, value in options.items() if value is not None}
    settings = msgspec.structs.replace(settings, **options)
    if settings.database_url is not None:
        with database_url(settings):
            serve(settings, reuse_port=reuse_port)
        return
    first = not (settings.home / "postgres").exists()
    click.echo(_CREATING.format(settings.home) if first else _STARTING.format(settings.home))
    sys.stdout.flush()
    with embedded_postgres(settings.home, shared=True) as url:
        import_module(_COMMANDS).upgrade(url)
        serve(msgspec.structs.replace(settings, database_url=url), reuse_port=reuse_port)
