"""/api/{user_id}/tasks/{task_id}/history"""

from litestar import Controller, get
from litestar.params import FromPath

from todo_api.db.session import UserSession
from todo_api.features.history.repository import HistoryRepository
from todo_api.features.history.structs import HistoryPage, HistoryQuery
from todo_api.http.conditional import known_states
from todo_api.http.path import task_id_of
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse, list_or_304
from todo_api.openapi.document import error_responses

_LIST = """
The changes of the task, the newest first, for as many days as the log of changes is kept (30, unless the operator
changed it). Each has the fields that it changed, with their values before and after it. The history of a task in the
trash can be read too. That of a task that was deleted for good is gone.
""".strip()


def _history(request: StrictRequest) -> HistoryRepository:
    session = UserSession(request.app.state.database, request.user, request.auth)
    return HistoryRepository(session, request.app.state.limits.trash_days)


class HistoryController(Controller):
    path = "/api/{user_id:str}/tasks/{task_id:str}/history"
    tags = ["history"]

    @get(
        operation_id="listHistory",
        summary="List the changes of a task",
        description=_LIST,
        response_description="A page of the history.",
        responses=error_responses(400, 401, 403, 404),
        opt={"query": HistoryQuery, "headers": ["If-None-Match"]},
    )
    async def list_history(self, task_id: FromPath[str], request: StrictRequest) -> JsonResponse[HistoryPage]:
        query, known = request.parameters(HistoryQuery), known_states(request.scope)
        return list_or_304(request.scope, *await _history(request).page(task_id_of(task_id), query, known))
