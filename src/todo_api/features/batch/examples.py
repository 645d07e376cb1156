"""Examples of errors, for the OpenAPI document."""

from typing import Final

from todo_api.errors import BatchFailed, TaskNotFound
from todo_api.features.batch.structs import FailedBatch, OperationError, OperationResult

FAILED: Final = BatchFailed(
    FailedBatch(
        [OperationResult(204), OperationResult(404, error=OperationError(TaskNotFound.detail, TaskNotFound.code))]
    )
)
