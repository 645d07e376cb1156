"""Facts about Citus on which the code relies, and which nothing else would show: a new release may change them."""

from uuid import uuid4

import asyncpg
import pytest

from tests.cluster.test_routing import Remote, assert_one_task, plans, with_remote
from tests.support.cluster import rows

_INSERT = "insert into tasks (user_id, id, title, priority, title_folded, description_folded) values {}"
_TASK = "('{}', '00000000-0000-4000-8000-000000000001', '{}', 2, '', '')"


@pytest.mark.parametrize(
    ("title", "sqlstate", "name"),
    [("twice", "23505", "pk_tasks"), ("", "23514", "ck_tasks_ck_tasks_title_length")],
    ids=["unique", "check"],
)
def test_the_name_of_a_constraint_does_not_arrive(database_url: str, title: str, sqlstate: str, name: str) -> None:
    """Only the SQLSTATE does. So a function answers with an outcome, and no code reads the name of a constraint."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as error:
        rows(database_url, *[_INSERT.format(_TASK.format(f"constraint-{sqlstate}", title))] * 2)
    assert error.value.sqlstate == sqlstate
    assert (error.value.constraint_name, error.value.table_name) == (None, None)
    assert name in str(error.value)


_TAGS = "array(select x.tag from task_tags x where x.user_id = {} and x.task_id = t.id order by x.tag)"
_PAGE = f"select t.user_id, t.id, {_TAGS} as tags from tasks t where t.user_id = $1 and {{}} order by t.id limit 50"
_LATERAL = f"""
    select h.revision, p.* from heads h left join lateral ({_PAGE}) p on {{}} where h.user_id = $1
"""
_MINE, _OF_THE_TASK = "$1", "t.user_id"
GATED_IN_THE_JOIN = _LATERAL.format(_MINE, "h.revision <> $2", "p.user_id = h.user_id")
GATED_BY_A_SUBQUERY = f"""
    select h.revision, p.* from heads h
    left join ({_PAGE.format(_MINE, "(select revision from heads where user_id = $1) <> $2")}) p
      on p.user_id = h.user_id
    where h.user_id = $1
"""


@pytest.mark.parametrize("sql", [GATED_IN_THE_JOIN, GATED_BY_A_SUBQUERY], ids=["lateral", "subquery"])
def test_a_page_that_is_read_only_if_the_head_changed_goes_to_one_node(database_url: str, sql: str) -> None:
    """In these two forms: each table's `user_id` is the parameter. It stays so after many executions."""

    async def run(remote: Remote) -> None:
        first, *others = await plans(remote.connection, sql, 0)
        assert_one_task(first)
        assert {*others} == {first}
        user = f"gated-{uuid4()}"
        assert await remote.connection.fetch(sql, user, 1) == []
        await remote.connection.execute("insert into heads (user_id, revision, tasks) values ($1, 1, 0)", user)
        await remote.connection.execute(_INSERT.format(_TASK.format(user, "T")))
        for _ in range(8):
            (row,) = await remote.connection.fetch(sql, user, 0)
            assert row["id"] is not None
            ((revision, *columns),) = await remote.connection.fetch(sql, user, 1)
            assert (revision, {*columns}) == (1, {None}), "the page was read"
        assert len(await remote.commands(sql, user, 0)) == 1

    with_remote(database_url, run)


@pytest.mark.parametrize("joined", ["true", "p.user_id = h.user_id"], ids=["unjoined", "joined"])
@pytest.mark.parametrize("tags_of", [_MINE, _OF_THE_TASK], ids=["parameter", "column"])
def test_a_subquery_names_the_user_by_the_parameter(database_url: str, tags_of: str, joined: str) -> None:
    """With the column of another table in its place, the read goes to all nodes, or is refused."""

    async def run(remote: Remote) -> None:
        sql = _LATERAL.format(tags_of, "h.revision <> $2", joined)
        if tags_of == _OF_THE_TASK and joined == "true":
            with pytest.raises(asyncpg.FeatureNotSupportedError, match="complex joins are only supported"):
                await plans(remote.connection, sql, 0, 1)
            return
        (plan,) = await plans(remote.connection, sql, 0, 1)
        if tags_of == _OF_THE_TASK:
            assert "Task Count: 32" in plan, plan
        else:
            assert_one_task(plan)

    with_remote(database_url, run)


@pytest.mark.parametrize("sql", [GATED_IN_THE_JOIN, GATED_BY_A_SUBQUERY], ids=["lateral", "subquery"])
def test_a_generic_plan_is_impossible_for_some_reads(database_url: str, sql: str) -> None:
    """So `plan_cache_mode` must not be force_generic_plan on a cluster."""

    async def run(remote: Remote) -> None:
        await remote.connection.execute("set plan_cache_mode = force_generic_plan")
        with pytest.raises(asyncpg.PostgresError, match="could not create distributed plan"):
            await remote.connection.fetch(sql, "ann", 0)

    with_remote(database_url, run)


def test_functions_would_be_dropped_if_tasks_were_undistributed(database_url: str) -> None:
    """`undistribute_table` and `alter_distributed_table` make the table anew, and drop the functions that have its row
    type in their signature. So an upgrade must install them again: the refusals of `distribute` say how.
    """
    dependent = rows(
        database_url,
        "select p.proname from pg_proc p where p.oid::regprocedure::text like 'writes_%(%tasks%' order by 1",
    )
    assert {row["proname"] for row in dependent} >= {"answer_with", "differences", "update_task"}
