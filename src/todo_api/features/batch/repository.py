"""Many writes of one user's tasks as a call of a function of writes.sql."""

from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import uuid4

import asyncpg
import msgspec

from todo_api.config.limits import DEFAULT_LIMITS, Limits
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.errors import ApiError, BatchFailed, IdempotencyKeyReused, TaskDeleted
from todo_api.features.batch.structs import (
    Batch,
    CreateOperation,
    DeleteOperation,
    FailedBatch,
    Operation,
    OperationError,
    OperationResult,
    RestoreOperation,
    UpdateOperation,
)
from todo_api.features.tasks import calls
from todo_api.features.tasks.structs import StaleTask, TakenId

_ARGUMENTS: Final = ("operations", "atomic", "key_sent", "print", "call_id", "most", "kept_days")
BATCH: Final = FunctionCall("batch_tasks", *_ARGUMENTS)
BATCH_WITH_KEY: Final = FunctionCall("batch_tasks", *_ARGUMENTS, repeatable=True)
"""A second run meets the key of the first one."""
_ERRORS: Final[dict[str, type[ApiError]]] = {"key_reused": IdempotencyKeyReused, "task_deleted": TaskDeleted}
"""By outcome."""


class Done(NamedTuple):
    results: list[OperationResult]
    change_id: int | None
    """The last revision of the batch; None if nothing was written."""
    replayed: bool
    """The batch was carried out before, under the same key."""


class BatchRepository(OwnedRepository):
    def __init__(self, session: UserSession, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(session)
        self.limits = limits

    async def carry_out(self, batch: Batch, key: str | None = None) -> Done:
        """Carries out the operations in their order, only once for each Idempotency-Key.

        Raises:
            BatchFailed: the batch is atomic, and an operation was refused.
            IdempotencyKeyReused: the key came with another body before.
            TaskDeleted: a task of the first answer was deleted for good since.
        """
        call_id = uuid4()
        *answers, summary = await self.call_for_rows(
            BATCH if key is None else BATCH_WITH_KEY,
            operations=msgspec.json.encode(list(map(_arguments, batch.operations))).decode(),
            atomic=batch.atomic,
            key_sent=key,
            print=None if key is None else blake2b(msgspec.json.encode(batch), digest_size=16).digest(),
            call_id=call_id,
            most=self.limits.tasks,
            kept_days=self.limits.kept_days,
        )
        outcome: str = summary["outcome"]
        if error := _ERRORS.get(outcome):
            raise error
        results = [_result(operation, answer) for operation, answer in zip(batch.operations, answers, strict=True)]
        if outcome == "failed":
            raise BatchFailed(FailedBatch(results))
        # A batch that this call carried out, and met again after a lost response, is not a replay.
        return Done(results, summary["change_id"], outcome == "replayed" and summary["id"] != call_id)


def _arguments(operation: Operation) -> dict[str, Any]:
    """The operation as a `task_operation` of writes.sql."""
    match operation:
        case CreateOperation():
            arguments = calls.creation(operation.task, uuid4())
            arguments["id"] = arguments.pop("new_id")
            return {"op": "create", **arguments}
        case UpdateOperation():
            return {
                "op": "update",
                "id": operation.id,
                "versions_sent": _versions(operation),
                "merge": operation.on_stale == "merge",
                **calls.change(operation.task),
            }
        case DeleteOperation():
            return {"op": "delete", "id": operation.id, "versions_sent": _versions(operation)}
        case RestoreOperation():
            return {"op": "restore", "id": operation.id}


def _versions(operation: Operation) -> list[int] | None:
    match operation:
        case UpdateOperation(if_version=int(version)) | DeleteOperation(if_version=int(version)):
            return [version]
        case _:
            return None


def _result(operation: Operation, answer: asyncpg.Record) -> OperationResult:
    versions = _versions(operation)
    try:
        task = calls.written(answer, None if versions is None else frozenset(versions)).task
    except ApiError as error:
        return _refused(error)
    match operation:
        case CreateOperation():
            return OperationResult(201, task)
        case UpdateOperation() | RestoreOperation():
            return OperationResult(200, task)
        case DeleteOperation():
            return OperationResult(204)


def _refused(error: ApiError) -> OperationResult:
    reason = OperationError(error.detail, error.code)
    match error.body():
        case StaleTask(current=task, changed=fields):
            return OperationResult(error.status, error=reason, current=task, changed=fields)
        case TakenId(current=task):
            return OperationResult(error.status, error=reason, current=task)
        case _:
            return OperationResult(error.status, error=reason)
