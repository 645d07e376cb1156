"""Erases everything of one user."""

from random import SystemRandom
from typing import Final

import asyncpg

from todo_api.db.epoch import MOST
from todo_api.db.owned import OwnedRepository
from todo_api.db.statement import FunctionCall
from todo_api.db.time_limits import now
from todo_api.errors import AccountErased
from todo_api.unavailable import OutcomeUnknown, Unavailable

ERASE: Final = FunctionCall("erase_user", "new_epoch", "most", repeatable=True)
MOST_ROWS: Final = 10_000
"""Rows of each table that one call deletes. It takes far less than the time limit of a statement
(docs/decisions/0122-erasure.md)."""
_SECONDS: Final = 20.0
"""Another call begins within this time. Clients and proxies wait for 30 seconds or longer."""


class AccountRepository(OwnedRepository):
    async def erase(self) -> int | None:
        """Erases all rows of the user, and returns the revision. None: it was done before.

        One call erases an account of up to `MOST_ROWS` tasks, changes and keys: all or nothing. A larger one takes
        several; after the first, tokens are refused until the last.

        Raises:
            AccountErased: the account was erased after the token was issued, and is used again.
            OutcomeUnknown: something is left. Another erasure continues.
        """
        outcome, revision = await self._call()
        end = now() + _SECONDS
        while outcome == "more":
            if now() > end:
                raise OutcomeUnknown
            try:
                outcome, revision = await self._call()
            except (Unavailable, asyncpg.PostgresError) as error:
                raise OutcomeUnknown from error
        if outcome == "used":
            raise AccountErased
        return revision

    async def _call(self) -> tuple[str, int | None]:
        outcome, revision = await self.call(ERASE, new_epoch=SystemRandom().randrange(1, MOST), most=MOST_ROWS)
        return outcome, revision
