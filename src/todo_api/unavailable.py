"""The errors with the status 503: the database, the keys of Better Auth or this instance cannot serve at the moment."""

from typing import ClassVar

from todo_api.errors import ApiError


class Unavailable(ApiError):
    """An error of the database. Nothing was changed, except perhaps after `OutcomeUnknown`."""

    status = 503


class DatabaseUnavailable(Unavailable):
    code, detail = "database_unavailable", "The database is not available. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class KeysUnavailable(ApiError):
    status, code, detail = 503, "keys_unavailable", "The keys of Better Auth are not available. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class Busy(Unavailable):
    code, detail = "busy", "Too much is going on at once. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class DatabaseTooSlow(Unavailable):
    code, detail = "database_too_slow", "The database took too long, and was stopped. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class ReadOnly(Unavailable):
    code, detail = "read_only", "The database takes no changes at the moment; reading works. Try again shortly."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class StorageFull(Unavailable):
    code, detail = "storage_full", "The database has no room left for changes; reading works."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class NotMigrated(Unavailable):
    """The schema is older than this version of the service needs. SQLSTATE: a table, column or function is missing."""

    code, detail = "not_migrated", "The database is not migrated to this version yet. Try again when it is."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class OutcomeUnknown(Unavailable):
    code = "outcome_unknown"
    detail = "The database was lost in the middle: the change may have been made or not. Look before you repeat it."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class Stopping(ApiError):
    status, code, detail = 503, "stopping", "This instance is stopping: others serve."
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}
