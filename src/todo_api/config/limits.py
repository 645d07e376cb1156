"""How much is kept of each user."""

from datetime import timedelta
from typing import Final, NamedTuple


class Limits(NamedTuple):
    tasks: int = 100_000
    kept_days: tuple[int, int] = (30, 30)
    """Days for which the log of changes and the trash are kept, as the functions of writes.sql take them."""

    @property
    def trash_days(self) -> int:
        return self.kept_days[1]

    @property
    def trash_time(self) -> timedelta:
        return timedelta(days=self.trash_days)


DEFAULT_LIMITS: Final = Limits()
