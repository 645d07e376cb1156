"""Writes of tags that many tasks have."""

import asyncpg
import pytest

from tests.architecture.test_migrations import run
from tests.features.tags.test_rename import tags
from tests.support.client import Person
from tests.support.cluster import rows
from todo_api.db.functions import SCHEMA
from todo_api.features.tags.writes import MOST_TASKS

_TASKS = """
    insert into tasks (user_id, id, title, priority, title_folded, description_folded)
    select '{}', gen_random_uuid(), 'T', 2, 't', '' from generate_series(1, {})
"""
_LINKS = "insert into task_tags (user_id, task_id, tag) select user_id, id, 'a' from tasks where user_id = '{}'"
_STATE = """
    select
        (select revision from heads where user_id = '{0}') as head,
        count(distinct t.revision) as revisions, min(t.revision) as first, max(t.revision) as last,
        count(*) filter (where c.version = t.version and c.task_id = t.id) as logged,
        array_agg(distinct t.version) as versions, array_agg(distinct c.batch) as batches
    from tasks t left join changes c on c.user_id = t.user_id and c.revision = t.revision
    where t.user_id = '{0}'
"""


def fill(url: str, person: Person, count: int) -> None:
    """Gives the user this many tasks with the tag `a`, as from before there were revisions."""
    run(url, f"insert into tags (user_id, name, name_folded) values ('{person.user_id}', 'a', 'a')")
    run(url, _TASKS.format(person.user_id, count))
    run(url, _LINKS.format(person.user_id))


@pytest.mark.parametrize(
    "arguments",
    ["rename_tag('{}', null, 'a', 'b', 'b', {}, '{{30,30}}')", "remove_tag('{}', null, 'a', {}, '{{30,30}}')"],
)
def test_five_thousand_tasks_change_at_once(ann: Person, database_url: str, arguments: str) -> None:
    """Without the service, since its limit of four seconds would fail on a busy machine."""
    fill(database_url, ann, MOST_TASKS)
    (answer,) = run(database_url, f"select * from {SCHEMA}.{arguments.format(ann.user_id, MOST_TASKS)}")
    assert (answer["outcome"], answer["change_id"]) == ("changed", MOST_TASKS)
    (state,) = run(database_url, _STATE.format(ann.user_id))
    assert dict(state) == {
        "head": MOST_TASKS,
        "revisions": MOST_TASKS,
        "first": 1,
        "last": MOST_TASKS,
        "logged": MOST_TASKS,
        "versions": [2],
        "batches": [1],
    }
    assert tags(ann) == ({"b": MOST_TASKS} if arguments.startswith("rename") else {})


def test_a_write_that_the_time_limit_ends_changes_nothing(ann: Person, database_url: str) -> None:
    """PostgreSQL ends a statement after four seconds: 503 `database_too_slow` (tests/db/test_function_errors.py)."""
    fill(database_url, ann, MOST_TASKS)
    call = f"select * from {SCHEMA}.rename_tag('{ann.user_id}', null, 'a', 'b', 'b', {MOST_TASKS}, '{{30,30}}')"
    with pytest.raises(asyncpg.QueryCanceledError):
        rows(database_url, "set statement_timeout = '50ms'", call)
    (state,) = run(database_url, _STATE.format(ann.user_id))
    assert (state["head"], state["revisions"], state["last"], state["versions"]) == (None, 1, 0, [1])
    assert tags(ann) == {"a": MOST_TASKS}


@pytest.mark.parametrize("history_days", [30, 0])
def test_the_log_loses_old_entries_as_fast_as_it_gets_new_ones(
    ann: Person, database_url: str, history_days: int
) -> None:
    fill(database_url, ann, 200)
    for former, successor in (("a", "b"), ("b", "c"), ("c", "d")):
        call = (
            f"rename_tag('{ann.user_id}', null, '{former}', '{successor}', '{successor}', 200, '{{{history_days},30}}')"
        )
        (answer,) = run(database_url, f"select * from {SCHEMA}.{call}")
        assert answer["outcome"] == "changed"
    (row,) = run(database_url, f"select count(*) from changes where user_id = '{ann.user_id}'")
    assert row["count"] == (600 if history_days else pytest.approx(100, abs=100))


def test_a_tag_that_no_task_has_any_more_is_deleted_after_the_first_day(ann: Person, database_url: str) -> None:
    names = f"select name from tags where user_id = '{ann.user_id}' order by name"
    ann.creates(tags=["a", "b", "c"])
    ann.patch("tags/a", json={"name": "z"})
    assert [row["name"] for row in run(database_url, names)] == ["a", "b", "c", "z"], "an old replica may link it"
    run(database_url, f"update heads set made_at = '2026-01-01' where user_id = '{ann.user_id}'")
    ann.patch("tags/c", json={"name": "b"})
    assert [row["name"] for row in run(database_url, names)] == ["a", "b", "z"]
    ann.delete("tags/b")
    assert [row["name"] for row in run(database_url, names)] == ["a", "z"]


def test_the_numbers_of_tasks_stay_right(ann: Person, database_url: str) -> None:
    ann.creates(tags=["a"])
    ann.creates(tags=["a"], completed=True)
    known = f"update heads set made_at = '2026-01-01', pending = null, tasks = 7 where user_id = '{ann.user_id}'"
    run(database_url, known)
    ann.delete("tags/a")
    (row,) = run(database_url, f"select tasks, pending from heads where user_id = '{ann.user_id}'")
    assert tuple(row) == (2, 1)


def test_more_tasks_are_409_and_nothing_changes(ann: Person, database_url: str) -> None:
    fill(database_url, ann, MOST_TASKS + 1)
    for answer in (ann.patch("tags/a", json={"name": "b"}), ann.delete("tags/a")):
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many")
        assert "5,000" in answer.json()["detail"]
        assert "change-id" not in answer.headers
    assert tags(ann) == {"a": MOST_TASKS + 1}
    assert ann.patch("tags/a", json={"name": "a"}).json() == {"name": "a", "usage_count": MOST_TASKS + 1}
    (row,) = run(database_url, f"select count(*) from changes where user_id = '{ann.user_id}'")
    assert row["count"] == 0
