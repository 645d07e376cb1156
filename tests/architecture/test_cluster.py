"""The schema and the statements fit a Citus cluster: https://docs.citusdata.com/en/stable/develop/reference_workarounds.html

These tests need no cluster: they look for the things that Citus refuses. `tests/cluster` runs the service on one.
"""

import re
from pathlib import Path

import pytest

from tests.architecture.test_migrations import run
from tests.support.program import todo_api
from todo_api.db.cluster import statements
from todo_api.db.tables import METADATA

_KEYS = """
    select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
    where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f', 'x')
    union all select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
    where indisunique and indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
"""
_OTHERS = """
    select 'trigger ' || tgname as name from pg_trigger where not tgisinternal
    union all select 'type ' || typname from pg_type
        where typnamespace = 'public'::regnamespace and typtype in ('e', 'd', 'r')
    union all select 'sequence or view ' || relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('S', 'v', 'm', 'f', 'p')
    union all select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
    union all select 'policy ' || polname from pg_policy
"""


def test_each_key_begins_with_its_user(database_url: str) -> None:
    keys = [row for row in run(database_url, _KEYS) if "alembic_version" not in row["name"] + row["definition"]]
    assert len(keys) >= 2 * len(METADATA.tables)
    for key in keys:
        columns = re.findall(r"\((.*?)\)", key["definition"])
        assert all(re.match(r"user_id\b", each) for each in columns), key
        assert "SET NULL" not in key["definition"], key
        assert "SET DEFAULT" not in key["definition"], key


def test_the_schema_has_only_tables_and_indexes(database_url: str) -> None:
    assert [row["name"] for row in run(database_url, _OTHERS)] == []


def test_every_table_is_distributed_after_those_it_refers_to(tmp_path: Path) -> None:
    printed = todo_api(tmp_path, "database", "distribute", "--sql").stdout
    assert printed == "".join(f"{statement};\n" for statement in statements())
    named = re.findall(r"create_distributed_table\('(\w+)', 'user_id', colocate_with => '(\w+)'\)", printed)
    order = [name for name, _ in named]
    assert sorted(order) == sorted(METADATA.tables)
    assert [with_ for _, with_ in named] == ["none", *[order[0]] * (len(order) - 1)]
    for table in METADATA.tables.values():
        assert "user_id" in table.primary_key.columns
        for key in table.foreign_key_constraints:
            assert order.index(key.referred_table.name) < order.index(table.name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has no citus extension, so nothing was distributed: "),
        ("postgresql://x@127.0.0.1:1/x", "cannot connect"),
    ],
)
def test_without_a_cluster_it_says_so_in_one_line(database_url: str, tmp_path: Path, url: str, words: str) -> None:
    done = todo_api(tmp_path, "database", "distribute", DATABASE_URL=url or database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"todo-api: .*{words}.*\n", done.stderr)
