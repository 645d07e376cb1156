"""The database functions keep their rules, and each rule refuses a function that breaks it."""

import re
from importlib import import_module
from pkgutil import walk_packages
from typing import Final

import anyio
import asyncpg
import pytest
from pglast import ast

from tests.architecture.function_examples import BAD, GOOD
from tests.architecture.function_rules import RULES
from tests.architecture.function_source import FILES, Function, World, functions
from tests.architecture.function_tokens import ERASURE
from todo_api import features
from todo_api.db.functions import FILES as INSTALLED
from todo_api.db.statement import FunctionCall
from todo_api.db.tables import METADATA
from todo_api.db.url import connect_arguments

FUNCTIONS: Final = [function for file in FILES for function in functions(file.read_text())]


async def _volatility(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        rows = await connection.fetch(
            "select proname, max(provolatile::text) from pg_proc "
            "where pronamespace = 'pg_catalog'::regnamespace group by 1"
        )
        return dict(map(tuple, rows))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def built_in(database_url: str) -> dict[str, str]:
    return anyio.run(_volatility, database_url)


def complaints(examined: list[Function], among: list[Function], built_in: dict[str, str]) -> set[tuple[str, str]]:
    world = World({function.name: function for function in among}, built_in)
    return {
        (rule.__name__, f"{function.name} {complaint}")
        for function in examined
        for rule in RULES
        for complaint in rule(function, world)
    }


def test_every_file_is_installed() -> None:
    assert set(FILES) == set(INSTALLED)
    assert FUNCTIONS


def test_each_function_keeps_the_rules(built_in: dict[str, str]) -> None:
    assert complaints(FUNCTIONS, FUNCTIONS, built_in) == set()


def test_the_service_calls_the_functions_that_lock_the_head() -> None:
    """All of them, with their arguments in order, and of those that other functions call only `make_head`."""
    modules = [import_module(each.name) for each in walk_packages(features.__path__, "todo_api.features.")]
    calls = [each for module in modules for each in vars(module).values() if isinstance(each, FunctionCall)]
    called = World({function.name: function for function in FUNCTIONS}, {}).called
    entries = {each.name: [name for name, _ in each.arguments] for each in FUNCTIONS if each.name not in called}
    entries["make_head"] = ["me", "issued"]
    assert {re.findall(r"\w+\.(\w+)\(", each.sql)[0]: list(each.names) for each in calls} == entries


def test_the_erasure_deletes_from_every_table() -> None:
    """Only the head row stays."""
    (erasure,) = (function for function in FUNCTIONS if function.name == ERASURE)
    deleted = {node.relation.relname for node in erasure.nodes(ast.DeleteStmt)}
    assert deleted == METADATA.tables.keys() - {"heads"}


def test_each_name_has_one_function() -> None:
    names = [function.name for function in FUNCTIONS]
    assert len(names) == len(set(names))


def test_an_example_keeps_the_rules(built_in: dict[str, str]) -> None:
    good = functions(GOOD)
    assert complaints(good, good, built_in) == set()


@pytest.mark.parametrize(("rule", "part", "instead", "complaint"), BAD)
def test_a_rule_refuses(rule: str, part: str, instead: str, complaint: str, built_in: dict[str, str]) -> None:
    assert part in GOOD
    bad = functions(GOOD.replace(part, instead))
    said = [text for name, text in complaints(bad, bad, built_in) if name == rule]
    assert any(complaint in text for text in said), said


def test_every_rule_has_an_example() -> None:
    assert {rule.__name__ for rule in RULES} == {example[0] for example in BAD}
