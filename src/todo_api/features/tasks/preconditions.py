"""If-Match with another version than the task has: the answer."""

from todo_api.errors import StaleVersion
from todo_api.features.tasks.fields import FIELDS
from todo_api.features.tasks.structs import StaleTask, Task
from todo_api.http.conditional import version_tag


def refusal(current: Task, changed: list[int], meant: frozenset[int]) -> StaleVersion:
    """`changed`: the version in which each of FIELDS changed last. `meant`: the versions that the client named."""
    named = max((version for version in meant if version < current.version), default=0)
    fields = [field for field, version in zip(FIELDS, changed, strict=True) if version > named]
    return StaleVersion(StaleTask(current, fields), version_tag(current.version))
