"""`database distribute` and `database upgrade` on a cluster."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import asyncpg
import pytest

from tests.support.cluster import WORKERS, Cluster, rows
from tests.support.program import todo_api
from todo_api.cli.distribute import distribute
from todo_api.db import cluster as subject
from todo_api.db.functions import SCHEMA
from todo_api.db.migrations import upgrade
from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments

_SENT = '{"title": "T", "title_folded": "t", "description_folded": "", "priority": 2, "completed": false}'
_TABLES = "select logicalrelid::text as name, colocationid from pg_dist_partition order by 1"
_LEFT = "select relname from pg_class where relname = any ('{{{}}}') and pg_relation_size(oid) > 0"
_FUNCTIONS = f"""
    select f.proname, f.proargnames[1] is not distinct from 'me' as of_a_user,
           d.distribution_argument_index as argument, d.objid is not null as known
    from pg_proc f left join pg_dist_object d on d.objid = f.oid and d.classid = 'pg_proc'::regclass
    where f.pronamespace = '{SCHEMA}'::regnamespace
"""


def create(user: str) -> str:
    arguments = f"'{user}', null, '{uuid4()}', false, '{_SENT}', array['a'], array['a'], null, null, 100, '{{30,30}}'"
    return f"select * from {SCHEMA}.create_task({arguments})"


def assert_everything_is_distributed(cluster: Cluster, name: str) -> None:
    url = cluster.url(database=name)
    tables = rows(url, _TABLES)
    assert [table["name"] for table in tables] == sorted(METADATA.tables)
    assert len({table["colocationid"] for table in tables}) == 1
    assert rows(url, _LEFT.format(",".join(METADATA.tables))) == []
    functions = rows(url, _FUNCTIONS)
    assert len(functions) > 10
    for function in functions:
        assert function["known"], function
        assert function["argument"] == (0 if function["of_a_user"] else None), function
    for worker in WORKERS:
        assert len(rows(cluster.url(worker, name), _FUNCTIONS)) == len(functions)
    assert rows(url, "show citus.override_table_visibility")[0][0] == "off"


def users_and_titles(url: str) -> set[tuple[str, str]]:
    return {(row["user_id"], row["title"]) for row in rows(url, "select user_id, title from tasks")}


def test_rows_and_functions_from_before_go_to_the_nodes(cluster: Cluster, empty: str) -> None:
    url = cluster.url(database=empty)
    upgrade(url)
    users = [f"u{number}" for number in range(20)]
    rows(url, *(create(user) for user in users))
    said = distribute(url)
    assert said.startswith("distributed by user_id: ")
    assert {*METADATA.tables} < {*re.findall(r"\w+", said)}
    assert f"{SCHEMA}.create_task(" in said
    assert_everything_is_distributed(cluster, empty)
    assert users_and_titles(url) == {(user, "T") for user in users}
    (again,) = rows(url, create("u0"))
    assert (again["outcome"], again["change_id"]) == ("created", 2)
    assert distribute(url) == "everything is distributed already"


def test_the_printed_sql_does_the_same(cluster: Cluster, empty: str, tmp_path: Path) -> None:
    url = cluster.url(database=empty)
    upgrade(url)
    rows(url, create("ann"))
    printed = todo_api(tmp_path, "database", "distribute", "--sql").stdout
    rows(url, printed, "select 1")
    assert_everything_is_distributed(cluster, empty)
    assert distribute(url) == "everything is distributed already"
    assert users_and_titles(url) == {("ann", "T")}


def test_upgrade_distributes_what_a_migration_adds(cluster: Cluster, empty: str) -> None:
    """The database is one that the first release distributed, so that rows stayed on the coordinator."""
    url = cluster.url(database=empty)
    upgrade(url, "0003")
    rows(url, "insert into tags (user_id, name, name_folded) values ('ann', 'a', 'a')", "select 1")
    first, *others = ("idempotency_keys", "tags", "tasks", "task_tags")
    rows(
        url,
        f"select create_distributed_table('{first}', 'user_id', colocate_with => 'none')",
        *(f"select create_distributed_table('{name}', 'user_id', colocate_with => '{first}')" for name in others),
    )
    for _ in range(2):
        upgrade(url)
        assert_everything_is_distributed(cluster, empty)
    assert rows(url, "select name from tags")[0]["name"] == "a"
    assert rows(url, create("ann"))[0]["outcome"] == "created"
    assert distribute(url) == "everything is distributed already"


def test_a_function_that_was_dropped_and_made_again_is_distributed_by_upgrade(cluster: Cluster, empty: str) -> None:
    """Citus forgets such a function, and says nothing: its calls are answered, statement by statement."""
    url = cluster.url(database=empty)
    upgrade(url)
    distribute(url)
    body = rows(url, f"select pg_get_functiondef('{SCHEMA}.remove_task'::regproc) as sql")[0]["sql"]
    count = "select count(*) from pg_dist_object where distribution_argument_index is not null"
    before = rows(url, count)[0][0]
    rows(url, f"drop function {SCHEMA}.remove_task", body, "select 1")
    assert rows(url, count)[0][0] == before - 1
    upgrade(url)
    assert rows(url, count)[0][0] == before
    assert_everything_is_distributed(cluster, empty)


_TRIGGER = """
    create trigger mine before update on heads for each row execute function suppress_redundant_updates_trigger()
