"""If-Match with another version than the task has: the answer."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from todo_api.errors import StaleVersion
from todo_api.features.tasks.fields import FIELDS
from todo_api.features.tasks.structs import StaleTask, Task
from todo_api.http.conditional import version_tag

_EXAMPLE_AT: Final = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)


def refusal(current: Task, changed: list[int], meant: frozenset[int]) -> StaleVersion:
    """`changed`: the version in which each of FIELDS changed last. `meant`: the versions that the client named."""
    named = max((version for version in meant if version < current.version), default=0)
    fields = [field for field, version in zip(FIELDS, changed, strict=True) if version > named]
    return StaleVersion(StaleTask(current, fields), version_tag(current.version))


EXAMPLE: Final = refusal(
    Task(
        id=UUID("7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11"),
        user_id="ann",
        title="Buy oat milk",
        description=None,
        completed=False,
        priority="High",
        due_date=None,
        tags=["shopping"],
        completed_at=None,
        created_at=_EXAMPLE_AT,
        updated_at=_EXAMPLE_AT,
        version=4,
    ),
    [4, 1, 1, 2, 1, 1],
    frozenset({3}),
)
"""For the OpenAPI document."""
