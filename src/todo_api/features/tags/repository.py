"""One user's tags."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Text, bindparam, func, literal_column

from todo_api.db.casefold import fold
from todo_api.db.owned import TAGS, TASK_TAGS, OwnedRepository, select_owned
from todo_api.db.statement import Statement
from todo_api.features.tags.structs import TagQuery, TagWithUsage

_LAST_CHARACTERS: Final = "\U0010ffff" * 50
"""A name has at most 50 characters, so no name with the prefix sorts after the prefix and these."""
_TRUE: Final[ColumnElement[Any]] = literal_column("true")
_ZERO: Final[ColumnElement[Any]] = literal_column("0")
# Counted tag by tag along the index, which is cheaper than grouping the links. No stored count has to be kept right.
_USED: Final = (
    select_owned(TASK_TAGS, func.count().label("usage_count"))
    .where(TASK_TAGS.c.tag == TAGS.c.name)
    .correlate(TAGS)
    .lateral()
)
_LIST: Final = Statement(
    select_owned(TAGS, TAGS.c.name, _USED.c.usage_count)
    .join_from(TAGS, _USED, _TRUE)
    .where(TAGS.c.name_folded.between(bindparam("first", type_=Text), bindparam("last", type_=Text)))
    .where(_USED.c.usage_count > _ZERO)
    .order_by(_USED.c.usage_count.desc(), TAGS.c.name)
    .limit(bindparam("limit", type_=Integer))
)


class TagRepository(OwnedRepository):
    async def used(self, query: TagQuery) -> list[TagWithUsage]:
        """Returns the tags that have tasks, the most used first."""
        prefix = fold(query.search)
        records = await self.fetch(_LIST, first=prefix, last=prefix + _LAST_CHARACTERS, limit=query.limit)
        return [TagWithUsage(*record) for record in records]
