"""/api/{user_id}/tasks"""

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from todo_api.docs import answers
from todo_api.errors import TaskNotFound
from todo_api.requests import StrictRequest
from todo_api.tasks.paging import TaskList
from todo_api.tasks.query import TaskQuery
from todo_api.tasks.repository import TaskRepository
from todo_api.tasks.structs import Completion, Task, TaskCreate, TaskPage, TaskUpdate

_LIST = """
Filters combine with AND. Without any, the newest tasks come first.

Pages are walked by `cursor`: send the `next_cursor` of a page, with the same filters and sort, until it is null. No
task that keeps its place in the order is skipped or repeated, whatever is created, changed or deleted meanwhile, and
every page costs the same; a task whose sort key changes is met where it then is. A cursor is good for its user,
filters and sort only, and is 400 elsewhere; `limit` and `with_total` may change. Pages by `offset` shift when tasks
come and go.
""".strip()


def _tasks(request: StrictRequest) -> TaskRepository:
    return TaskRepository(request.app.state.database, request.user)


def _list(request: StrictRequest) -> TaskList:
    return TaskList(request.app.state.database, request.user)


def _id(task_id: str) -> UUID:
    """An id that cannot be one is an id that does not exist."""
    try:
        parsed = UUID(task_id)
    except ValueError:
        raise TaskNotFound from None
    if str(parsed) != task_id.lower():
        raise TaskNotFound
    return parsed


class TaskController(Controller):
    path = "/api/{user_id:str}/tasks"
    tags = ["tasks"]
    dependencies = {"tasks": Provide(_tasks, sync_to_thread=False)}

    @post(
        operation_id="createTask",
        summary="Create a task",
        response_description="Created; `Location` is its path.",
        responses=answers(400, 401, 403),
    )
    async def create_task(self, tasks: NamedDependency[TaskRepository], data: JSONBody[TaskCreate]) -> Response[Task]:
        task = await tasks.create(data)
        return Response(task, headers={"Location": f"/api/{task.user_id}/tasks/{task.id}"})

    @get(
        operation_id="listTasks",
        summary="List tasks: filter, search, sort, page",
        description=_LIST,
        response_description="A page of tasks.",
        responses=answers(400, 401, 403),
        query=TaskQuery,
        dependencies={"task_list": Provide(_list, sync_to_thread=False)},
    )
    async def list_tasks(self, task_list: NamedDependency[TaskList], request: StrictRequest) -> TaskPage:
        return await task_list.page(request.parameters(TaskQuery))

    @get("/{task_id:str}", operation_id="getTask", summary="One task", responses=answers(400, 401, 403, 404))
    async def get_task(self, tasks: NamedDependency[TaskRepository], task_id: FromPath[str]) -> Task:
        return await tasks.get(_id(task_id))

    @patch(
        "/{task_id:str}",
        operation_id="updateTask",
        summary="Change a task",
        description="What is left out stays as it is. A body that changes nothing leaves `version` alone.",
        responses=answers(400, 401, 403, 404),
    )
    async def update_task(
        self, tasks: NamedDependency[TaskRepository], task_id: FromPath[str], data: JSONBody[TaskUpdate]
    ) -> Task:
        return await tasks.change(_id(task_id), data)

    @put(
        "/{task_id:str}",
        operation_id="putTask",
        summary="Change a task",
        description="The same as PATCH: what is left out stays as it is.",
        responses=answers(400, 401, 403, 404),
    )
    async def put_task(
        self, tasks: NamedDependency[TaskRepository], task_id: FromPath[str], data: JSONBody[TaskUpdate]
    ) -> Task:
        return await tasks.change(_id(task_id), data)

    @delete("/{task_id:str}", operation_id="deleteTask", summary="Delete a task", responses=answers(400, 401, 403, 404))
    async def delete_task(self, tasks: NamedDependency[TaskRepository], task_id: FromPath[str]) -> None:
        await tasks.remove(_id(task_id))

    @patch(
        "/{task_id:str}/complete",
        operation_id="toggleTaskCompletion",
        summary="Complete a task, or take that back",
        description="Without a body it toggles. With a body it sets, so that a retry is safe.",
        responses=answers(400, 401, 403, 404),
    )
    async def toggle_task_completion(
        self,
        tasks: NamedDependency[TaskRepository],
        task_id: FromPath[str],
        data: JSONBody[Completion | None] = None,
    ) -> Task:
        if data is None:
            return await tasks.toggle(_id(task_id))
        return await tasks.change(_id(task_id), TaskUpdate(completed=data.completed))
