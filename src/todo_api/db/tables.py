"""The schema.

The owner is in every key: PostgreSQL refuses a link from one user's task to another user's tag, and `user_id` can be
the distribution column of a cluster. See docs/decisions/0002-owner-in-every-key.md.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

C_TEXT: Final = Text(collation="C")
"""Ordered by code point on every server, as Python orders `str`."""

INSTANT: Final = TIMESTAMP(timezone=True)


class TaskRow(DefaultBase):
    __tablename__ = "tasks"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger)
    """1 High, 2 Medium, 3 Low. Tasks sort by this number."""
    due_date: Mapped[date | None]
    completed_at: Mapped[datetime | None] = mapped_column(INSTANT)
    """The task is completed if this is set. No second column could contradict it."""
    created_at: Mapped[datetime] = mapped_column(INSTANT, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(INSTANT, server_default=text("now()"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    title_folded: Mapped[str] = mapped_column(C_TEXT)
    """Made by `fold_title`. Sorting by title and searching use it."""
    description_folded: Mapped[str] = mapped_column(C_TEXT)
    """Made by `fold`. Empty if the task has no description."""
    stems: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed("strip(to_tsvector('english'::regconfig, (title_folded || ' '::text) || description_folded))"),
    )
    field_versions: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    """The version in which each field changed last, in the order of `FIELDS` in features/tasks/fields.py. NULL, also
    for one field: the present version or an earlier one. See docs/decisions/0070-answer-to-a-stale-version.md.
    """
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The user's revision in which the task changed last. 0: before there were revisions."""

    __table_args__ = (
        CheckConstraint("char_length(title) between 1 and 200", name="title_length"),
        CheckConstraint("char_length(description) <= 1000", name="description_length"),
        CheckConstraint("priority between 1 and 3", name="priority_known"),
        # One index for each sort: docs/decisions/0031-list-queries-and-indexes.md.
        Index("ix_tasks_created_at", "user_id", "created_at", "id"),
        Index("ix_tasks_updated_at", "user_id", "updated_at", "id"),
        Index("ix_tasks_title", "user_id", "title_folded", "id"),
        Index("ix_tasks_due_date", "user_id", "due_date", "id"),
        Index("ix_tasks_priority", "user_id", "priority", "id"),
        Index("ix_tasks_revision", "user_id", "revision", "id"),
    )


class TagRow(DefaultBase):
    """A tag's name. The row may stay a while after the last task lost the tag; no response shows it then."""

    __tablename__ = "tags"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    name: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    name_folded: Mapped[str] = mapped_column(C_TEXT)
    """Made by `fold`. The search for a prefix uses it."""

    __table_args__ = (
        CheckConstraint("char_length(name) between 1 and 50", name="name_length"),
        Index("ix_tags_name_folded", "user_id", "name_folded"),
    )


class TaskTagRow(DefaultBase):
    """The link contains the tag's name, so reading a task needs no join: docs/decisions/0003-task-tags-by-name.md."""

    __tablename__ = "task_tags"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(C_TEXT, primary_key=True)

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "task_id"], ["tasks.user_id", "tasks.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["user_id", "tag"], ["tags.user_id", "tags.name"]),
        Index("ix_task_tags_tag", "user_id", "tag", "task_id"),
    )


class IdempotencyKeyRow(DefaultBase):
    """A write with an Idempotency-Key, and the parts of the response that the request does not contain.

    There is no foreign key, because the row stays when the task is deleted, and a retry is 410 then. See
    docs/decisions/0071-idempotency-keys.md.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    key: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    fingerprint: Mapped[bytes]
    """Hash of the request."""
    task_id: Mapped[UUID]
    """The task that was created or restored. All zeros for an undo. For a batch, an id of the call."""
    created_at: Mapped[datetime] = mapped_column(INSTANT)
    revision: Mapped[int | None] = mapped_column(BigInteger)
    """The revision of the write, or the last one of the batch. NULL: nothing was changed, or before revisions."""
    conflicts: Mapped[list[object] | None] = mapped_column(JSONB)
    """Of an undo: the fields that could not go back. NULL: another write."""
    answers: Mapped[list[object] | None] = mapped_column(JSONB)
    """Of a batch: the answers to its operations. NULL: another write."""

    __table_args__ = (Index("ix_idempotency_keys_created_at", "user_id", "created_at"),)


class HeadRow(DefaultBase):
    """The user's last revision. Each write locks this row before any other, so revisions are committed in their order.

    Each write updates it. These updates are HOT, since half of each page is free and `revision` has no index.
    """

    __tablename__ = "heads"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    floor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The log has all deletions after this revision. Older entries may be deleted."""
    swept: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Up to this revision, old entries of the log were deleted. Only those of tasks in the trash are still there."""
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Another number after a backup was restored: revisions are given again, so older cursors are worth nothing."""
    made_at: Mapped[datetime] = mapped_column(INSTANT, server_default=text("clock_timestamp()"))
    tasks: Mapped[int]
    """The number of tasks. In the first day it may be wrong: a replica of the first release does not keep it."""
    pending: Mapped[int | None]
    """The number of tasks that are not completed. NULL: not known yet, and `tasks` may be wrong."""
    erased_at: Mapped[datetime | None] = mapped_column(INSTANT)
    """Tokens issued until then are refused: the account was erased. `infinity`: it is being erased. NULL: it never was.
    """


class ChangeRow(DefaultBase):
    """An entry of the user's log of changes: one for each revision."""

    __tablename__ = "changes"

    user_id: Mapped[str] = mapped_column(C_TEXT, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(INSTANT)
    task_id: Mapped[UUID]
    op: Mapped[str] = mapped_column(C_TEXT)
    """`create`, `change`, `remove`, `remove_undone` (the task was restored since), `restore` or `purge`."""
    version: Mapped[int]
    """The version of the task that this change made."""
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    """The columns of the task that changed, and its `tags`, as they were. The whole task if it was removed: the entry
    is the task in the trash. NULL for a task that was removed: it was deleted for good.
    """
    batch: Mapped[int | None] = mapped_column(BigInteger)
    """The first revision of the call that made this and other entries. NULL: the call makes one entry only."""

    __table_args__ = (
        Index("ix_changes_removed", "user_id", "revision", postgresql_where=text("op = 'remove'")),
        Index("ix_changes_task", "user_id", "task_id", "revision"),
        Index(
            "ix_changes_trash",
            "user_id",
            "at",
            "revision",
            postgresql_where=text("op = 'remove' and before is not null"),
        ),
    )


METADATA: Final = DefaultBase.metadata
