"""An error that the server sends as an answer is not a lost connection, whatever its SQLSTATE."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text  # noqa: TID251 - it reads no table

from todo_api.db.database import Database
from todo_api.db.failures import interruption, is_lost
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.errors import ApiError
from todo_api.sqlstates import from_database
from todo_api.unavailable import DatabaseTooSlow, DatabaseUnavailable, OutcomeUnknown

NODE = "connection to the remote node app@10.0.0.7:5432 failed with the following error: "
NOT_REACHED = [
    NODE + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
    NODE + "No route to host\n\tIs the server running on that host and accepting TCP/IP connections?",
    NODE + 'could not translate host name "node1" to address: Name or service not known',
    NODE + "FATAL:  the database system is starting up",
    NODE + "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state has not …",
    NODE + "FATAL:  sorry, too many clients already",
    "could not establish any connections to the node 10.0.0.7:5432 after 30000 ms",
]
IN_THE_MIDDLE = [
    ("08006", NODE + "connection not open"),
    ("08006", NODE + "SSL connection has been closed unexpectedly"),
    ("08006", NODE + "server closed the connection unexpectedly"),
    ("08006", NODE + "could not receive data from server: No route to host"),
    ("08006", NODE + "FATAL:  terminating connection due to administrator command\nSSL connection has been closed"),
    ("08006", NODE + "Verbindungsaufbau abgelehnt"),
    ("57P01", "terminating connection due to unexpected postmaster exit"),
    ("57P01", "terminating connection due to administrator command"),
    ("XX000", "failure on connection marked as essential: 10.0.0.7:5432"),
]


def answer(state: str, message: str = "", severity: str = "ERROR") -> asyncpg.PostgresError:
    fields = {"S": severity, "V": severity, "C": state, "M": message}
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(fields)
    return error


@pytest.mark.parametrize("message", NOT_REACHED)
@pytest.mark.parametrize("writes", [False, True])
def test_a_node_that_was_not_reached_changed_nothing(message: str, writes: bool) -> None:
    assert isinstance(interruption(answer("08006", message), writes=writes, cluster=True), DatabaseUnavailable)


@pytest.mark.parametrize(("state", "message"), IN_THE_MIDDLE)
def test_a_node_that_was_lost_in_the_middle_may_have_changed_something(state: str, message: str) -> None:
    error = answer(state, message)
    assert isinstance(interruption(error, writes=True, cluster=True), OutcomeUnknown)
    assert isinstance(interruption(error, writes=False, cluster=True), DatabaseUnavailable)


def test_a_cluster_does_not_know_whether_a_cancelled_write_was_committed() -> None:
    cancelled = answer("57014", "canceling statement due to statement timeout")
    assert isinstance(interruption(cancelled, writes=True, cluster=True), OutcomeUnknown)
    for writes, cluster in ((False, True), (True, False), (False, False)):
        assert interruption(cancelled, writes=writes, cluster=cluster) is None
    assert isinstance(from_database(cancelled), DatabaseTooSlow)


@pytest.mark.parametrize("state", ["23505", "40P01", "40001", "53300", "55P03", "42P01", "XX000", "25006"])
def test_all_other_answers_keep_their_meaning(state: str) -> None:
    assert interruption(answer(state, "out of luck"), writes=True, cluster=True) is None


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (answer("08006", NODE + "connection not open"), False),
        (answer("08006", "the end", severity="FATAL"), True),
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (answer("57P01"), False),
    ],
    ids=repr,
)
def test_a_connection_is_lost_unless_the_server_continues(error: BaseException, lost: bool) -> None:
    assert is_lost(error) is lost
    if lost:
        assert interruption(error, writes=True, cluster=True) is None


@pytest.fixture
def raising(database_url: str) -> Iterator[str]:
    """The name of a function that raises an error with a SQLSTATE and a message."""
    name = f"raise_{uuid4().hex}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(**connect_arguments(database_url))
        await connection.execute(statement)
        await connection.close()

    body = "begin raise exception using errcode = state, message = words; end"
    asyncio.run(execute(f"create function {name}(state text, words text) returns int language plpgsql as $$ {body} $$"))
    yield name
    asyncio.run(execute(f"drop function {name}"))


@pytest.mark.parametrize(
    ("raised", "writes", "expected"),
    [
        (("08006", NOT_REACHED[0]), False, "database_unavailable"),
        (("08006", NOT_REACHED[0]), True, "database_unavailable"),
        (IN_THE_MIDDLE[0], False, "database_unavailable"),
        (IN_THE_MIDDLE[0], True, "outcome_unknown"),
        (IN_THE_MIDDLE[-1], True, "outcome_unknown"),
    ],
)
def test_it_is_answered_at_once_and_the_connection_is_kept(
    database_url: str, raising: str, raised: tuple[str, str], writes: bool, expected: str
) -> None:
    """It is not sent again, and the database is up: readiness stays as it was."""

    async def story() -> None:
        database = Database(database_url, pool_size=1, max_overflow=0)
        await database.open()
        try:
            await database.health.check()
            statement = Statement(text(f"select {raising}(:state, :words)"))
            statement.writes = statement.writes or writes
            with pytest.raises(ApiError) as caught:
                await database.fetch(statement, dict(zip(("state", "words"), raised, strict=True)))
            assert caught.value.code == expected
            assert database.connections() == (1, 1, 1)
            assert not database.health.is_down
            server = Statement(text("select pg_backend_pid()"))
            pids = {(await database.fetch(server, {}))[0][0] for _ in range(2)}
            assert len(pids) == 1
        finally:
            await database.close()

    asyncio.run(story())
