"""Tasks and fields in the log of changes: JSON of columns, and their values in answers."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from todo_api.features.tasks.columns import PRIORITIES
from todo_api.features.tasks.structs import Task

Content = Mapping[str, Any]
"""Values by column, as PostgreSQL's `to_jsonb` writes them, and `tags`."""


def _date(text: str | None) -> date | None:
    # The driver stores the first and the last date of Python as these.
    limits = {"-infinity": date.min, "infinity": date.max}
    return text if text is None else limits.get(text) or date.fromisoformat(text)


def _instant(text: str | None) -> datetime | None:
    return text if text is None else datetime.fromisoformat(text).astimezone(UTC)


_FIELDS: Final[dict[str, tuple[Any, Callable[[Any], Any]]]] = {
    "title": ("", str),
    "description": (None, lambda text: text),
    "completed_at": (None, _instant),
    "priority": (2, lambda number: PRIORITIES[number - 1]),
    "due_date": (None, _date),
    "tags": ([], list),
}
"""The columns that a client can change. A default for entries that were written before there was the column, and the
value in answers."""
STORED: Final = tuple(_FIELDS)


def decode_values(text: str) -> dict[str, Any]:
    """Values by column, from the JSON of a row."""
    content: dict[str, Any] = msgspec.json.decode(text)
    return content


def fields_of(content: Content) -> dict[str, Any]:
    """The fields that a client can change, as far as `content` has them, as in answers."""
    values = {name: answered(content[name]) for name, (_, answered) in _FIELDS.items() if name in content}
    if "completed_at" in values:
        values["completed"] = values["completed_at"] is not None
    return values


def task_of(me: str, task_id: UUID, version: int, content: Content) -> Task:
    """The task whose columns are in `content`."""
    defaults = {name: default for name, (default, _) in _FIELDS.items()}
    fields = fields_of({**defaults, **content})
    instants = {name: _instant(content[name]) for name in ("created_at", "updated_at")}
    return msgspec.convert({"id": task_id, "user_id": me, "version": version, **instants, **fields}, Task)
