"""Each read and each call of a function goes to one node only: the one that has the user."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import asyncpg
import pytest

from tests.architecture.test_statements import STATEMENTS
from tests.cluster.calls import ISSUED, calls
from tests.support.cluster import Cluster, rows
from todo_api.db.connection import Connection
from todo_api.db.functions import SCHEMA
from todo_api.db.statement import Statement
from todo_api.db.url import connect_arguments
from todo_api.errors import AccountErased
from todo_api.features.account.repository import ERASE
from todo_api.features.batch.repository import BATCH, BATCH_WITH_KEY
from todo_api.features.tasks.repository import CHANGE, CREATE, CREATE_WITH_ID, REMOVE
from todo_api.sqlstates import from_database

TIMES: Final = 8
"""After five executions PostgreSQL may choose a generic plan."""
_LITERALS: Final = {
    "bigint": "1",
    "boolean": "true",
    "date": "2026-01-31",
    "integer": "1",
    "smallint": "1",
    "text": "a",
    "text[]": "{a}",
    "timestamp with time zone": "2026-01-31T00:00Z",
    "uuid": str(UUID(int=1)),
    "character varying": "a",
    "character varying[]": "{a}",
}
_TYPES: Final = "select parameter_types::text[] from pg_prepared_statements where name = $1"
_NODE: Final = """
    select nodeport from citus_shards
    where shardid = get_shard_id_for_distribution_column('tasks', '{}') and table_name = 'tasks'::regclass
