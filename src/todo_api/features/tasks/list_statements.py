"""A page of a user's tasks: one statement for each shape of query.

There are two plans. A keyset page reads the index of the sort and stops when the page is full. If a narrow filter is
counted anyway, its matches are materialized once, and the page is taken from them.
See docs/decisions/0031-list-queries-and-indexes.md.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    nulls_last,
    or_,
    tuple_,
    union_all,
)

from todo_api.db.owned import TASK_TAGS, TASKS, once, select_from, select_owned
from todo_api.db.statement import Statement
from todo_api.db.tables import C_TEXT, INSTANT
from todo_api.features.tasks.columns import tags_of, task_columns
from todo_api.features.tasks.list_parameters import SortBy

WORDS: Final = 4
"""So many short words of a search have parameters of their own. Further ones are checked in the rows that match these.
"""
LONG_WORD: Final = 64
"""Characters. A longer word is searched for by a regular expression, whose worst case is better: `strpos` compares up
to all characters of the word at each position (docs/decisions/0110-statements-of-one-user.md)."""
Filter = Literal["pending", "completed", "priority", "any_tag", "all_tags", "due", "search", "more_words", "long_words"]
Start = Literal["first", "offset", "after", "after_undated"]
_INDEXED: Final[frozenset[Filter]] = frozenset({"any_tag", "all_tags", "due"})
_NARROW: Final[frozenset[Filter]] = _INDEXED | {"search", "long_words"}

_ZERO: Final[ColumnElement[Any]] = literal_column("0")
_ONE: Final[ColumnElement[Any]] = literal_column("1")
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_ENGLISH: Final[ColumnElement[Any]] = literal_column("'english'::regconfig")
_NOT_COUNTED: Final[ColumnElement[Any]] = literal_column("null::bigint").label("total")
_ALL: Final = once(literal_column("9223372036854775807"))
"""A limit whose value the planner does not know. With it, a search reads the tasks along an index in the order in which
they are on the disk, which takes half the CPU time of the opposite order
(docs/decisions/0031-list-queries-and-indexes.md)."""
_LIMIT: Final = bindparam("limit", type_=Integer)
_OFFSET: Final = bindparam("offset", type_=Integer)
_OFFSET_PLUS_LIMIT: Final = bindparam("offset_plus_limit", type_=Integer)
_AFTER_ID: Final = bindparam("after_id", type_=Uuid())
_SORT_COLUMN: Final[dict[SortBy, tuple[str, Any]]] = {
    "created_at": ("created_at", INSTANT),
    "updated_at": ("updated_at", INSTANT),
    "title": ("title_folded", C_TEXT),
    "due_date": ("due_date", Date()),
    "priority": ("priority", SmallInteger()),
}


class Shape(msgspec.Struct, frozen=True):
    """The parts of a query that change the SQL. Everything else is a parameter."""

    filters: frozenset[Filter]
    sort_by: SortBy
    descending: bool
    start: Start
    counts: bool

    @property
    def materializes(self) -> bool:
        """Whether all matches are counted and a filter makes them few."""
        return self.counts and bool(self.filters & _NARROW)


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
_CONDITIONS: Final[dict[Filter, ColumnElement[bool]]] = {
    "pending": TASKS.c.completed_at.is_(None),
    "completed": TASKS.c.completed_at.is_not(None),
    "priority": TASKS.c.priority == bindparam("priority", type_=SmallInteger),
    "any_tag": TASKS.c.id.in_(_TAGGED),
    "all_tags": TASKS.c.id.in_(_HAS_ALL),
    "due": TASKS.c.due_date.between(bindparam("due_from", type_=Date), bindparam("due_to", type_=Date)),
    "search": _words(),
    "more_words": _each_of("more_words", "more_stems", _contains),
    "long_words": _each_of("long_words", "long_stems", _matches),
}


def _order(source: FromClause, shape: Shape, *, undated_last: bool = False) -> list[ColumnElement[Any]]:
    key = source.c[_SORT_COLUMN[shape.sort_by][0]]
    order: list[ColumnElement[Any]] = [each.desc() if shape.descending else each.asc() for each in (key, source.c.id)]
    if undated_last and shape.sort_by == "due_date":
        order[0] = nulls_last(order[0])
    return order


def _after(source: FromClause, shape: Shape) -> ColumnElement[bool]:
    """The row comes after the cursor's position. For rows whose key is not null."""
    column, type_ = _SORT_COLUMN[shape.sort_by]
    row = tuple_(source.c[column], source.c.id)
    position = tuple_(bindparam("after_key", type_=type_), _AFTER_ID)
    return row < position if shape.descending else row > position


