"""/api/{user_id}/tasks"""

from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from todo_api.db.session import UserSession
from todo_api.errors import LimitReached, TaskDeleted
from todo_api.features.tasks.calls import Written
from todo_api.features.tasks.examples import STALE, TAKEN
from todo_api.features.tasks.list_parameters import TaskQuery
from todo_api.features.tasks.list_repository import TaskList
from todo_api.features.tasks.repository import TaskRepository
from todo_api.features.tasks.structs import (
    Completion,
    Task,
    TaskCreate,
    TaskPage,
    TaskPut,
    TaskUpdate,
    UpdateQuery,
)
from todo_api.http.conditional import etag_matches, idempotency_key, known_states, version_tag, versions_to_match
from todo_api.http.dispatch import DirectDispatch
from todo_api.http.path import task_id_of
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse, list_or_304, not_modified
from todo_api.openapi.document import error_responses

_LIST = """
Filters combine with AND. Without any, the newest tasks come first.

To read all pages, send the `next_cursor` of each page as `cursor`, with the same filters and sort, until it is null. A
task that keeps its place in the order is neither skipped nor repeated while others are created, changed or deleted, and
every page costs the same. A task whose sort key changes appears at its new place. A cursor is valid only for its user,
filters and sort, otherwise the answer is 400; `limit` and `with_total` may change. Pages by `offset` shift when tasks
are created or deleted.
""".strip()

_PUT = """
As PATCH: fields that are left out stay as they are. PUT also takes a whole Task as it was read. `id` and `user_id` must
be those of the path, otherwise the answer is 400. `version` works as If-Match does: if the task has another version,
nothing changes and the answer is 412. If both are sent, the task must have a version that both name; if they have none
in common, `changed` names all fields. `completed` sets the completion. `completed_at`, `created_at` and `updated_at`
must be well-formed, and are not used.
""".strip()


_DELETE = """
The task goes to the trash: `restoreTask` brings it back. After the days of the trash (30, unless the operator changed
it; 0 deletes at once) it is deleted for good. With `If-Match` only the given version is deleted.
""".strip()


def _tasks(request: StrictRequest) -> TaskRepository:
    return TaskRepository(UserSession(request.app.state.database, request.user, request.auth), request.app.state.limits)


def _list(request: StrictRequest) -> TaskList:
    return TaskList(UserSession(request.app.state.database, request.user, request.auth))


def _merges(request: StrictRequest) -> bool:
    return request.parameters(UpdateQuery).on_stale == "merge"


def _change_id(written: Written) -> dict[str, str]:
    return {} if written.change_id is None else {"change-id": str(written.change_id)}


def _changed(written: Written) -> JsonResponse[Task]:
    return JsonResponse.of(written.task, {"etag": version_tag(written.task.version), **_change_id(written)})


def _created(written: Written) -> JsonResponse[Task]:
    task = written.task
    headers = {
        "etag": version_tag(task.version),
        "location": f"/api/{task.user_id}/tasks/{task.id}",
        **_change_id(written),
    }
    if written.replayed:
        headers["idempotency-replayed"] = "true"
    return JsonResponse.of(task, headers)


def _removed(written: Written) -> JsonResponse[None]:
    return JsonResponse(b"", _change_id(written))


def _task_or_304(task: Task, request: StrictRequest) -> JsonResponse[Task]:
    tag = version_tag(task.version)
    return not_modified(tag) if etag_matches(request.scope, tag) else JsonResponse.of(task, {"etag": tag})


