"""The database has the functions of the files, neither more nor less, and a released version stays as it is."""

import os
import re
from typing import Any, Final

import pytest
from pglast import ast, parse_sql

from tests.architecture.function_source import Function, definitions, functions, type_name
from tests.architecture.function_versions import complaint, digest, versions
from tests.architecture.test_documents import ROOT
from tests.architecture.test_migrations import empty, run
from tests.support.postgres15 import CHECKER, postgres15
from todo_api.db.functions import FILES, SCHEMA, VERSION
from todo_api.db.migrations import upgrade

__all__ = ["empty"]

_TEXT: Final = "\n".join(file.read_text() for file in FILES)
_TYPE: Final = "case when typcategory = 'A' then substr(typname, 2) || '[]' else typname::text end"
_INSTALLED: Final = f"""
    select proname::text as name,
        array(
            select {_TYPE} from unnest(proargtypes) with ordinality a (type, place)
                join pg_type on pg_type.oid = a.type order by place
        ) as types,
        coalesce(proargnames, '{{}}') as names,
        (select {_TYPE} from pg_type where oid = prorettype) as returns,
        lanname::text as language, provolatile::text as volatility, prosrc as body,
        coalesce(proconfig, '{{}}') as config,
        proretset as is_set, prosecdef or proisstrict or proleakproof or proparallel <> 'u' as is_special
    from pg_proc join pg_language on pg_language.oid = prolang where pronamespace = '{SCHEMA}'::regnamespace
"""
_FIELDS: Final = f"""
    select c.relname::text as name, array_agg(attname || ' ' || {_TYPE} order by attnum) as fields
    from pg_class c join pg_attribute on attrelid = c.oid join pg_type on pg_type.oid = atttypid
    where c.relnamespace = '{SCHEMA}'::regnamespace group by 1
"""
_MEMBERS: Final = f"""
    select classid::regclass::text as kind, count(*)::integer as count from pg_depend
    where refclassid = 'pg_namespace'::regclass and refobjid = '{SCHEMA}'::regnamespace group by 1
"""
# The message about VOLATILE is left out: only in volatile functions does each statement see what was committed before.
_WARNINGS: Final = f"""
    select p.proname || ', line ' || coalesce(lineno, 0) || ': ' || level || ': ' || message from pg_proc p,
        plpgsql_check_function_tb(
            p.oid, fatal_errors => false, other_warnings => true, performance_warnings => true, extra_warnings => true,
            security_warnings => true
        )
    where p.pronamespace = '{SCHEMA}'::regnamespace
        and p.prolang = (select oid from pg_language where lanname = 'plpgsql')
        and message <> 'routine is marked as VOLATILE, should be STABLE'
"""


def _expected(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "types": [kind for _, kind in function.arguments],
        "names": [name for name, _ in function.arguments],
        "returns": type_name(function.tree.returnType),
        "language": function.language,
        "volatility": function.volatility,
        "body": function.body,
        "config": [f"search_path={SCHEMA}, public, pg_temp"] if function.is_pinned else [],
        "is_set": function.tree.returnType.setof,
        "is_special": False,
    }


def differences(url: str) -> set[str]:
    """The names of functions and types that are not in the database as in the files."""
    installed = [dict(row) for row in run(url, _INSTALLED)]
    expected = [_expected(function) for function in functions(_TEXT)]
    wrong = {each["name"] for each in [*installed, *expected] if each not in installed or each not in expected}
    types = {node.typevar.relname: node for node in _types()}
    fields = {row["name"]: row["fields"] for row in run(url, _FIELDS)}
    in_files = {
        name: [f"{column.colname} {type_name(column.typeName)}" for column in node.coldeflist]
        for name, node in types.items()
    }
    wrong |= {name for name in fields.keys() | in_files.keys() if fields.get(name) != in_files.get(name)}
    members = {row["kind"]: row["count"] for row in run(url, _MEMBERS)}
    if members != {"pg_proc": len(expected), "pg_type": len(types)}:
        wrong.add(f"other members: {members}")
    return wrong


def _types() -> list[Any]:
    nodes = [parse_sql(text)[0].stmt for text in definitions(_TEXT)]
    return [node for node in nodes if isinstance(node, ast.CompositeTypeStmt)]


def test_the_database_has_the_functions_of_the_files(empty: str) -> None:
    upgrade(empty)
    assert differences(empty) == set()
    upgrade(empty)
    assert differences(empty) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("drop function {}.make_head", "make_head"),
        ("alter function {}.make_head reset all", "make_head"),
        ("alter function {}.make_head security definer", "make_head"),
        ("alter function {}.make_head immutable", "make_head"),
        (
            (
                "create or replace function {0}.make_head(me text, issued timestamptz) returns bigint "
                "language plpgsql as 'begin end'"
            ),
            "make_head",
        ),
        ("create function {}.make_head(me text, two text) returns bigint language sql as 'select 1'", "make_head"),
        ("create function {}.extra() returns integer language sql as 'select 1'", "extra"),
        ("alter type {}.task_answer drop attribute version", "task_answer"),
        ("create table {}.extra ()", "other members"),
        ("create domain {}.extra as text", "other members"),
    ],
)
def test_a_difference_is_found(change: str, found: str, empty: str) -> None:
    upgrade(empty)
    run(empty, change.format(SCHEMA))
    assert any(name.startswith(found) for name in differences(empty))


def test_a_version_that_is_installed_is_not_replaced(empty: str) -> None:
    """Replicas call it. So a change needs a new version."""
    upgrade(empty)
    run(empty, f"drop function {SCHEMA}.make_head")
    upgrade(empty)
    assert "make_head" in differences(empty)


def test_the_functions_are_those_of_their_version() -> None:
    assert complaint(versions(), VERSION, digest()) == ""
    assert list(versions()) == [str(number) for number in range(1, VERSION + 1)]


def test_a_released_version_does_not_change() -> None:
    recorded = {"1": {"release": "0.2.0", "sha256": "a"}, "2": {"release": None, "sha256": "b"}}
    assert complaint(recorded, 1, "a") == ""  # type: ignore[arg-type] # mypy infers dict[str, object]
    assert "raise VERSION" in complaint(recorded, 1, "b")  # type: ignore[arg-type] # as above
    assert "run `python" in complaint(recorded, 2, "c")  # type: ignore[arg-type] # as above
    assert "run `python" in complaint(recorded, 3, "c")  # type: ignore[arg-type] # as above


def test_a_release_names_the_version_of_its_functions() -> None:
    """When the changelog has no unreleased part, each version of the functions names its release."""
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    for version in versions().values():
        assert (version["release"] or "Unreleased") in sections


@pytest.mark.skipif(
    not CHECKER.exists() and os.environ.get("CI") != "true",
    reason="there is no plpgsql_check: apt-get install postgresql-15-plpgsql-check",
)
def test_plpgsql_check_has_no_warnings() -> None:
    with postgres15() as postgres:
        upgrade(postgres.url)
        run(postgres.url, "create extension plpgsql_check")
        assert [row[0] for row in run(postgres.url, _WARNINGS)] == []
        run(
            postgres.url,
            f"create function {SCHEMA}.bad(me text) returns void language plpgsql set search_path = public as "
            "$$ declare unused integer; begin perform missing from tasks; end $$",
        )
        found = [row[0] for row in run(postgres.url, _WARNINGS)]
        assert any("missing" in each for each in found), found
        assert any("unused" in each for each in found), found
