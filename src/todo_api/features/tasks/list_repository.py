"""Lists of tasks: from the query parameters to the statement's shape and values, and from rows to a page."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from todo_api.db.casefold import FOLDED_TITLE_CHARACTERS, fold, fold_title
from todo_api.db.heads import Listed
from todo_api.db.owned import OwnedRepository
from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.features.tasks.columns import PRIORITY_NUMBER
from todo_api.features.tasks.fields import NO_NUL, Instant
from todo_api.features.tasks.list_filters import LONG_WORD, WORDS, Filter
from todo_api.features.tasks.list_parameters import MAX_WORD, SortBy, TaskQuery
from todo_api.features.tasks.list_statements import STORED_TOTALS, Shape, Start, statement
from todo_api.features.tasks.structs import Task, TaskPage
from todo_api.http.cursor import InvalidCursor, Position, decode, encode

_PLAIN_REGEX: Final = "***="
"""The rest of the regular expression has no special characters.

https://www.postgresql.org/docs/current/functions-matching.html#POSIX-METASYNTAX
"""
_FoldedTitle = Annotated[str, Meta(max_length=FOLDED_TITLE_CHARACTERS, pattern=NO_NUL)]
_PriorityNumber = Annotated[int, Meta(ge=1, le=len(PRIORITY_NUMBER))]
_LATER_FILTERS: Final = ("has_due_date", "completed_from", "completed_to")
_DECODERS: Final[dict[SortBy, msgspec.msgpack.Decoder[Any]]] = {
    "created_at": msgspec.msgpack.Decoder(tuple[Instant, UUID]),
    "updated_at": msgspec.msgpack.Decoder(tuple[Instant, UUID]),
    "title": msgspec.msgpack.Decoder(tuple[_FoldedTitle, UUID]),
    "due_date": msgspec.msgpack.Decoder(tuple[date | None, UUID]),
    "priority": msgspec.msgpack.Decoder(tuple[_PriorityNumber, UUID]),
}


class TaskList(OwnedRepository):
    async def page(self, query: TaskQuery, known: Sequence[str] = ()) -> Listed[TaskPage]:
        """Returns one page, unless `known` has the present state: then nothing is read.

        Raises:
            InvalidInput: the cursor is not one of this list.
        """
        words = _words(query.search)
        bound_to = _identity(self.me, query, words)
        position = _position(query, bound_to)
        values = _values(query, words, position)
        shape = _shape(query, words, position, conditional=bool(known))
        records = await self.fetch(statement(shape), known=known, **values)
        first, *_, total, state = records[0]
        if state in known:
            return Listed(None, state)
        if shape.stored and total is None:
            return await self.page(query)
        tasks = [] if first is None else [Task(*record[:-2]) for record in records[: query.limit]]
        page = TaskPage(
            data=tasks,
            total=total,
            limit=query.limit,
            offset=query.offset,
            next_cursor=encode(_end(tasks[-1], query.sort_by), bound_to) if len(records) > query.limit else None,
        )
        return Listed(page, state)


def _words(search: str) -> list[str]:
    """The folded words of a search. The longest is first, since it is the rarest and fastest to search for.

    Raises:
        InvalidInput: folding made a word longer than `MAX_WORD`, so that to search for it would take too long.
    """
    words = sorted(set(fold(search).split()), key=lambda word: (-len(word), word))
    if words and len(words[0]) > MAX_WORD:
        message = f"A word has at most {MAX_WORD} characters after case folding and NFKC: search for a part of it"
        raise InvalidInput([FieldError(["query", "search"], message, "string_too_long")])
    return words


def _by_length(words: list[str]) -> tuple[list[str], list[str]]:
    """The words that are longer than `LONG_WORD`, and the others."""
    first = next((at for at, word in enumerate(words) if len(word) <= LONG_WORD), len(words))
    return words[:first], words[first:]


def _stems(words: list[str]) -> list[str]:
    """A word with punctuation is searched for as it is. It has no stem."""
    return [word if word.isalnum() else "" for word in words]


def _identity(me: str, query: TaskQuery, words: list[str]) -> bytes:
    """A cursor is valid for one user, one set of filters and one sort. This is their encoding."""
    filters = [words, query.status, query.priority, query.tags, query.tags_match]
    dates = [None if day is UNSET else day for day in (query.due_from, query.due_to)]
    # Left out if they are not used, as in the first release, whose cursors stay valid.
    later = {name: value for name in _LATER_FILTERS if (value := getattr(query, name)) is not UNSET}
    identity = [me, filters, dates, query.sort_by, query.sort_direction]
    return msgspec.msgpack.encode([*identity, later] if later else identity)


def _position(query: TaskQuery, bound_to: bytes) -> Position | None:
    if query.cursor is UNSET:
        return None
    try:
        return decode(query.cursor, _DECODERS[query.sort_by], bound_to)
    except InvalidCursor:
        message = "This cursor is not valid for this list: send `next_cursor` with the same filters and the same sort"
        raise InvalidInput([FieldError(["query", "cursor"], message, "cursor_invalid")]) from None


def _end(task: Task, sort_by: SortBy) -> Position:
    match sort_by:
        case "title":
            return Position(fold_title(task.title), task.id)
        case "priority":
            return Position(PRIORITY_NUMBER[task.priority], task.id)
        case _:
            return Position(getattr(task, sort_by), task.id)


def _or_else(day: date | UnsetType, otherwise: date) -> date:
    return otherwise if day is UNSET else day


def _shape(query: TaskQuery, words: list[str], position: Position | None, *, conditional: bool) -> Shape:
    """`conditional`: the client has a state of the list, so the head row is older than a day.

    Then the head row has the totals too, except after a restored backup or another version of the functions if the user
    wrote nothing since. A statement that never counts is cheaper, even if it does not get to the counting.
    """
    filters: list[Filter] = []
    if query.status != "all":
        filters.append(query.status)
    if query.priority != "all":
        filters.append("priority")
    if query.tags:
        filters.append("any_tag" if query.tags_match == "any" else "all_tags")
    if query.due_from is not UNSET or query.due_to is not UNSET:
        filters.append("due")
    if query.has_due_date is not UNSET:
        filters.append("dated" if query.has_due_date else "undated")
    if query.completed_from is not UNSET or query.completed_to is not UNSET:
        filters.append("completed_between")
    long, short = _by_length(words)
    if long:
        filters.append("long_words")
    if short:
        filters += ["search", "more_words"] if len(short) > WORDS else ["search"]
    start: Start = "offset" if query.offset else "first"
    if position is not None:
        start = "after" if position.key is not None else "after_undated"
    return Shape(
        filters=frozenset(filters),
        sort_by=query.sort_by,
        descending=query.sort_direction == "desc",
        start=start,
        counts=query.counts,
        stored=conditional and query.counts and frozenset(filters) in STORED_TOTALS,
    )


def _word_values(words: list[str]) -> dict[str, Any]:
    long, short = _by_length(words)
    padded = short + [""] * WORDS
    stems = _stems(padded)
    return {
        **{f"word{number}": padded[number] for number in range(WORDS)},
        **{f"stem{number}": stems[number] for number in range(WORDS)},
        "more_words": short[WORDS:],
        "more_stems": stems[WORDS : len(short)],
        "long_words": [_PLAIN_REGEX + word for word in long],
        "long_stems": _stems(long),
    }


_NO_WORDS: Final = _word_values([])


def _values(query: TaskQuery, words: list[str], position: Position | None) -> dict[str, Any]:
    """Values for all parameters of all shapes. One row more than the page has shows whether there is a next page."""
    return {
        "limit": query.limit + 1,
        "offset": query.offset,
        "offset_plus_limit": query.offset + query.limit + 1,
        "priority": PRIORITY_NUMBER.get(query.priority),
        "tags": query.tags,
        "tag_count": len(query.tags),
        "due_from": _or_else(query.due_from, date.min),
        "due_to": _or_else(query.due_to, date.max),
        "completed_from": datetime.combine(_or_else(query.completed_from, date.min), time.min, UTC),
        "completed_to": datetime.combine(_or_else(query.completed_to, date.max), time.max, UTC),
        **(_word_values(words) if words else _NO_WORDS),
        "after_key": position.key if position else None,
        "after_id": position.id if position else None,
    }
