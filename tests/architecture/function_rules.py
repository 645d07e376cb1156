"""The rules of the database functions. Each rule yields what is wrong with a function."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pglast import ast

from tests.architecture.function_bindings import columns_of, is_me, unbound
from tests.architecture.function_source import WRITES, Function, Tree, World, blocks, kind_of, name_of, parts_of, walk
from tests.architecture.function_tokens import ERASURE, REFUSAL, is_not_found, token
from todo_api.db.tables import METADATA

LONGEST: Final = 75
"""Lines of a function. The formatter gives each value of a long list a line: an `insert` of 13 columns has 30 lines."""
MOST_STATEMENTS: Final = 30
_STATEMENTS: Final = {
    "assign",
    "case",
    "execsql",
    "exit",
    "fori",
    "foreach_a",
    "fors",
    "if",
    "perform",
    "return",
    "return_next",
    "return_query",
    "while",
}
UNDO: Final = "UNDO1"
"""The SQLSTATE by which a function undoes the writes of a block of its own."""
_MANY: Final = "one for each row"
_CLOCKS: Final = {"now", "statement_timestamp", "transaction_timestamp", "timeofday"}


def header(function: Function, world: World) -> Iterator[str]:
    allowed = {"language", "set", "as"} if function.is_plpgsql else {"language", "volatility", "as"}
    for option in sorted(set(function.options) - allowed):
        yield f"has the option {option}"
    if function.is_plpgsql:
        if not function.is_pinned:
            yield "is without `set search_path from current`"
        if not function.arguments or function.arguments[0] != ("me", "text"):
            yield "has another first argument than `me text`"
    elif function.language != "sql" or function.volatility == "v" or function.tables:
        yield "is neither plpgsql nor an expression without a table, `language sql` and `immutable` or `stable`"
    if not function.only_plain_arguments:
        yield "has a default or an OUT argument: it must have one signature"
    if not function.body:
        yield "has no body between `$$`"


def me(function: Function, world: World) -> Iterator[str]:
    yield from unbound(function)
    for name, call in function.calls:
        called = world.functions.get(name)
        if called and called.is_plpgsql and not (call.args and is_me(call.args[0])):
            yield f"calls {name} for somebody else than `me`"
    if function.is_plpgsql and (function.variables.count("me") != 1 or _assigns_me(function.statements)):
        yield "gives `me` another value"
    if "#variable_conflict" in function.body:
        yield "has #variable_conflict: `me` could be read as a column"


def _assigns_me(tree: Any) -> bool:
    """`me` is the first argument, so its number is 0, which the parser leaves out."""
    if isinstance(tree, list):
        return any(map(_assigns_me, tree))
    if not isinstance(tree, dict):
        return False
    if any(key in tree and not tree[key].get("varno") for key in ("PLpgSQL_stmt_assign", "PLpgSQL_stmt_foreach_a")):
        return True
    if any(not field.get("varno") for field in tree.get("fields", ())):
        return True
    return any(map(_assigns_me, tree.values()))


def static(function: Function, world: World) -> Iterator[str]:
    """No dynamic SQL, and nothing else that a rule here could not read."""
    for block in blocks(function.statements) if function.is_plpgsql else ():
        allowed = _STATEMENTS | ({"raise"} if function.name == REFUSAL else set())
        for statement in block:
            if kind_of(statement) not in allowed and not _undoes(statement):
                yield f"has a statement of the kind {kind_of(statement)}"
    for part in function.parts:
        if not isinstance(part.tree, (ast.SelectStmt, *WRITES)):
            yield f"has a {type(part.tree).__name__}"
        if any(isinstance(step.ctequery, WRITES) for step in function.nodes(ast.CommonTableExpr)):
            yield "writes in a WITH"


def _undoes(statement: Tree) -> bool:
    """A block that catches `UNDO`, or the statement that raises it. An error of PostgreSQL is not caught."""
    if "PLpgSQL_stmt_raise" in statement:
        raised: Tree = statement["PLpgSQL_stmt_raise"]
        return bool(raised.get("condname") == UNDO and "message" not in raised and "options" not in raised)
    caught = statement.get("PLpgSQL_stmt_block", {}).get("exceptions", {}).get("PLpgSQL_exception_block", {})
    conditions = [each["PLpgSQL_exception"]["conditions"] for each in caught.get("exc_list", ())]
    return conditions == [[{"PLpgSQL_condition": {"condname": UNDO}}]]


def calls(function: Function, world: World) -> Iterator[str]:
    for name, _ in function.calls:
        volatility = world.volatility(name)
        if volatility is None:
            yield f"calls {name}, which is neither PostgreSQL's nor in a writes.sql"
        elif volatility == "v" and name not in {*world.functions, "clock_timestamp"}:
            yield f"calls {name}, which is volatile"
        elif volatility > function.volatility:
            yield f"calls {name}, which is less stable than itself"


def clock(function: Function, world: World) -> Iterator[str]:
    """The clock is read once the head is locked, into a variable: Citus refuses it in statements on tables."""
    for part in function.parts:
        for node in walk(part.tree):
            name = name_of(node) if isinstance(node, ast.FuncCall) else ""
            if isinstance(node, ast.SQLValueFunction) or name in _CLOCKS:
                yield "reads a clock that stood still before the head was locked"
            if name == "clock_timestamp" and part.kind != "assign":
                yield "reads the clock otherwise than by an assignment"


def calls_in_writes(function: Function, world: World) -> Iterator[str]:
    """Citus refuses volatile functions in writes, and stable ones that read a column."""
    names = set(function.variables)
    for part in function.parts:
        for node in walk(part.tree) if isinstance(part.tree, WRITES) else ():
            if isinstance(node, ast.FuncCall):
                name, volatility = name_of(node), world.volatility(name_of(node))
                of_columns = any(each not in names for each in columns_of(node.args))
                if volatility == "v" or (volatility == "s" and of_columns):
                    yield f"calls {name} in a statement that writes"
            if isinstance(node, ast.OnConflictClause):
                where = list(walk(node.whereClause))
                if any(isinstance(each, (ast.FuncCall, ast.SQLValueFunction)) for each in where):
                    yield "calls a function in the WHERE of ON CONFLICT"


def head_first(function: Function, world: World) -> Iterator[str]:
    """Functions that only others call may begin otherwise: those have locked the head."""
    for node in function.nodes(ast.SelectStmt):
        if _sources(node) == ["heads"] and not _locks(node):
            yield "reads heads without `for update`"
    if function.is_plpgsql and function.name not in world.called:
        first = next(parts_of(function.statements[:1]), None)
        tree = first.tree if first and first.kind == "execsql" else None
        if not isinstance(tree, ast.SelectStmt) or _sources(tree) != ["heads"] or not _locks(tree):
            yield "has another first statement than `select … from heads where user_id = me for update`"


def _sources(node: ast.SelectStmt) -> list[str]:
    return [each.relname for each in walk(node) if isinstance(each, ast.RangeVar)]


def _locks(node: ast.SelectStmt) -> bool:
    return [lock.strength.name for lock in node.lockingClause or ()] == ["LCS_FORUPDATE"]


def head_raised(function: Function, world: World) -> Iterator[str]:
    """With each entry in the log, and only then. The entries of an `insert … select` end at the head's revision, which
    no rule can see.
    """
    if not function.is_plpgsql or function.name == ERASURE:
        return
    for block in blocks(function.statements):
        writes = [_written(statement) for statement in block]
        for before, after in zip([None, *writes], [*writes, None], strict=True):
            raised = before is not None and before[:2] == ("heads", "UpdateStmt") and before[2] != ""
            logged = after is not None and after[:2] == ("changes", "InsertStmt")
            if raised != logged:
                yield "has `update heads` and `insert into changes` not directly one after the other"
            elif raised and before is not None and after is not None and after[2] not in (before[2], _MANY):
                yield "gives the head another revision than the entry of the log"
    if function.name not in world.called and world.writes(function):
        if not world.logs(function):
            yield "writes without an entry in the log"
        yield from _returns(function)


def _written(statement: Tree) -> tuple[str, str, str] | None:
    """Table, kind and value of `revision`, if the statement itself changes rows."""
    tree = next((part.tree for part in parts_of([statement]) if kind_of(statement) == "execsql"), None)
    if not isinstance(tree, WRITES):
        return None
    revision = ""
    if isinstance(tree, ast.InsertStmt) and tree.selectStmt and tree.selectStmt.fromClause:
        revision = _MANY
    elif isinstance(tree, ast.UpdateStmt):
        revision = next((str(each.val) for each in tree.targetList if each.name == "revision"), "")
    elif isinstance(tree, ast.InsertStmt) and tree.selectStmt and tree.selectStmt.valuesLists:
        columns = [each.name for each in tree.cols or ()]
        values = dict(zip(columns, tree.selectStmt.valuesLists[0], strict=False))
        revision = str(values.get("revision", ""))
    return tree.relation.relname, type(tree).__name__, revision


def _returns(function: Function) -> Iterator[str]:
    """A `return` after a write, and before the head is raised, would leave the write out of the log.

    Only the outermost statements are read. `if not found` after the first write is right: it wrote nothing.
    """
    wrote: list[int] = []
    for place, statement in enumerate(function.statements):
        written = _written(statement)
        if written and written[0] == "heads":
            return
        returns = any(kind_of(each) == "return" for block in blocks([statement]) for each in block)
        wrote_nothing = place - 1 in wrote[:1] and is_not_found(statement)
        if returns and wrote and not wrote_nothing and place < len(function.statements) - 1:
            yield "returns after a write, before the head is raised"
        if written:
            wrote.append(place)


def names(function: Function, world: World) -> Iterator[str]:
    columns = {
        column.name for table in function.tables & set(METADATA.tables) for column in METADATA.tables[table].columns
    }
    for name in sorted(columns & set(function.variables)):
        yield f"has an argument or a variable {name}, which is also a column"


def size(function: Function, world: World) -> Iterator[str]:
    if (lines := function.text.count("\n") + 1) > LONGEST:
        yield f"has {lines} lines"
    if (count := sum(map(len, blocks(function.statements))) if function.is_plpgsql else 0) > MOST_STATEMENTS:
        yield f"has {count} statements"


type Rule = Callable[[Function, World], Iterator[str]]
RULES: Final[tuple[Rule, ...]] = (
    header,
    me,
    static,
    calls,
    clock,
    calls_in_writes,
    head_first,
    token,
    head_raised,
    names,
    size,
)
