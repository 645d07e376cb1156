"""/api/{user_id}"""

from litestar import Controller, delete
from litestar.params import JSONBody

from todo_api.db.session import UserSession
from todo_api.features.account.repository import AccountRepository
from todo_api.features.account.structs import Erasure
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses

_ERASE = """
Deletes all that this service has of the user: tasks, tags, Idempotency-Keys, the log of changes. It cannot be undone.
The user id stays, with the time of the erasure and the number of the last change.

204 means that everything is gone. After any other answer, and without an answer, send the request again: a repeated
request is 204. An account with very many tasks is erased in several steps. If that stops in the middle, this request is
the only change of the account that is accepted, until one was answered with 204.

Then each token that was issued before the erasure, or in the same second, is refused until it expires: 403
`account_erased` for changes and for `listChanges`. So the edits that another device has not sent yet do not fill the
account again. A token without `iat` counts as issued seven days before it expires. Lists are empty, tasks are 404, and
cursors are 410. A token that was issued later works as for a new user.
""".strip()


class AccountController(Controller):
    path = "/api/{user_id:str}"
    tags = ["account"]

    @delete(
        operation_id="eraseAccount",
        summary="Erase everything of a user",
        description=_ERASE,
        responses=error_responses(400, 401, 403),
    )
    async def erase_account(self, data: JSONBody[Erasure], request: StrictRequest) -> JsonResponse[None]:
        data.check_path(request.user)
        account = AccountRepository(UserSession(request.app.state.database, request.user, request.auth))
        change_id = await account.erase()
        return JsonResponse(b"", {} if change_id is None else {"change-id": str(change_id)})