class TaskController(Controller):
    path = "/api/{user_id:str}/tasks"
    middleware = [DirectDispatch]
    tags = ["tasks"]

    @post(
        operation_id="createTask",
        summary="Create a task",
        description="Send an `Idempotency-Key`, so that a retry does not create a second task.",
        response_description="Created; `Location` is its path.",
        responses=error_responses(400, 401, 403, 409),
        opt={
            "headers": ["Idempotency-Key"],
            "extra_responses": [TaskDeleted(), LimitReached(), TAKEN],
        },
    )
    async def create_task(self, data: JSONBody[TaskCreate], request: StrictRequest) -> JsonResponse[Task]:
        return _created(await _tasks(request).create(data, idempotency_key(request.scope)))

    @get(
        operation_id="listTasks",
        summary="List tasks: filter, search, sort, page",
        description=_LIST,
        response_description="A page of tasks.",
        responses=error_responses(400, 401, 403),
        opt={"query": TaskQuery, "headers": ["If-None-Match"]},
    )
    async def list_tasks(self, request: StrictRequest) -> JsonResponse[TaskPage]:
        listed = await _list(request).page(request.parameters(TaskQuery), known_states(request.scope))
        return list_or_304(request.scope, *listed)

    @get(
        "/{task_id:str}",
        operation_id="getTask",
        summary="Get a task",
        description="With `If-None-Match` the answer is 304 if the client has the current version.",
        responses=error_responses(400, 401, 403, 404),
        opt={"headers": ["If-None-Match"]},
    )
    async def get_task(self, task_id: FromPath[str], request: StrictRequest) -> JsonResponse[Task]:
        return _task_or_304(await _tasks(request).get(task_id_of(task_id)), request)

    @patch(
        "/{task_id:str}",
        operation_id="updateTask",
        summary="Change a task",
        description="Fields that are left out stay as they are. A body that changes nothing does not change `version`.",
        responses=error_responses(400, 401, 403, 404),
        opt={"query": UpdateQuery, "headers": ["If-Match"], "extra_responses": [STALE]},
    )
    async def update_task(
        self,
        task_id: FromPath[str],
        data: JSONBody[TaskUpdate],
        request: StrictRequest,
    ) -> JsonResponse[Task]:
        if_match = versions_to_match(request.scope)
        return _changed(await _tasks(request).change(task_id_of(task_id), data, if_match, merge=_merges(request)))

    @put(
        "/{task_id:str}",
        operation_id="putTask",
        summary="Change a task with PUT",
        description=_PUT,
        responses=error_responses(400, 401, 403, 404),
        opt={"query": UpdateQuery, "headers": ["If-Match"], "extra_responses": [STALE]},
    )
    async def put_task(
        self,
        task_id: FromPath[str],
        data: JSONBody[TaskPut],
        request: StrictRequest,
    ) -> JsonResponse[Task]:
        uuid = task_id_of(task_id)
        if_match = data.versions_to_match(versions_to_match(request.scope))
        data.check_path(request.user, uuid)
        return _changed(await _tasks(request).change(uuid, data, if_match, merge=_merges(request)))

    @delete(
        "/{task_id:str}",
        operation_id="deleteTask",
        summary="Delete a task",
        description=_DELETE,
        responses=error_responses(400, 401, 403, 404),
        opt={"headers": ["If-Match"], "extra_responses": [STALE]},
    )
    async def delete_task(self, task_id: FromPath[str], request: StrictRequest) -> JsonResponse[None]:
        return _removed(await _tasks(request).remove(task_id_of(task_id), versions_to_match(request.scope)))

    @patch(
        "/{task_id:str}/complete",
        operation_id="toggleTaskCompletion",
        summary="Complete a task, or reopen it",
        description="Without a body, or with `{}`, it toggles. With `completed` it sets, so that a retry is safe.",
        responses=error_responses(400, 401, 403, 404),
        opt={"headers": ["If-Match"], "extra_responses": [STALE]},
    )
    async def toggle_task_completion(
        self,
        task_id: FromPath[str],
        request: StrictRequest,
        data: JSONBody[Completion | None] = None,
    ) -> JsonResponse[Task]:
        if_match = versions_to_match(request.scope)
        if data is None or data.completed is UNSET:
            return _changed(await _tasks(request).toggle(task_id_of(task_id), if_match))
        change = TaskUpdate(completed=data.completed)
        return _changed(await _tasks(request).change(task_id_of(task_id), change, if_match))
