"""The writes of a tag on all of its tasks, each as a call of a function of writes.sql."""

from typing import Final, NamedTuple

from todo_api.db.casefold import fold
from todo_api.db.owned import OwnedRepository
from todo_api.db.session import UserSession
from todo_api.db.statement import FunctionCall
from todo_api.errors import ApiError, TagNotFound, TooMany
from todo_api.features.tags.structs import TagWithUsage

MOST_TASKS: Final = 5_000
"""Tasks that a write of a tag may change."""
RENAME: Final = FunctionCall("rename_tag", "former", "successor", "folded", "most", "kept_days")
REMOVE: Final = FunctionCall("remove_tag", "former", "most", "kept_days")
_ERRORS: Final[dict[str, type[ApiError]]] = {"missing": TagNotFound, "too_many": TooMany}
"""By outcome."""


class Written(NamedTuple):
    tag: TagWithUsage
    change_id: int | None
    """The revision of the last change; None if nothing was written."""


class TagWrites(OwnedRepository):
    def __init__(self, session: UserSession, kept_days: tuple[int, int]) -> None:
        super().__init__(session)
        self.kept_days = kept_days

    async def rename(self, name: str, new_name: str) -> Written:
        """Renames the tag on all of its tasks. If the new name is a tag already, the two become one.

        Raises:
            TagNotFound: no task has the tag.
            TooMany: more than `MOST_TASKS` have it.
        """
        return await self._write(RENAME, former=name, successor=new_name, folded=fold(new_name))

    async def remove(self, name: str) -> Written:
        """Takes the tag off all of its tasks. Raises what `rename` raises."""
        return await self._write(REMOVE, former=name)

    async def _write(self, function: FunctionCall, **arguments: str) -> Written:
        answer = await self.call(function, **arguments, most=MOST_TASKS, kept_days=self.kept_days)
        outcome, change_id, usage_count = answer
        if error := _ERRORS.get(outcome):
            raise error
        return Written(TagWithUsage(arguments.get("successor", arguments["former"]), usage_count), change_id)
