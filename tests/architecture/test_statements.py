"""Lock 2: every statement is bound to its owner, and reads by an index of the owner's."""

import gc
import re
from collections.abc import Iterator
from itertools import product
from typing import get_args

import anyio
import asyncpg
import msgspec
import pytest

from todo_api.db.revisions import REVISIONS
from todo_api.db.statement import FunctionCall, Statement
from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments
from todo_api.features.changes import reads as changes
from todo_api.features.history import reads as history
from todo_api.features.limits import repository as limits
from todo_api.features.tags import repository as tags
from todo_api.features.tasks import list_statements as listing
from todo_api.features.tasks import reads
from todo_api.features.tasks.list_filters import Filter
from todo_api.features.tasks.list_parameters import SortBy
from todo_api.features.tasks.list_statements import STORED_TOTALS, Shape, Start
from todo_api.features.trash import reads as trash

_TABLE = re.compile(rf"\b(FROM|JOIN|UPDATE|INTO|USING|,) ({'|'.join(METADATA.tables)})\b(?!\.| AS)")


def list_shapes() -> Iterator[Shape]:
    """Every plan with no condition, with each one and with all of them. Conditions are independent of each other."""
    alone = [name for name in get_args(Filter) if name not in ("more_words", "long_words")]
    together: frozenset[Filter] = frozenset({"pending", "priority", "all_tags", "due", "search", "more_words"})
    filters: list[frozenset[Filter]] = [frozenset(), *(frozenset({name}) for name in alone), together]
    starts: list[Start] = ["first", "offset", "after", "after_undated"]
    for chosen, sort_by, start in product(filters, get_args(SortBy), starts):
        if sort_by == "due_date" or start != "after_undated":
            for descending, counts in product((True, False), repeat=2):
                shape = Shape(filters=chosen, sort_by=sort_by, descending=descending, start=start, counts=counts)
                yield shape
                if counts and chosen in STORED_TOTALS:
                    yield msgspec.structs.replace(shape, stored=True)


def shapes() -> Iterator[Statement]:
    """Every shape of every memoised statement, and the constants. Calls of functions mention no table."""
    yield from map(listing.statement, list_shapes())
    yield from (reads.GET, tags._LIST, changes.SINCE, limits._TASKS, trash.PAGE, history.PAGE)


STATEMENTS = list(shapes())


def scope(sql: str, position: int) -> str:
    """The innermost parentheses around `position`: the CTE or subquery that a mention of a table belongs to."""
    depth, start = 0, position
    while start > 0 and depth <= 0:
        start -= 1
        depth += {"(": 1, ")": -1}.get(sql[start], 0)
    depth, end = 0, position
    while end < len(sql) and depth >= 0:
        depth += {"(": 1, ")": -1}.get(sql[end], 0)
        end += 1
    return sql[start:end]


def outermost(text: str) -> str:
    """`text` without the parentheses inside it and their content."""
    text = text.removeprefix("(").removesuffix(")")
    while (shorter := re.sub(r"\([^()]*\)", "", text)) != text:
        text = shorter
    return text


def test_every_statement_is_looked_at() -> None:
    known = {statement.sql for statement in STATEMENTS}
    assert len(known) > 500
    gc.collect()
    statements = [
        each for each in gc.get_objects() if isinstance(each, Statement) and not isinstance(each, FunctionCall)
    ]
    # The poll of revisions is the only statement about several users.
    assert {each.sql for each in statements} <= known | {REVISIONS.sql}


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: re.sub(r"\W+", " ", statement.sql)[:60])
def test_each_mention_of_a_table_is_bound_to_its_owner(statement: Statement) -> None:
    me = rf"\${statement.names.index('me') + 1}::VARCHAR"
    mentions = list(_TABLE.finditer(statement.sql))
    assert mentions
    for mention in mentions:
        around = scope(statement.sql, mention.start())
        if mention[1] == "INTO":
            assert re.search(rf"INTO {mention[2]} \(user_id, [^)]*\) (VALUES \(|SELECT ){me}", around), around
        else:
            assert re.search(rf"\b{mention[2]}\.user_id = {me}", around), around
            assert " OR " not in outermost(around).partition("WHERE ")[2], around


async def _plans(url: str, statements: list[Statement]) -> list[str]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        # For an empty table the planner prefers a sequential scan. Without it, the plan shows if an index can serve.
        await connection.execute("set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off")
        await connection.execute("set plan_cache_mode = force_generic_plan")
        plans = []
        for number, statement in enumerate(statements):
            await connection.execute(f"prepare s{number} as {statement.sql}")
            nulls = ", ".join(["null"] * len(statement.names))
            rows = await connection.fetch(f"explain execute s{number} ({nulls})")
            plans.append("\n".join(row[0] for row in rows))
        return plans
    finally:
        await connection.close()


def test_each_read_can_use_an_index_of_its_owner(database_url: str) -> None:
    for plan in anyio.run(_plans, database_url, STATEMENTS):
        assert "Seq Scan" not in plan, plan
        for condition in re.findall(r"Index Cond: (.*)", plan):
            assert "user_id = " in condition, plan


def test_a_keyset_page_follows_the_index_of_its_sort(database_url: str) -> None:
    """It does not sort, and begins at its cursor: page 1000 costs as much as page 1.

    The outermost sort has the rows of one page. Any other sort is of one user's rows, because a statement reads only
    these. Filters that have an index of their own
    are left out: the planner chooses between their index and that of the sort.
    """
    others: set[Filter] = {"due", "any_tag", "all_tags"}
    pages = [shape for shape in list_shapes() if not shape.materializes and not shape.filters & others]
    plans = anyio.run(_plans, database_url, [listing.statement(shape) for shape in pages])
    for shape, plan in zip(pages, plans, strict=True):
        index = f"ix_tasks_{shape.sort_by}"
        assert index in plan, plan
        assert not re.search(r"Sort Key: tasks\.", plan.partition("->")[2]), plan
        if shape.start == "after":
            assert re.search(rf"{index} on tasks.*\n *Index Cond: .*ROW\(", plan), plan


def test_a_search_with_a_total_reads_from_the_newest_on(database_url: str) -> None:
    searches = [shape for shape in list_shapes() if shape.counts and shape.filters == {"search"}]
    for plan in anyio.run(_plans, database_url, [listing.statement(shape) for shape in searches]):
        assert "Index Scan Backward using ix_tasks_created_at" in plan, plan
