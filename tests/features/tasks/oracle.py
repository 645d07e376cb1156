"""The expected answer of the list, in plain Python over plain lists: slow, and easy to check by reading."""

from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from unicodedata import normalize
from uuid import UUID

from tests.support.client import Json

TEXT_WORDS: Final[dict[str, set[str]]] = {
    "grocery": {"groceri"},
    "Groceries": {"groceri"},
    "PLANNED": {"plan"},
    "planning": {"plan"},
    "Straße": {"strass"},
    "STRASSE": {"strass"},
    "İSTANBUL": {"istanbul"},
    "istanbul": {"istanbul"},
    "ISPARTA": {"isparta"},
    "ısparta": {"isparta"},
    "e\u0301t\u00e9": {"\u00e9t\u00e9"},
    "ÉTÉ": {"\u00e9t\u00e9"},
    "ﬁx": {"fix"},
    "50%": {"50"},
    "100%": {"100"},
    "snake_case": {"snake", "case"},
    "snakeXcase": {"snakexcas"},
    "back\\slash": {"back", "slash"},
    "quo'te": {"quo", "te"},
    "купить": {"купить"},
    "МОЛОКО": {"молоко"},
    "牛乳を買う": {"牛乳を買う"},
    "😀": set(),
    "👩‍👩‍👧": set(),
    "the": set(),
    "&|!": set(),
}
"""Words of tasks, with the stems that PostgreSQL's English dictionary makes of them."""

SEARCH_WORDS: Final[dict[str, set[str]]] = TEXT_WORDS | {
    "GROCERY": {"groceri"},
    "plans": {"plan"},
    "rocer": {"rocer"},
    "strass": {"strass"},
    "stan": {"stan"},
    "0%": set(),
    "%": set(),
    "_": set(),
    "e_c": set(),
    "\\": set(),
    "'": set(),
    "ÉT": {"\u00e9t"},
    "e\u0301": {"\u00e9"},
    "купит": {"купит"},
    "молок": {"молок"},
    "乳": {"乳"},
    "👩": set(),
    ":*": set(),
    "!": set(),
    "<->": set(),
    "(": set(),
    "nothing": {"noth"},
    "n": {"n"},
}


class Query(NamedTuple):
    words: tuple[str, ...]
    status: str | None
    priority: str | None
    tags: tuple[str, ...]
    tags_match: str | None
    due_from: date | None
    due_to: date | None
    has_due_date: bool | None
    completed_from: date | None
    completed_to: date | None
    sort_by: str | None
    sort_direction: str | None

    def parameters(self) -> dict[str, str | list[str]]:
        """As a client sends them; None is left out."""
        sent: dict[str, str | list[str]] = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self._asdict().items()
            if value is not None and name not in _SPECIAL
        }
        if self.words:
            sent["search"] = "  ".join(self.words)
        if self.tags:
            sent["tags" if len(self.tags) % 2 else "tags[]"] = list(self.tags)
        return sent


_SPECIAL: Final = ("words", "tags")


def _plain(text: str) -> str:
    turkish = text.replace("İ", "i").replace("I", "i").replace("ı", "i")
    return normalize("NFKC", normalize("NFKC", turkish).casefold())


def _found(word: str, task: Json) -> bool:
    title, description = task["title"], task["description"] or ""
    stems = set[str]().union(*(TEXT_WORDS[each] for each in f"{title} {description}".split()))
    if _plain(word) in _plain(title) or _plain(word) in _plain(description):
        return True
    return _plain(word).isalnum() and bool(SEARCH_WORDS[word] & stems)


def _matches(query: Query, task: Json) -> bool:
    due = task["due_date"] and date.fromisoformat(task["due_date"])
    done = task["completed_at"] and datetime.fromisoformat(task["completed_at"]).astimezone(UTC).date()
    has = [tag in task["tags"] for tag in query.tags]
    return (
        all(_found(word, task) for word in query.words)
        and (query.status in (None, "all") or task["completed"] == (query.status == "completed"))
        and (query.priority in (None, "all") or task["priority"] == query.priority)
        and (not has or (all(has) if query.tags_match == "all" else any(has)))
        and (query.due_from is None or (due is not None and due >= query.due_from))
        and (query.due_to is None or (due is not None and due <= query.due_to))
        and (query.has_due_date is None or query.has_due_date == (due is not None))
        and (query.completed_from is None or (done is not None and done >= query.completed_from))
        and (query.completed_to is None or (done is not None and done <= query.completed_to))
    )


def _key(sort_by: str, task: Json) -> date | str | int:
    match sort_by:
        case "title":
            return _plain(task["title"])
        case "priority":
            return ["High", "Medium", "Low"].index(task["priority"])
        case "due_date":
            return date.fromisoformat(task["due_date"])
        case _:
            return datetime.fromisoformat(task[sort_by])


def listed(query: Query, tasks: list[Json]) -> list[Json]:
    """All tasks that match `query`, in its order."""
    sort_by = query.sort_by or "created_at"
    matching = [task for task in tasks if _matches(query, task)]
    keyless = [task for task in matching if task[sort_by] is None]
    keyed = [task for task in matching if task[sort_by] is not None]
    down = query.sort_direction != "asc"
    return [
        *sorted(keyed, key=lambda task: (_key(sort_by, task), UUID(task["id"])), reverse=down),
        *sorted(keyless, key=lambda task: UUID(task["id"]), reverse=down),
    ]
