"""The columns of a Task in a statement, and how a priority is stored."""

from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Table, func, literal_column

from todo_api.db.owned import TASK_TAGS, select_owned

PRIORITIES: Final = ("High", "Medium", "Low")
"""Stored as their position, counted from 1, so that tasks sort in this order."""
PRIORITY_NUMBER: Final = {name: number for number, name in enumerate(PRIORITIES, start=1)}


def tags_of(task: Table | CTE) -> ColumnElement[Any]:
    """The names of the task's tags, sorted: an array."""
    names = select_owned(TASK_TAGS, TASK_TAGS.c.tag).where(TASK_TAGS.c.task_id == task.c.id).order_by(TASK_TAGS.c.tag)
    return func.array(names.correlate(task).scalar_subquery())


def task_columns(source: Table | CTE, tags: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The columns of a Task, in the order of its fields."""
    return [
        source.c.id,
        source.c.user_id,
        source.c.title,
        source.c.description,
        source.c.completed_at.is_not(None),
        literal_column(f"(array{list(PRIORITIES)})[{source.name}.priority]"),
        source.c.due_date,
        tags,
        source.c.completed_at,
        source.c.created_at,
        source.c.updated_at,
        source.c.version,
    ]
