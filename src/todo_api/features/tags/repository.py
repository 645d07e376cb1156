"""One user's tags."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Text, bindparam, func, literal_column

from todo_api.db.casefold import fold
from todo_api.db.heads import HEAD, NOT_KNOWN, Listed
from todo_api.db.owned import TAGS, TASK_TAGS, OwnedRepository, select_from, select_owned
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
_TAGS: Final = (
    select_owned(TAGS, TAGS.c.name, _USED.c.usage_count)
    .join_from(TAGS, _USED, _TRUE)
    .where(TAGS.c.name_folded.between(bindparam("first", type_=Text), bindparam("last", type_=Text)))
    .where(_USED.c.usage_count > _ZERO, NOT_KNOWN)
    .order_by(_USED.c.usage_count.desc(), TAGS.c.name)
    .limit(bindparam("limit", type_=Integer))
    .cte("used")
)
_LIST: Final = Statement(
    select_from(HEAD, _TAGS.c.name, _TAGS.c.usage_count, HEAD.c.state)
    .outerjoin_from(HEAD, _TAGS, _TRUE)
    .order_by(_TAGS.c.usage_count.desc(), _TAGS.c.name)
)
"""A row without a name contains only the state. That is the only row if there are no tags, or if `known` has the state.
"""


class TagRepository(OwnedRepository):
    async def used(self, query: TagQuery, known: Sequence[str] = ()) -> Listed[list[TagWithUsage]]:
        """Returns the tags that have tasks, the most used first, unless `known` has the present state."""
        prefix = fold(query.search)
        values = {"first": prefix, "last": prefix + _LAST_CHARACTERS, "limit": query.limit}
        records = await self.fetch(_LIST, known=known, **values)
        first, _, state = records[0]
        if state in known:
            return Listed(None, state)
        return Listed([] if first is None else [TagWithUsage(*record[:-1]) for record in records], state)