"""


class Remote:
    """A connection to the coordinator, with the commands that the coordinator sends to nodes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent: list[tuple[str, int]] = []
        """SQL and port."""
        connection.add_log_listener(self._hear)

    def _hear(self, _connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if message.message.startswith("issuing "):
            port = int(message.detail.partition("127.0.0.1:")[2].split()[0])
            self.sent.append((message.message.removeprefix("issuing "), port))

    async def commands(self, sql: str, *values: Any) -> list[tuple[str, int]]:
        """Sends it as the service does, and returns the commands for the nodes."""
        self.sent.clear()
        await self.connection.fetch(sql, *values)
        return [*self.sent]


@asynccontextmanager
async def remote(url: str) -> AsyncIterator[Remote]:
    connection = await asyncpg.connect(**connect_arguments(url), connection_class=Connection)
    try:
        await connection.execute("set citus.log_remote_commands = on")
        yield Remote(connection)
    finally:
        await connection.close()


def with_remote(url: str, test: Callable[[Remote], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with remote(url) as connection:
            await test(connection)

    anyio.run(run)


async def plans(connection: Connection, sql: str, me: int, times: int = TIMES) -> list[str]:
    """The plans of the first and later executions of a prepared statement. `me`: the place of that parameter."""
    await connection.execute(f"prepare asked as {sql}")
    types = await connection.fetchval(_TYPES, "asked")
    literals = [_LITERALS[type_] for type_ in types]
    literals[me] = "ann"
    arguments = ", ".join(f"'{literal}'" for literal in literals)
    found = []
    for _ in range(times):
        explained = await connection.fetch(f"explain execute asked ({arguments})")
        found.append("\n".join(row[0] for row in explained))
    await connection.execute("deallocate asked")
    return found


def assert_one_task(plan: str) -> None:
    assert plan.count("Task Count: ") == plan.count("Task Count: 1\n") == 1, plan
    assert "Distributed Subplan" not in plan, plan


@pytest.mark.parametrize(
    ("statements", "times"), [(STATEMENTS, 1), (STATEMENTS[::10], TIMES)], ids=["all", "after many executions"]
)
def test_every_read_goes_to_one_node(database_url: str, statements: list[Statement], times: int) -> None:
    """Whether PostgreSQL chooses a generic plan does not depend on the statement: Citus makes each too expensive."""

    async def explain() -> None:
        connection = await asyncpg.connect(**connect_arguments(database_url), connection_class=Connection)
        try:
            for statement in statements:
                first, *others = await plans(connection, statement.sql, statement.names.index("me"), times)
                assert_one_task(first)
                assert {*others} <= {first}, "another plan than at first"
        finally:
            await connection.close()

    anyio.run(explain)


def test_all_functions_are_called_here(database_url: str) -> None:
    inner = (
        "carry_out",
        "claim_key",
        "kept_answers",
        "refuse_create",
        "refuse_restore",
        "replace_tag",
        "undo_entries",
        "undo_retagging",
        "undo_write",
    )
    named = rows(
        database_url,
        f"select proname from pg_proc where pronamespace = '{SCHEMA}'::regnamespace and pg_get_function_result(oid) "
        f"like '%\\_answer' and proargnames[1] = 'me' and proname not in {inner}",
    )
    called = {call.sql.split("(")[0].split(".")[1] for call, _ in calls("ann")}
    assert called == {row["proname"] for row in named} | {"make_head"}


def test_every_call_of_a_function_is_one_command_to_the_node_of_its_user(cluster: Cluster, database_url: str) -> None:
    """Also after many executions of the driver's prepared statements, and for users of both workers."""

    async def run(connection: Remote) -> None:
        used = set()
        for number in range(TIMES * 2):
            user = f"routed-{number}-{uuid4()}"
            node = await connection.connection.fetchval(_NODE.format(user))
            used.add(node)
            for call, values in calls(user):
                ((sql, port),) = await connection.commands(call.sql, *values)
                assert f" FROM {call.sql.split(' ')[3].split('(')[0]}(" in sql
                assert port == node
        assert used == {cluster.ports["worker1"], cluster.ports["worker2"]}

    with_remote(database_url, run)


def test_the_refusal_of_an_old_token_comes_from_the_node_with_its_sqlstate(database_url: str) -> None:
    async def run(connection: Remote) -> None:
        for number in range(TIMES):
            user = f"erased-{number}-{uuid4()}"
            node = await connection.connection.fetchval(_NODE.format(user))
            writes = calls(user)
            erasures = [values for call, values in writes if call is ERASE]
            await connection.commands(ERASE.sql, *erasures[-1])
            for call, values in writes:
                if call is not ERASE:
                    with pytest.raises(asyncpg.PostgresError) as raised:
                        await connection.commands(call.sql, *values)
                    assert raised.value.sqlstate == "ZE001"
                    assert isinstance(from_database(raised.value), AccountErased)
                    assert [port for _, port in connection.sent] == [node]

    with_remote(database_url, run)


def test_every_function_of_a_user_is_distributed(database_url: str) -> None:
    """A call has the same answer whether it is delegated or not: nothing else would show a lost distribution."""
    count = rows(database_url, "select count(*) from pg_dist_object where distribution_argument_index is not null")
    of_users = rows(
        database_url,
        f"select count(*) from pg_proc where pronamespace = '{SCHEMA}'::regnamespace and proargnames[1] = 'me'",
    )
    assert count[0][0] == of_users[0][0] > 5


@pytest.mark.parametrize(
    ("before", "form", "after"),
    [
        ("begin", "select * from {}", "commit"),
        ("", "select * from {} where outcome = 'created'", ""),
        ("", "with made as (select * from {}) select * from made", ""),
        ("", "select (f).outcome from (select {} as f offset 0) x", ""),
        ("set plan_cache_mode = force_generic_plan", "select * from {}", ""),
    ],
    ids=["transaction", "where", "cte", "field", "generic plan"],
)
def test_forms_of_a_call_that_are_not_delegated(database_url: str, before: str, form: str, after: str) -> None:
    """They are answered, statement by statement from the coordinator. So the service uses none of them."""

    async def run(connection: Remote) -> None:
        user = f"form-{uuid4()}"
        function = CREATE.sql.removeprefix("select * from ")
        if before:
            await connection.connection.execute(before)
        (made,) = [values for call, values in calls(user)[:1]]
        assert len(await connection.commands(form.format(function), *made)) > 3
        if after:
            await connection.connection.execute(after)
        assert await connection.connection.fetchval("select count(*) from tasks where user_id = $1", user) == 1

    with_remote(database_url, run)


@pytest.mark.parametrize(("argument", "delegated"), [("gen_random_uuid()", False), ("md5('a')::uuid", True)])
def test_a_volatile_argument_is_not_delegated(database_url: str, argument: str, delegated: bool) -> None:
    async def run(connection: Remote) -> None:
        sql = CREATE.sql.replace("$3", argument)
        for place in range(4, len(CREATE.names) + 1):
            sql = sql.replace(f"${place}", f"${place - 1}")
        values = [f"volatile-{uuid4()}", ISSUED, *calls("x")[0][1][3:]]
        assert (len(await connection.commands(sql, *values)) == 1) is delegated

    with_remote(database_url, run)


def test_the_service_calls_functions_in_the_bare_form_only() -> None:
    for call in (CREATE, CREATE_WITH_ID, CHANGE, REMOVE, BATCH, BATCH_WITH_KEY):
        places = ", ".join(f"${number}" for number in range(1, len(call.names) + 1))
        assert call.sql.endswith(f"({places})")
        assert call.sql.startswith(f"select * from {SCHEMA}.")
        assert call.names[:2] == ("me", "issued")
