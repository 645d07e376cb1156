"""The rule that each function refuses the tokens from before an erasure."""

from collections.abc import Iterator
from typing import Final

from pglast import parse_sql

from tests.architecture.function_source import Function, Tree, World, parts_of

ERASURE: Final = "erase_user"
"""It deletes the log, so it leaves no entry there, and it decides by itself about old tokens."""
REFUSAL: Final = "make_head"
"""The only function that raises an error: for all others, before they write."""
_OF_TOKEN: Final = "user_id = me and (erased_at is null or erased_at < issued)"


def token(function: Function, world: World) -> Iterator[str]:
    """An account that was erased after the token was issued is refused, in the statement that locks the head."""
    if not function.is_plpgsql or function.name in world.called:
        return
    if function.arguments[1:2] != [("issued", "timestamptz")]:
        yield "has another second argument than `issued timestamptz`"
    if function.name == ERASURE:
        return
    first = next(parts_of(function.statements[:1]), None)
    where = getattr(first.tree, "whereClause", None) if first else None
    (wanted,) = parse_sql(f"select where {_OF_TOKEN}")
    if where != wanted.stmt.whereClause:
        yield f"locks the head with another condition than `{_OF_TOKEN}`"
    second = function.statements[1] if len(function.statements) > 1 else {}
    made = [part.tree for part in parts_of(second) if part.kind == "assign"]
    if not is_not_found(second) or parse_sql(f"select {REFUSAL}(me, issued)")[0].stmt not in made:
        yield f"has another second statement than `if not found then this := {REFUSAL}(me, issued)`"


def is_not_found(statement: Tree) -> bool:
    condition = statement.get("PLpgSQL_stmt_if", {}).get("cond", {}).get("PLpgSQL_expr", {}).get("query")
    return bool(condition == "not found")
