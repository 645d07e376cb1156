"""/api/{user_id}/tasks"""

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from todo_api.docs import answers
from todo_api.errors import TaskNotFound
from todo_api.requests import StrictRequest
from todo_api.tasks.repository import TaskRepository
from todo_api.tasks.structs import Completion, Task, TaskCreate, TaskPage, TaskQuery, TaskUpdate


def _tasks(request: StrictRequest) -> TaskRepository:
    return TaskRepository(request.app.state.database, request.user)


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
        summary="List tasks, newest first",
        response_description="A page of tasks.",
        responses=answers(400, 401, 403),
        query=TaskQuery,
    )
    async def list_tasks(self, tasks: NamedDependency[TaskRepository], request: StrictRequest) -> TaskPage:
        return await tasks.page(request.parameters(TaskQuery))

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
