"""Lock 2 inside functions: each mention of a table is bound to `me`."""

from collections.abc import Iterator
from typing import Any

from pglast import ast
from pglast.enums import BoolExprType, OnConflictAction

from tests.architecture.function_source import Function, walk
from todo_api.db.tables import METADATA


def fields(node: Any) -> tuple[str, ...]:
    """`("tasks", "user_id")` for `tasks.user_id`; empty if `node` is not a name."""
    if not isinstance(node, ast.ColumnRef):
        return ()
    return tuple(each.sval if isinstance(each, ast.String) else "*" for each in node.fields)


def is_me(node: Any) -> bool:
    return fields(node) == ("me",)


def columns_of(nodes: Any) -> Iterator[str]:
    """The first part of each name: a variable, a table or a column."""
    return (fields(node)[0] for node in walk(nodes) if isinstance(node, ast.ColumnRef))


def unbound(function: Function) -> Iterator[str]:
    """The mentions of a table that are not bound to `me`."""
    for part in function.parts:
        steps = {node.ctename for node in walk(part.tree) if isinstance(node, ast.CommonTableExpr)}
        if steps & set(METADATA.tables):
            yield "names a step of WITH like a table"
        checked: set[int] = set()
        for node in walk(part.tree):
            yield from _bound(node, checked)
        for node in walk(part.tree):
            if isinstance(node, ast.RangeVar) and node.relname not in steps:
                if node.schemaname or node.relname not in METADATA.tables:
                    yield f"reads {node.relname}, which is not a table of this service"
                elif id(node) not in checked:
                    yield f"mentions {node.relname} where no rule looks"


def _bound(node: ast.Node, checked: set[int]) -> Iterator[str]:
    """Adds to `checked` the mentions of tables at this node. Those of a nested SELECT belong to that SELECT."""
    if isinstance(node, ast.SelectStmt):
        yield from _level(node.fromClause or (), node.whereClause, checked)
    elif isinstance(node, ast.UpdateStmt):
        yield from _level((node.relation, *(node.fromClause or ())), node.whereClause, checked)
        yield from _owner_changed(node.targetList)
    elif isinstance(node, ast.DeleteStmt):
        yield from _level((node.relation, *(node.usingClause or ())), node.whereClause, checked)
    elif isinstance(node, ast.InsertStmt):
        yield from _insert(node)
        checked.add(id(node.relation))


def _level(sources: tuple[ast.Node, ...], where: Any, checked: set[int]) -> Iterator[str]:
    """One FROM with its WHERE."""
    tables = [table for source in sources for table in _tables(source)]
    conjuncts = set(_conjuncts(where))
    for table in tables:
        checked.add(id(table))
        if table.relname in METADATA.tables:
            alias = table.alias.aliasname if table.alias else table.relname
            bound = {(alias, "user_id")} | ({("user_id",)} if len(tables) == 1 else set())
            if not bound & conjuncts:
                yield f"mentions {table.relname} without `user_id = me` in the WHERE"


def _tables(source: Any) -> Iterator[ast.RangeVar]:
    if isinstance(source, ast.RangeVar):
        yield source
    elif isinstance(source, ast.JoinExpr):
        yield from _tables(source.larg)
        yield from _tables(source.rarg)


def _conjuncts(where: Any) -> Iterator[tuple[str, ...]]:
    """The names that the conditions joined by AND compare with `me`."""
    if isinstance(where, ast.BoolExpr) and where.boolop == BoolExprType.AND_EXPR:
        for each in where.args:
            yield from _conjuncts(each)
    elif isinstance(where, ast.A_Expr) and [each.sval for each in where.name or ()] == ["="] and is_me(where.rexpr):
        yield fields(where.lexpr)


def _insert(node: ast.InsertStmt) -> Iterator[str]:
    table = node.relation.relname
    columns = [column.name for column in node.cols or ()]
    query = node.selectStmt
    rows = (query.valuesLists or [[target.val for target in query.targetList or ()]]) if query else []
    place = columns.index("user_id") if "user_id" in columns else -1
    if place < 0 or not rows or any(len(row) <= place or not is_me(row[place]) for row in rows):
        yield f"inserts into {table} without `me` as user_id"
    conflict = node.onConflictClause
    if conflict and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
        yield from _owner_changed(conflict.targetList)


def _owner_changed(targets: Any) -> Iterator[str]:
    if any(target.name == "user_id" for target in targets or ()):
        yield "changes a user_id"
