"""No message of PostgreSQL reaches client or log: the SQLSTATE picks the answer, the log has a stack without texts."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Person, fresh_user
from tests.support.service import Service, running
from todo_api.db.migrations import upgrade
from todo_api.db.url import connect_arguments

_RAISE = """
    create function complain() returns trigger language plpgsql as $$ begin
        if new.description = 'complain' then
            raise exception 'secret words of tasks.title: %', new.title using errcode = new.title, detail = new.title;
        end if;
        return new;
    end $$;
    create trigger complain before insert on tasks for each row execute function complain();
    alter table tasks add constraint not_this check (title <> 'private matter');
"""


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def complaining(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with its own database. An insert raises the SQLSTATE that is the title of the new task."""
    name = f"complaining_{uuid4().hex}"
    anyio.run(_execute, database_url, f"create database {name}")
    url = urlsplit(database_url)._replace(path=f"/{name}").geturl()
    upgrade(url)
    anyio.run(_execute, url, _RAISE)
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": url}) as service:
        yield service


def complaint(service: Service, **task: str) -> httpx.Response:
    with Person(service.url, fresh_user("ann")) as ann:
        return ann.post("tasks", json=task)


@pytest.mark.parametrize(
    ("sqlstate", "status", "code"),
    [
        ("22001", 400, "validation_error"),
        ("22003", 400, "validation_error"),
        ("22008", 400, "validation_error"),
        ("22021", 400, "validation_error"),
        ("22P02", 400, "validation_error"),
        ("23503", 409, "conflict"),
        ("23505", 409, "conflict"),
        ("23502", 500, "internal_error"),
        ("23514", 500, "internal_error"),
        ("40001", 503, "busy"),
        ("40P01", 503, "busy"),
        ("53300", 503, "busy"),
        ("55P03", 503, "busy"),
        ("57014", 503, "database_too_slow"),
        ("57P01", 503, "outcome_unknown"),
        ("08006", 503, "outcome_unknown"),
        ("42601", 500, "internal_error"),
        ("42P01", 503, "not_migrated"),
        ("42703", 503, "not_migrated"),
        ("42883", 503, "not_migrated"),
        ("3F000", 503, "not_migrated"),
        ("42501", 500, "internal_error"),
        ("XX000", 500, "internal_error"),
        ("P0001", 500, "internal_error"),
    ],
)
def test_a_sqlstate_has_its_answer(complaining: Service, sqlstate: str, status: int, code: str) -> None:
    answer = complaint(complaining, title=sqlstate, description="complain")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    for word in ("secret", sqlstate, "tasks", "title", "raise", "insert", "asyncpg", ".py"):
        assert word not in answer.text.lower()


def test_our_bug_is_500_with_an_id_and_a_stack_in_the_log(complaining: Service) -> None:
    answer = complaint(complaining, title="private matter")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"]
    assert answer.json() == {
        "detail": "Something went wrong on our side. Report the X-Request-ID.",
        "code": "internal_error",
    }
    written = complaining.log.read_text()
    assert "CheckViolationError: sqlstate=23514 constraint_name=not_this table_name=tasks" in written
    assert re.search(r"database\.py\", line \d+, in fetch", written)


def test_no_text_of_an_exception_reaches_the_log(complaining: Service) -> None:
    complaint(complaining, title="XX000", description="complain")
    complaint(complaining, title="private matter", description="a very private matter")
    written = complaining.log.read_text()
    assert "sqlstate=XX000" in written
    for text in ("secret words", "private matter", "Failing row", "DETAIL"):
        assert text not in written
