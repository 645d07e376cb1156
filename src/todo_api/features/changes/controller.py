"""/api/{user_id}/changes"""

from litestar import Controller, get

from todo_api.db.session import UserSession
from todo_api.errors import AccountErased, CursorExpired
from todo_api.features.changes.repository import ChangeRepository
from todo_api.features.changes.structs import ChangePage, ChangeQuery
from todo_api.http.dispatch import DirectDispatch
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses

_LIST = """
For clients that keep a copy of the tasks. Begin without a cursor: the pages contain every task. Then send the `cursor`
of the last page. A page contains the tasks that were created or changed since, as they are now, and the deletions. They
come in the order of their last change.

Apply the pages in order until `has_more` is false: the client then holds exactly what the server held at a moment
during the last request, no matter what was written meanwhile. No change is ever missed. One may come twice: the greater
`version` is the newer one.

A cursor is valid for its user and for as many days as the log of changes is kept (30, unless the operator changed it).
After that, and after a backup was restored or the account was erased, the answer is 410: begin again without a cursor
and with an empty copy.
""".strip()


def _changes(request: StrictRequest) -> ChangeRepository:
    return ChangeRepository(UserSession(request.app.state.database, request.user, request.auth))


class ChangeController(Controller):
    path = "/api/{user_id:str}/changes"
    middleware = [DirectDispatch]
    tags = ["changes"]

    @get(
        operation_id="listChanges",
        summary="List changes since a cursor",
        description=_LIST,
        response_description="A page of changes.",
        responses=error_responses(400, 401, 403),
        opt={"query": ChangeQuery, "extra_responses": [CursorExpired(), AccountErased()]},
    )
    async def list_changes(self, request: StrictRequest) -> JsonResponse[ChangePage]:
        query = request.parameters(ChangeQuery)
        changes = _changes(request)
        page = await changes.page(query)
        if (
            query.wait
            and not page.changes
            and await request.app.state.database.revisions.wait(request.user, page.change_id, query.wait)
        ):
            page = await changes.page(query)
        return JsonResponse.of(page)
