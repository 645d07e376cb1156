"""/api/{user_id}/tags"""

from litestar import Controller, get
from litestar.di import NamedDependency, Provide

from todo_api.docs import answers
from todo_api.requests import StrictRequest
from todo_api.tags.repository import TagRepository
from todo_api.tags.structs import TagQuery, TagWithUsage


def _tags(request: StrictRequest) -> TagRepository:
    return TagRepository(request.app.state.database, request.user)


class TagController(Controller):
    path = "/api/{user_id:str}/tags"
    tags = ["tags"]
    dependencies = {"tags": Provide(_tags, sync_to_thread=False)}

    @get(
        operation_id="listTags",
        summary="The tags in use, most used first",
        response_description="For autocomplete.",
        responses=answers(400, 401, 403),
        query=TagQuery,
    )
    async def list_tags(self, tags: NamedDependency[TagRepository], request: StrictRequest) -> list[TagWithUsage]:
        return await tags.used(request.parameters(TagQuery))