"""


@pytest.fixture(scope="module")
def migrated(cluster: Cluster) -> Iterator[str]:
    """The name of a database on the cluster, migrated and not distributed. The tests leave it so."""
    with cluster.database() as name:
        upgrade(cluster.url(database=name))
        yield name


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (["drop table changes cascade"], "there is no table changes: run `todo-api database upgrade` first"),
        (
            ["select create_reference_table('changes')"],
            "the table changes is a reference table or a local table of Citus: run `select undistribute_table(",
        ),
        (
            [
                "alter table changes drop constraint pk_changes",
                "select create_distributed_table('changes', 'task_id')",
            ],
            "the table changes is distributed by task_id, not by user_id: run `select undistribute_table(",
        ),
        (
            [
                "select create_distributed_table('heads', 'user_id', colocate_with => 'none')",
                "select create_distributed_table('changes', 'user_id', colocate_with => 'none')",
            ],
            "are in different co-location groups: run `select update_distributed_table_colocation(",
        ),
        (["delete from pg_dist_node where groupid > 0"], "the cluster has no worker: run `select citus_add_node("),
        (
            [_TRIGGER],
            "Citus refuses, so nothing was distributed: ",
        ),
        (["drop extension citus cascade"], "this PostgreSQL has no citus extension, so nothing was distributed: "),
    ],
    ids=["missing", "reference", "other column", "groups", "no workers", "trigger", "no extension"],
)
def test_an_odd_state_is_refused_with_a_reason(cluster: Cluster, migrated: str, odd: list[str], reason: str) -> None:
    async def run() -> str:
        connection = await asyncpg.connect(**connect_arguments(cluster.url(database=migrated)))
        transaction = connection.transaction()
        await transaction.start()
        try:
            for statement in (subject.SEQUENTIAL, *odd):
                await connection.execute(statement)
            with pytest.raises(subject.CannotDistribute) as refusal:
                await subject.distribute(connection)
            return str(refusal.value)
        finally:
            await transaction.rollback()
            await connection.close()

    said = anyio.run(run)
    assert reason in said
    assert "\n" not in said
    assert rows(cluster.url(database=migrated), _TABLES) == []


def test_a_worker_is_refused_in_one_line(cluster: Cluster, migrated: str, tmp_path: Path) -> None:
    done = todo_api(tmp_path, "database", "distribute", DATABASE_URL=cluster.url("worker1", migrated))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "todo-api: this is a worker of the cluster: set DATABASE_URL to the coordinator\n"


def test_during_a_migration_it_is_refused(cluster: Cluster, migrated: str) -> None:
    url = cluster.url(database=migrated)

    async def run() -> str:
        connection = await asyncpg.connect(**connect_arguments(url))
        try:
            async with connection.transaction():
                await connection.execute("select pg_advisory_xact_lock(hashtext('todo_api migrations'))")
                return await anyio.to_thread.run_sync(refusal, url)
        finally:
            await connection.close()

    assert anyio.run(run) == "a migration is running: wait until it ends, then run this command again"


def refusal(url: str) -> str:
    with pytest.raises(subject.CannotDistribute) as refused:
        distribute(url)
    return str(refused.value)


def test_the_statements_that_a_refusal_names_help(cluster: Cluster, empty: str) -> None:
    url = cluster.url(database=empty)
    upgrade(url)
    rows(url, create("ann"), "select create_reference_table('tags')")
    (cure,) = re.findall("`(select .*?)`", refusal(url))
    rows(url, cure, "select 1")
    upgrade(url)
    rows(
        url,
        "select create_distributed_table('heads', 'user_id', colocate_with => 'none')",
        "select create_distributed_table('changes', 'user_id', colocate_with => 'none')",
    )
    (cure,) = re.findall("`(select .*?)`", refusal(url))
    rows(url, cure)
    distribute(url)
    assert_everything_is_distributed(cluster, empty)
    assert users_and_titles(url) == {("ann", "T")}
    assert rows(url, create("ann"))[0]["change_id"] == 2


def test_a_worker_that_is_added_later_gets_the_functions(cluster: Cluster, empty: str) -> None:
    """It checks their bodies under its own `search_path`."""
    url = cluster.url(database=empty)
    there = f"'127.0.0.1', {cluster.ports['worker2']}"
    rows(url, f"select citus_remove_node({there})")
    upgrade(url)
    distribute(url)
    assert rows(cluster.url("worker2", empty), "select from pg_namespace where nspname ~ '^writes_'") == []
    rows(url, f"select citus_add_node({there})", "select rebalance_table_shards(shard_transfer_mode => 'block_writes')")
    assert_everything_is_distributed(cluster, empty)
    nodes = rows(url, "select count(distinct nodeport) from citus_shards where table_name = 'tasks'::regclass")
    assert nodes[0][0] == len(WORKERS)
    answers = [rows(url, create(f"u{number}"))[0]["outcome"] for number in range(10)]
    assert answers == ["created"] * 10
