"""/api/{user_id}/batch"""

from typing import Final

from litestar import Controller, post
from litestar.params import JSONBody

from todo_api.db.session import UserSession
from todo_api.errors import BodyTooLarge, TaskDeleted
from todo_api.features.batch.examples import FAILED
from todo_api.features.batch.repository import BatchRepository
from todo_api.features.batch.structs import MAX_BODY_BYTES, Batch, BatchResults
from todo_api.http.conditional import idempotency_key
from todo_api.http.rate_limit import charge
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses

_BATCH: Final = """
The operations are carried out in their order, in one transaction, by the rules of the single requests. Each has a
result: the answer that the operation alone would have got. With `atomic` (the default) all are carried out or none: if
one is refused, the answer is 409 `batch_failed` with the results of all, and nothing was changed. Without it each is on
its own, and the answer is 200 even if all are refused. A bad field in any operation is 400 for the whole batch.

`Change-Id` is the number of the last change of the batch, and `undo` of this number takes back the whole batch. An
`Idempotency-Key` covers the whole batch: a repetition gets the first answer byte for byte, also if some operations were
refused. The key of a 409 `batch_failed` stays free, because nothing was done. In the rate limit a batch counts as many
requests as it has operations. It is accepted as long as one is left, and the requests after it wait for the others. A
body that is 400 counts as one request for each 64 KiB.
""".strip()


def _batches(request: StrictRequest) -> BatchRepository:
    session = UserSession(request.app.state.database, request.user, request.auth)
    return BatchRepository(session, request.app.state.limits)


class BatchController(Controller):
    path = "/api/{user_id:str}/batch"
    tags = ["tasks"]

    @post(
        status_code=200,
        request_max_body_size=MAX_BODY_BYTES,
        operation_id="batchTasks",
        summary="Create, change, delete and restore up to 100 tasks at once",
        description=_BATCH,
        response_description="A result for each operation, in their order.",
        responses=error_responses(400, 401, 403, 409),
        opt={"headers": ["Idempotency-Key"], "extra_responses": [FAILED, TaskDeleted(), BodyTooLarge(MAX_BODY_BYTES)]},
    )
    async def batch_tasks(self, data: JSONBody[Batch], request: StrictRequest) -> JsonResponse[BatchResults]:
        charge(request.scope, len(data.operations) - 1)
        done = await _batches(request).carry_out(data, idempotency_key(request.scope))
        headers = {} if done.change_id is None else {"change-id": str(done.change_id)}
        if done.replayed:
            headers["idempotency-replayed"] = "true"
        return JsonResponse.of(BatchResults(done.results), headers)
