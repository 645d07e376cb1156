"""/api/{user_id}/tags"""

from litestar import Controller, get

from todo_api.db.session import UserSession
from todo_api.features.tags.repository import TagRepository
from todo_api.features.tags.structs import TagQuery, TagWithUsage
from todo_api.http.conditional import known_states
from todo_api.http.dispatch import DirectDispatch
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse, list_or_304
from todo_api.openapi.document import error_responses


def _tags(request: StrictRequest) -> TagRepository:
    return TagRepository(UserSession(request.app.state.database, request.user, request.auth))


class TagController(Controller):
    path = "/api/{user_id:str}/tags"
    middleware = [DirectDispatch]
    tags = ["tags"]

    @get(
        operation_id="listTags",
        summary="List the tags in use",
        description="The most used tags come first, then by name. A tag that no task has is not in the list.",
        response_description="For autocomplete.",
        responses=error_responses(400, 401, 403),
        opt={"query": TagQuery, "headers": ["If-None-Match"]},
    )
    async def list_tags(self, request: StrictRequest) -> JsonResponse[list[TagWithUsage]]:
        listed = await _tags(request).used(request.parameters(TagQuery), known_states(request.scope))
        return list_or_304(request.scope, *listed)
