"""One user's tags."""

from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column

from todo_api.db.engine import Statement
from todo_api.db.owned import TASK_TAGS, OwnedRepository, rows
from todo_api.tags.structs import TagWithUsage

_MOST: Final[ColumnElement[Any]] = literal_column("1000")
_COUNT: Final = func.count()
_LIST: Final = Statement(
    rows(TASK_TAGS, TASK_TAGS.c.tag, _COUNT)
    .group_by(TASK_TAGS.c.tag)
    .order_by(_COUNT.desc(), TASK_TAGS.c.tag)
    .limit(_MOST)
)


class TagRepository(OwnedRepository):
    async def used(self) -> list[TagWithUsage]:
        return [TagWithUsage(*row) for row in await self.fetch(_LIST)]
