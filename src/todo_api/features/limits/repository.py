"""How much of the limits a user has used."""

from typing import Final

from sqlalchemy import func

from todo_api.db.owned import HEADS, TASKS, OwnedRepository, one_row, select_owned
from todo_api.db.statement import Statement

# The head row has the exact number only if `pending` is known too.
_EXACT: Final = select_owned(HEADS, HEADS.c.tasks).where(HEADS.c.pending.is_not(None)).scalar_subquery()
_COUNTED: Final = select_owned(TASKS, func.count()).scalar_subquery()
_TASKS: Final = Statement(one_row(func.coalesce(_EXACT, _COUNTED)))


class LimitRepository(OwnedRepository):
    async def tasks(self) -> int:
        """The number of the user's tasks."""
        ((count,),) = await self.fetch(_TASKS)
        return int(count)
