"""Measures the list in PostgreSQL alone: pgbench runs its statement, prepared, for a random user each time."""

import re
import shutil
import statistics
import subprocess
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from benchmarks.compare.requests import USERS
from benchmarks.compare.services import LIST
from benchmarks.measure.postgres import Server
from todo_api.cli.embedded_postgres import _programs

CLIENTS: Final = 8
THREADS: Final = 2
PAGES_SECONDS: Final = 3
PAGES_ALL_SECONDS: Final = 18
"""Expected, with the preparation."""
_FALLBACK: Final = "/usr/lib/postgresql/15/bin/pgbench"
_TABLES: Final = ("tasks", "tags", "task_tags", "heads")


def pages_per_second(postgres: Server, url: str) -> float:
    """Pages of 50 tasks, with tags and the total, of the users in the database at `url`."""
    _number_users(postgres, url)
    script = postgres.home / "list.sql"
    arguments = {"me": ":user", "limit": "51", "known": "'{}'::text[]"}
    # From the last to the first, so that `$1` does not match in `$10`.
    sql = LIST.sql
    for position, name in reversed(list(enumerate(LIST.names, start=1))):
        sql = sql.replace(f"${position}", arguments[name])
    script.write_text(f"\\set user random(0, {USERS - 1})\n{' '.join(sql.split())};\n")
    parts = urlsplit(url)
    database = (
        f"host={unquote(parse_qs(parts.query)['host'][0])} user=postgres dbname={parts.path[1:]} "
        "options='-c search_path=numbered'"
    )
    command = [_program(), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-f", str(script)]
    rates = []
    for seconds in (1, *[PAGES_SECONDS] * 3):  # the first run warms up and is not counted
        done = subprocess.run([*command, "-T", str(seconds), database], capture_output=True, text=True, check=True)
        if "number of failed transactions: 0 " not in done.stdout:
            raise RuntimeError(done.stdout + done.stderr)
        rates.append(float(re.findall(r"tps = ([\d.]+)", done.stdout)[0]))
    postgres.run("drop schema numbered cascade", "checkpoint", url=url)
    return statistics.median(rates[1:])


def _number_users(postgres: Server, url: str) -> None:
    """Copies the rows to users whose ids are numbers: variables of pgbench are numbers."""
    postgres.run("create schema numbered", url=url)
    for table in _TABLES:
        columns = postgres.run(
            "select string_agg(quote_ident(column_name), ', ') from information_schema.columns "
            f"where table_schema = 'public' and table_name = '{table}' and is_generated = 'NEVER' "
            "and column_name <> 'user_id'",
            url=url,
        )
        postgres.run(
            f"create table numbered.{table} (like public.{table} including all)",
            f"insert into numbered.{table} (user_id, {columns}) "
            f"select substr(user_id, 7)::integer::text, {columns} from public.{table}",
            f"vacuum analyze numbered.{table}",
            url=url,
        )
    if not postgres.run(f"select true from numbered.tasks where user_id = '{USERS - 1}'", url=url):
        raise RuntimeError("the copied users are missing: pgbench would read empty pages")


def _program() -> str:
    """The pgbench of the embedded PostgreSQL, or else of Debian's."""
    embedded = _programs() / "pgbench"
    return str(embedded) if embedded.exists() else shutil.which("pgbench") or _FALLBACK
