"""A page of a user's tasks: one statement for each shape of query.

There are two plans. A keyset page reads the index of the sort and stops when the page is full. If a narrow filter is
counted anyway, its matches are materialized once, and the page is taken from them.
See docs/decisions/0031-list-queries-and-indexes.md.
"""

from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Uuid,
    and_,
    bindparam,
    func,
    literal_column,
    nulls_last,
    or_,
    tuple_,
    union_all,
)

from todo_api.db.heads import HEAD, NOT_KNOWN
from todo_api.db.owned import TASKS, once, select_from, select_owned
from todo_api.db.statement import Statement
from todo_api.db.tables import C_TEXT, INSTANT
from todo_api.features.tasks.columns import tags_of, task_columns
from todo_api.features.tasks.list_filters import CONDITIONS, Filter
from todo_api.features.tasks.list_parameters import SortBy

Start = Literal["first", "offset", "after", "after_undated"]
_INDEXED: Final[frozenset[Filter]] = frozenset({"any_tag", "all_tags", "due"})
_NARROW: Final[frozenset[Filter]] = _INDEXED | {"search", "long_words", "completed_between"}

_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_NOT_COUNTED: Final[ColumnElement[Any]] = literal_column("null::bigint")
STORED_TOTALS: Final[dict[frozenset[Filter], ColumnElement[Any]]] = {
    frozenset(): HEAD.c.tasks,
    frozenset[Filter]({"pending"}): HEAD.c.pending,
    frozenset[Filter]({"completed"}): HEAD.c.tasks - HEAD.c.pending,
}
"""By filters. NULL until the tasks have been counted exactly (db/heads.py)."""
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
    stored: bool = False
    """The total is one of `STORED_TOTALS`, and is NULL where the head row does not have it: see `TaskList.page`."""

    @property
    def materializes(self) -> bool:
        """Whether all matches are counted and a filter makes them few."""
        return self.counts and bool(self.filters & _NARROW)


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
    return select_owned(TASKS).where(TASKS.c.id.in_(ids), NOT_KNOWN).cte("page")


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


def _total(shape: Shape, count: Select[Any]) -> ColumnElement[Any]:
    """The number of matches. Numbers that the head row has are not counted again."""
    if not shape.counts:
        return _NOT_COUNTED
    if shape.stored:
        return STORED_TOTALS[shape.filters]
    counted = count.correlate(None).scalar_subquery()
    stored = STORED_TOTALS.get(shape.filters)
    return counted if stored is None else func.coalesce(stored, counted)


@lru_cache(maxsize=1024)
def statement(shape: Shape) -> Statement:
    """Returns rows of a Task's columns, the total and the state: one more than the page has if there is a next page.

    Parameters that a shape does not use are ignored. A row without an id contains only the total and the state. That is
    the only row if the page is empty, or if `known` has the state: then nothing else is read.
    """
    conditions = [*(CONDITIONS[each] for each in sorted(shape.filters)), NOT_KNOWN]
    if shape.materializes:
        key = TASKS.c[_SORT_COLUMN[shape.sort_by][0]]
        matching = select_owned(TASKS, TASKS.c.id, key).where(*conditions)
        if not shape.filters & _INDEXED:
            matching = matching.order_by(TASKS.c.created_at.desc(), TASKS.c.id.desc()).limit(_ALL)
        matched = matching.cte("matched")
        page, count = _materialized_page(matched, shape), select_from(matched, func.count())
    else:
        page, count = _keyset_page(shape, conditions), select_owned(TASKS, func.count()).where(*conditions)
    rows = select_from(HEAD, *task_columns(page, tags_of(page)), _total(shape, count), HEAD.c.state)
    return Statement(rows.outerjoin_from(HEAD, page, _TRUE).order_by(*_order(page, shape, undated_last=True)))
