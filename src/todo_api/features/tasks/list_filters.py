"""The conditions of the filters of a list, each with its parameters."""

from collections.abc import Callable
from typing import Any, Final, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Integer,
    SmallInteger,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
)

from todo_api.db.owned import TASK_TAGS, TASKS, once, select_from, select_owned
from todo_api.db.tables import INSTANT

WORDS: Final = 4
"""So many short words of a search have parameters of their own. Further ones are checked in the rows that match these.
"""
LONG_WORD: Final = 64
"""Characters. A longer word is searched for by a regular expression, whose worst case is better: `strpos` compares up
to all characters of the word at each position (docs/decisions/0110-statements-of-one-user.md)."""
Filter = Literal[
    "pending",
    "completed",
    "priority",
    "any_tag",
    "all_tags",
    "due",
    "dated",
    "undated",
    "completed_between",
    "search",
    "more_words",
    "long_words",
]

_ZERO: Final[ColumnElement[Any]] = literal_column("0")
_ONE: Final[ColumnElement[Any]] = literal_column("1")
_ENGLISH: Final[ColumnElement[Any]] = literal_column("'english'::regconfig")


def _contains(word: ColumnElement[Any], stem: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(
        func.strpos(TASKS.c.title_folded, word) > _ZERO,
        func.strpos(TASKS.c.description_folded, word) > _ZERO,
        TASKS.c.stems.bool_op("@@")(stem),
    )


def _matches(pattern: ColumnElement[Any], stem: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(
        TASKS.c.title_folded.regexp_match(pattern),
        TASKS.c.description_folded.regexp_match(pattern),
        TASKS.c.stems.bool_op("@@")(stem),
    )


def _words() -> ColumnElement[bool]:
    """All words are found. An unused parameter is the empty string, which is found in every task."""
    names = [(f"word{number}", f"stem{number}") for number in range(WORDS)]
    words = [[bindparam(name, type_=Text) for name in pair] for pair in names]
    return and_(*(_contains(word, once(func.plainto_tsquery(_ENGLISH, stem))) for word, stem in words))


def _each_of(words_name: str, stems_name: str, found: Callable[..., ColumnElement[bool]]) -> ColumnElement[bool]:
    """All words of an array are found. Their stems are parsed once for the statement, not once for each row."""
    words, stems = (bindparam(name, type_=ARRAY(Text)) for name in (words_name, stems_name))
    pairs = func.unnest(words, stems).table_valued("word", "stem").render_derived(name="pairs")
    parsed = select_from(pairs, pairs.c.word, func.plainto_tsquery(_ENGLISH, pairs.c.stem).label("stem"))
    more = parsed.cte(words_name).prefix_with("materialized")
    missing = ~found(more.c.word, more.c.stem)
    return ~exists(select_from(more, _ONE).where(missing).correlate(TASKS))


_TAGGED: Final = select_owned(TASK_TAGS, TASK_TAGS.c.task_id).where(
    TASK_TAGS.c.tag == func.any(bindparam("tags", type_=ARRAY(Text)))
)
_HAS_ALL: Final = _TAGGED.group_by(TASK_TAGS.c.task_id).having(func.count() == bindparam("tag_count", type_=Integer))
CONDITIONS: Final[dict[Filter, ColumnElement[bool]]] = {
    "pending": TASKS.c.completed_at.is_(None),
    "completed": TASKS.c.completed_at.is_not(None),
    "priority": TASKS.c.priority == bindparam("priority", type_=SmallInteger),
    "any_tag": TASKS.c.id.in_(_TAGGED),
    "all_tags": TASKS.c.id.in_(_HAS_ALL),
    "due": TASKS.c.due_date.between(bindparam("due_from", type_=Date), bindparam("due_to", type_=Date)),
    "dated": TASKS.c.due_date.is_not(None),
    "undated": TASKS.c.due_date.is_(None),
    "completed_between": TASKS.c.completed_at.between(
        bindparam("completed_from", type_=INSTANT), bindparam("completed_to", type_=INSTANT)
    ),
    "search": _words(),
    "more_words": _each_of("more_words", "more_stems", _contains),
    "long_words": _each_of("long_words", "long_stems", _matches),
}
