"""Creates that are repeated under an Idempotency-Key.

All of the first answer but the id, the instant and the Change-Id is in the request, which is the same again or refused.
So these three are stored, and a repetition is made from them.
"""

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from todo_api.features.tasks.structs import Task, TaskCreate


def fingerprint(task: TaskCreate) -> bytes:
    """Of what is asked for, not of how it is written. Defaults are left out, so that new fields leave it alone."""
    return blake2b(msgspec.json.encode(task), digest_size=16).digest()


def as_created(me: str, task: TaskCreate, task_id: UUID, at: datetime) -> Task:
    """The task as it was when it was created."""
    described = (task.title, task.description, task.completed, task.priority, task.due_date, task.tags)
    return Task(task_id, me, *described, at if task.completed else None, at, at, 1)
