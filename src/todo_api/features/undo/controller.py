"""/api/{user_id}/undo"""

from typing import Final
from uuid import UUID

from litestar import Controller, post
from litestar.params import JSONBody

from todo_api.db.session import UserSession
from todo_api.errors import ChangeNotFound, LimitReached, TooOld, UndoConflict
from todo_api.features.undo.repository import UndoRepository, Written
from todo_api.features.undo.structs import TaskConflict, Undo, Undone, UndoRefusal
from todo_api.http.conditional import idempotency_key
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses

CONFLICT: Final = UndoConflict(UndoRefusal([TaskConflict(UUID("7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11"), ["title"])]))
_UNDO = """
Takes back the write whose answer had this `Change-Id`: a create, a change of fields, a deletion, a restore, a rename or
removal of a tag, and another undo, which is a redo. A rename and another undo of several tasks are taken back as a
whole.

A field goes back if its value is still the one that the write set. The others stay as they are, and `conflicts` names
them. A created or restored task goes to the trash if none of its fields was changed since. If nothing can go back, the
answer is 409 `undo_conflict`. It is 410 `too_old` if the log of changes does not have the write any more, and for tasks
that were deleted for good.

To take back several writes, send their numbers one after the other, the last one first. The undo has a `Change-Id` of
its own. Send an `Idempotency-Key`, so that a retry takes nothing back that was done again meanwhile.
""".strip()


def _undo(request: StrictRequest) -> UndoRepository:
    return UndoRepository(UserSession(request.app.state.database, request.user, request.auth), request.app.state.limits)


def _undone(written: Written) -> JsonResponse[Undone]:
    headers = {"change-id": str(written.change_id)}
    if written.replayed:
        headers["idempotency-replayed"] = "true"
    return JsonResponse.of(written.undone, headers)


class UndoController(Controller):
    path = "/api/{user_id:str}/undo"
    tags = ["history"]

    @post(
        operation_id="undoChange",
        summary="Take a write back",
        description=_UNDO,
        status_code=200,
        responses=error_responses(400, 401, 403, 409),
        opt={
            "headers": ["Idempotency-Key"],
            "extra_responses": [CONFLICT, LimitReached(), ChangeNotFound(), TooOld()],
        },
    )
    async def undo_change(self, data: JSONBody[Undo], request: StrictRequest) -> JsonResponse[Undone]:
        return _undone(await _undo(request).undo(data.change_id, idempotency_key(request.scope)))