def _after_undated(source: FromClause, shape: Shape) -> ColumnElement[bool]:
    after = source.c.id < _AFTER_ID if shape.descending else source.c.id > _AFTER_ID
    return and_(source.c.due_date.is_(None), after)


def _cut(rows: Select[Any], source: FromClause, shape: Shape) -> Select[Any]:
    """The rows of the page, and one more."""
    if shape.start == "after":
        rows = rows.where(_after(source, shape))
    rows = rows.order_by(*_order(source, shape)).limit(_LIMIT)
    return rows.offset(_OFFSET) if shape.start == "offset" else rows


def _materialized_page(matched: CTE, shape: Shape) -> CTE:
    ids = select_from(matched, matched.c.id)
    if shape.start == "after_undated":
        ids = ids.where(_after_undated(matched, shape))
    elif shape.start == "after":
        after = _after(matched, shape)
        ids = ids.where(or_(after, matched.c.due_date.is_(None)) if shape.sort_by == "due_date" else after)
    ids = ids.order_by(*_order(matched, shape, undated_last=True)).limit(_LIMIT).offset(_OFFSET)
    return select_owned(TASKS).where(TASKS.c.id.in_(ids)).cte("page")


def _keyset_page(shape: Shape, conditions: list[ColumnElement[bool]]) -> CTE:
    if shape.sort_by != "due_date":
        return _cut(select_owned(TASKS).where(*conditions), TASKS, shape).cte("page")
    # Tasks without a date come last in both directions. They are read separately, so one index serves both directions.
    undated = select_owned(TASKS).where(*conditions)
    if shape.start == "after_undated":
        return undated.where(_after_undated(TASKS, shape)).order_by(*_order(TASKS, shape)).limit(_LIMIT).cte("page")
    dated = select_owned(TASKS).where(*conditions, TASKS.c.due_date.is_not(None))
    if shape.start == "after":
        dated = dated.where(_after(TASKS, shape))
    parts = [dated, undated.where(TASKS.c.due_date.is_(None))]
    both = union_all(*(part.order_by(*_order(TASKS, shape)).limit(_OFFSET_PLUS_LIMIT) for part in parts)).cte("both")
    return select_from(both).order_by(*_order(both, shape, undated_last=True)).limit(_LIMIT).offset(_OFFSET).cte("page")


def _with_total(page: CTE, counted: CTE) -> Select[Any]:
    """Rows of the page with the total. An empty page is one row that has only the total."""
    rows = select_from(counted, *task_columns(page, tags_of(page)), counted.c.total)
    return rows.outerjoin_from(counted, page, _TRUE)


@lru_cache(maxsize=1024)
def statement(shape: Shape) -> Statement:
    """Returns rows of a Task's columns and the total: one more than the page has if there is a next page.

    Parameters that a shape does not use are ignored. A row without an id contains only the total.
    """
    conditions = [_CONDITIONS[each] for each in sorted(shape.filters)]
    if shape.materializes:
        key = TASKS.c[_SORT_COLUMN[shape.sort_by][0]]
        matching = select_owned(TASKS, TASKS.c.id, key).where(*conditions)
        if not shape.filters & _INDEXED:
            matching = matching.order_by(TASKS.c.created_at.desc(), TASKS.c.id.desc()).limit(_ALL)
        matched = matching.cte("matched")
        page, counted = (
            _materialized_page(matched, shape),
            select_from(matched, func.count().label("total")).cte("counted"),
        )
        return Statement(_with_total(page, counted).order_by(*_order(page, shape, undated_last=True)))
    count = select_owned(TASKS, func.count().label("total")).where(*conditions)
    if shape.sort_by != "due_date" and (shape.start == "first" or not shape.counts):
        total = count.correlate(None).scalar_subquery() if shape.counts else _NOT_COUNTED
        rows = select_owned(TASKS, *task_columns(TASKS, tags_of(TASKS)), total).where(*conditions)
        return Statement(_cut(rows, TASKS, shape))
    page = _keyset_page(shape, conditions)
    result = (
        _with_total(page, count.cte("counted"))
        if shape.counts
        else select_from(page, *task_columns(page, tags_of(page)), _NOT_COUNTED)
    )
    return Statement(result.order_by(*_order(page, shape, undated_last=True)))
