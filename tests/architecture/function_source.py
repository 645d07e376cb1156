"""Reads the database functions from their files, with PostgreSQL's parsers for SQL and PL/pgSQL (pglast)."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from pglast import ast, parse_plpgsql, parse_sql
from pglast.enums import FunctionParameterMode, VariableSetKind

SERVICE: Final = Path(__file__).parents[2] / "src/todo_api"
FILES: Final = sorted(SERVICE.rglob("writes*.sql"))
_ASSIGNMENTS: Final = {3, 4, 5}
"""`parseMode` of an assignment: RawParseMode in PostgreSQL's parser/parser.h."""
_EXPRESSION: Final = 2
_IMPLICIT: Final = {"found", "sqlstate", "sqlerrm"}

DISPATCHER: Final = "carry_out"
"""Calls the functions of the single requests, which the service calls too."""
WRITES: Final = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)

type Tree = dict[str, Any]
"""A node of PL/pgSQL's parser: `{"PLpgSQL_stmt_if": {"cond": …, "then_body": […]}}`."""


class Part(NamedTuple):
    """An SQL statement or expression of a function."""

    kind: str
    """The PL/pgSQL statement that contains it, such as `assign`; `declare` for the default of a variable."""
    tree: ast.Node
    """The expression `a + 1` is here as `select a + 1`."""


class Function:
    def __init__(self, text: str) -> None:
        """`text`: one `create function`."""
        self.text = text
        (raw,) = parse_sql(text)
        assert isinstance(raw.stmt, ast.CreateFunctionStmt), text
        self.tree = raw.stmt
        self.name: str = self.tree.funcname[-1].sval
        self.arguments = [(each.name, type_name(each.argType)) for each in self.tree.parameters or ()]
        self.only_plain_arguments = all(
            each.mode in {FunctionParameterMode.FUNC_PARAM_DEFAULT, FunctionParameterMode.FUNC_PARAM_IN}
            and each.defexpr is None
            for each in self.tree.parameters or ()
        )
        self.options: dict[str, Any] = {each.defname: each.arg for each in self.tree.options or ()}
        self.language: str = self.options["language"].sval
        self.body: str = self.options["as"][0].sval if "as" in self.options else ""
        self.is_plpgsql = self.language == "plpgsql"

    @property
    def volatility(self) -> str:
        """As in `pg_proc.provolatile`."""
        return str(self.options["volatility"].sval[0]) if "volatility" in self.options else "v"

    @property
    def is_pinned(self) -> bool:
        """True for `set search_path from current`."""
        pin = self.options.get("set")
        return pin is not None and (pin.name, pin.kind) == ("search_path", VariableSetKind.VAR_SET_CURRENT)

    @cached_property
    def parsed(self) -> Tree:
        (found,) = parse_plpgsql(self.text)
        parsed: Tree = found["PLpgSQL_function"]
        return parsed

    @property
    def variables(self) -> list[str]:
        """Names of arguments and variables, also of loops. A name is here as often as it is declared."""
        data = [next(iter(each.values())) for each in self.parsed["datums"]] if self.is_plpgsql else []
        names = [each["refname"] for each in data if "refname" in each]
        return [name for name in names if name not in _IMPLICIT and not name.startswith("(")]

    @property
    def statements(self) -> list[Tree]:
        """The outermost PL/pgSQL statements."""
        body: list[Tree] = self.parsed["action"]["PLpgSQL_stmt_block"].get("body", [])
        return body

    @cached_property
    def parts(self) -> list[Part]:
        if self.is_plpgsql:
            return list(parts_of(self.parsed["datums"], "declare")) + list(parts_of(self.statements))
        return [Part("sql", raw.stmt) for raw in parse_sql(self.body)]

    @cached_property
    def calls(self) -> list[tuple[str, ast.FuncCall]]:
        return [(name_of(call), call) for call in self.nodes(ast.FuncCall)]

    def nodes[Node: ast.Node](self, kind: type[Node]) -> Iterator[Node]:
        return (node for part in self.parts for node in walk(part.tree) if isinstance(node, kind))

    @cached_property
    def tables(self) -> set[str]:
        return {node.relname for node in self.nodes(ast.RangeVar)}


def type_name(node: ast.TypeName) -> str:
    return str(node.names[-1].sval) + "[]" * len(node.arrayBounds or ())


def name_of(call: ast.FuncCall) -> str:
    return ".".join(name.sval for name in call.funcname).removeprefix("pg_catalog.")


def walk(node: Any) -> Iterator[ast.Node]:
    """The node and all that is inside it."""
    if isinstance(node, tuple):
        for each in node:
            yield from walk(each)
    elif isinstance(node, ast.Node):
        yield node
        for member in node:
            yield from walk(getattr(node, member))


def kind_of(statement: Tree) -> str:
    return next(iter(statement)).removeprefix("PLpgSQL_stmt_")


def parts_of(tree: Any, kind: str = "") -> Iterator[Part]:
    """The SQL inside a tree of PL/pgSQL."""
    if isinstance(tree, list):
        for each in tree:
            yield from parts_of(each, kind)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "PLpgSQL_expr":
                yield Part(kind, _parsed(value["query"], value["parseMode"]))
            else:
                yield from parts_of(value, kind_of({key: value}) if key.startswith("PLpgSQL_stmt_") else kind)


def _parsed(query: str, mode: int) -> ast.Node:
    if mode in _ASSIGNMENTS:
        query = "select " + re.split(r":?=", query, maxsplit=1)[1]
    elif mode == _EXPRESSION:
        query = "select " + query
    (raw,) = parse_sql(query)
    return raw.stmt


def blocks(tree: Any) -> Iterator[list[Tree]]:
    """Every list of PL/pgSQL statements that run one after another."""
    if isinstance(tree, list):
        if tree and next(iter(tree[0])).startswith("PLpgSQL_stmt_"):
            yield tree
        for each in tree:
            yield from blocks(each)
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from blocks(value)


def definitions(text: str) -> list[str]:
    """The statements of a file, without the comments between them."""
    return [text[raw.stmt_location :][: raw.stmt_len or None].strip() for raw in parse_sql(text)]


def functions(text: str) -> list[Function]:
    """The functions of a file. Types are left out.

    Raises:
        AssertionError: there is another statement.
    """
    texts = definitions(text)
    return [Function(each) for each in texts if not isinstance(parse_sql(each)[0].stmt, ast.CompositeTypeStmt)]


class World(NamedTuple):
    """The functions that may be called."""

    functions: Mapping[str, Function]
    built_in: Mapping[str, str]
    """`provolatile` of PostgreSQL's functions, by name: `i`, `s` or `v`."""

    def volatility(self, name: str) -> str | None:
        own = self.functions.get(name)
        return own.volatility if own else self.built_in.get(name)

    @property
    def called(self) -> set[str]:
        """The functions that only others call, not the service."""
        callers = [function for function in self.functions.values() if function.name != DISPATCHER]
        return {name for function in callers for name, _ in function.calls}

    def writes(self, function: Function) -> bool:
        """True if it, or a function that it calls, changes a row."""
        return any(True for each in self.reached(function) for kind in WRITES for _ in each.nodes(kind))

    def logs(self, function: Function) -> bool:
        inserts = [node for each in self.reached(function) for node in each.nodes(ast.InsertStmt)]
        return any(node.relation.relname == "changes" for node in inserts)

    def reached(self, function: Function) -> Iterator[Function]:
        """The function and those that it calls."""
        yield function
        for name in {name for name, _ in function.calls if name in self.functions} - {function.name}:
            yield from self.reached(self.functions[name])
