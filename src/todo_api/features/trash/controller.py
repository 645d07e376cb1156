"""/api/{user_id}/trash"""

from litestar import Controller, delete, get, post
from litestar.params import FromPath

from todo_api.db.session import UserSession
from todo_api.errors import LimitReached, TaskDeleted, TrashTooLarge
from todo_api.features.tasks.examples import STALE
from todo_api.features.tasks.structs import Task
from todo_api.features.trash.repository import Restored, TrashRepository
from todo_api.features.trash.structs import TrashPage, TrashQuery
from todo_api.http.conditional import idempotency_key, known_states, version_tag, versions_to_match
from todo_api.http.path import task_id_of
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse, list_or_304
from todo_api.openapi.document import error_responses

_LIST = """
The tasks that were deleted in the days of the trash (30, unless the operator changed it), the last deleted one first.
After this time a task is deleted for good.
""".strip()
_RESTORE = """
The task is there again, with the same id, fields and tags, and the next version. It is not in the trash any more. If it
is not deleted, the answer is the task as it is, and nothing changes. `undo` of the deletion does the same.

`If-Match` names the version that the trash shows, which is that of the deletion.
""".strip()
_PURGE = """
The task, its text and its history are deleted from all tables. This cannot be undone. With `If-Match` only the given
version is deleted, which is the one that the trash shows.
""".strip()
_EMPTY = """
All tasks in the trash, their texts and their histories are deleted from all tables. This cannot be undone. `Change-Id`
is the number of the last of the changes; each 5,000 tasks are one.
""".strip()


def _trash(request: StrictRequest) -> TrashRepository:
    return TrashRepository(
        UserSession(request.app.state.database, request.user, request.auth), request.app.state.limits
    )


def _change_id(change_id: int | None) -> dict[str, str]:
    return {} if change_id is None else {"change-id": str(change_id)}


def _restored(restored: Restored) -> JsonResponse[Task]:
    headers = {"etag": version_tag(restored.task.version), **_change_id(restored.change_id)}
    if restored.replayed:
        headers["idempotency-replayed"] = "true"
    return JsonResponse.of(restored.task, headers)


class TrashController(Controller):
    path = "/api/{user_id:str}/trash"
    tags = ["trash"]

    @get(
        operation_id="listTrash",
        summary="List deleted tasks",
        description=_LIST,
        response_description="A page of the trash.",
        responses=error_responses(400, 401, 403),
        opt={"query": TrashQuery, "headers": ["If-None-Match"]},
    )
    async def list_trash(self, request: StrictRequest) -> JsonResponse[TrashPage]:
        listed = await _trash(request).page(request.parameters(TrashQuery), known_states(request.scope))
        return list_or_304(request.scope, *listed)

    @post(
        "/{task_id:str}/restore",
        operation_id="restoreTask",
        summary="Restore a deleted task",
        description=_RESTORE,
        status_code=200,
        responses=error_responses(400, 401, 403, 404, 409),
        opt={"headers": ["If-Match", "Idempotency-Key"], "extra_responses": [STALE, LimitReached(), TaskDeleted()]},
    )
    async def restore_task(self, task_id: FromPath[str], request: StrictRequest) -> JsonResponse[Task]:
        if_match, key = versions_to_match(request.scope), idempotency_key(request.scope)
        return _restored(await _trash(request).restore(task_id_of(task_id), if_match, key))

    @delete(
        "/{task_id:str}",
        operation_id="purgeTask",
        summary="Delete a task in the trash for good",
        description=_PURGE,
        responses=error_responses(400, 401, 403, 404),
        opt={"headers": ["If-Match"], "extra_responses": [STALE]},
    )
    async def purge_task(self, task_id: FromPath[str], request: StrictRequest) -> JsonResponse[None]:
        change_id = await _trash(request).purge(task_id_of(task_id), versions_to_match(request.scope))
        return JsonResponse(b"", _change_id(change_id))

    @delete(
        operation_id="emptyTrash",
        summary="Delete all tasks in the trash for good",
        description=_EMPTY,
        responses=error_responses(400, 401, 403),
        opt={"extra_responses": [TrashTooLarge()]},
    )
    async def empty_trash(self, request: StrictRequest) -> JsonResponse[None]:
        return JsonResponse(b"", _change_id(await _trash(request).empty()))
