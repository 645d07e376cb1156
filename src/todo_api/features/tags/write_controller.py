"""/api/{user_id}/tags/{name}"""

import msgspec
from litestar import Controller, delete, patch
from litestar.params import JSONBody

from todo_api.db.session import UserSession
from todo_api.errors import TagNotFound, TooMany
from todo_api.features.tags.structs import TagRename, TagWithUsage
from todo_api.features.tags.writes import TagWrites, Written
from todo_api.features.tasks.fields import TagName
from todo_api.http.path import last_segment
from todo_api.http.request import StrictRequest
from todo_api.http.response import JsonResponse
from todo_api.openapi.document import error_responses

_RENAME = """
Every task with the tag gets the new name instead. If the new name is a tag already, the two become one. Each of these
tasks changes as by `updateTask`; `Change-Id` is the number of the last of these changes. The same name changes nothing.

All tasks change, or none does. A repeated request is 404 after the first was carried out: the list of tags then has the
new name.
""".strip()
_REMOVE = """
Every task with the tag loses it, and stays. Each of these tasks changes as by `updateTask`; `Change-Id` is the number
of the last of these changes. All tasks change, or none does. A repeated request is 404.
""".strip()


def _tags(request: StrictRequest) -> TagWrites:
    return TagWrites(
        UserSession(request.app.state.database, request.user, request.auth), request.app.state.limits.kept_days
    )


def _name(request: StrictRequest) -> str:
    """The name in the path. A name that no tag can have is an unknown name: 404."""
    try:
        return msgspec.convert((last_segment(request.scope) or "").strip(), TagName)
    except msgspec.ValidationError:
        raise TagNotFound from None


def _headers(written: Written) -> dict[str, str]:
    return {} if written.change_id is None else {"change-id": str(written.change_id)}


class TagWriteController(Controller):
    path = "/api/{user_id:str}/tags/{name:str}"
    tags = ["tags"]

    @patch(
        operation_id="renameTag",
        summary="Rename a tag on all tasks, or merge it into another",
        description=_RENAME,
        response_description="The tag as it is now.",
        responses=error_responses(400, 401, 403),
        opt={"extra_responses": [TagNotFound(), TooMany()]},
    )
    async def rename_tag(self, data: JSONBody[TagRename], request: StrictRequest) -> JsonResponse[TagWithUsage]:
        written = await _tags(request).rename(_name(request), data.name)
        return JsonResponse.of(written.tag, _headers(written))

    @delete(
        operation_id="removeTag",
        summary="Take a tag off all tasks",
        description=_REMOVE,
        responses=error_responses(400, 401, 403),
        opt={"extra_responses": [TagNotFound(), TooMany()]},
    )
    async def remove_tag(self, request: StrictRequest) -> JsonResponse[None]:
        return JsonResponse(b"", _headers(await _tags(request).remove(_name(request))))
