"""Examples of errors, for the OpenAPI document."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from todo_api.errors import IdTaken
from todo_api.features.tasks.preconditions import refusal
from todo_api.features.tasks.structs import TakenId, Task

_EXAMPLE_AT: Final = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
_TASK: Final = Task(
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
)
STALE: Final = refusal(_TASK, [4, 1, 1, 2, 1, 1], frozenset({3}))
TAKEN: Final = IdTaken(TakenId(_TASK))
