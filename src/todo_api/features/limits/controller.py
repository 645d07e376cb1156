"""/api/{user_id}/limits"""

from litestar import Controller, get

from todo_api.db.session import UserSession
from todo_api.features.limits.repository import LimitRepository
from todo_api.features.limits.structs import Limits, Rate, Usage
from todo_api.http.event_stream import MOST_OF_ONE_USER
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses


class LimitController(Controller):
    path = "/api/{user_id:str}/limits"
    tags = ["limits"]

    @get(
        operation_id="getLimits",
        summary="Get the limits and what is used of them",
        description="Beyond a limit a create is 409 `limit_reached`.",
        responses=error_responses(400, 401, 403),
    )
    async def get_limits(self, request: StrictRequest) -> JsonResponse[Limits]:
        state = request.app.state
        used = await LimitRepository(UserSession(state.database, request.user, request.auth)).tasks()
        streams = Usage(state.streams.used(request.user), MOST_OF_ONE_USER)
        return JsonResponse.of(Limits(Usage(used, state.limits.tasks), streams, state.rate and Rate(*state.rate)))
