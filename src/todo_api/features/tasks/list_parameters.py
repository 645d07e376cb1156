"""The query parameters of the list of tasks."""

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import force_setattr

from todo_api.error_bodies import FieldError
from todo_api.errors import InvalidInput
from todo_api.features.tasks.fields import NO_NUL, TagName

SortBy = Literal["created_at", "updated_at", "title", "due_date", "priority"]

MAX_WORD: Final = 200
"""Characters of a searched word after folding, which makes up to 18 of one."""

TagFilter = Annotated[
    list[TagName], Meta(max_length=20, description="Names of tags, exactly; repeatable. See `tags_match`.")
]

Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        description="The `next_cursor` of the page before, instead of `offset`, with the filters and the sort of that "
        "page.",
    ),
]


class TaskQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the list. Filters combine with AND."""

    trimmed: ClassVar[frozenset[str]] = frozenset({"search", "tags", "tags[]"})

    search: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=NO_NUL,
            description="Every word must be found in the title or the description, in any order, without regard to "
            "case: as a part of the text or, a word of letters and digits, by its English stem (`grocery` finds "
            f"Groceries). No character is special. A word has at most {MAX_WORD} characters, counted after folding.",
        ),
    ] = ""
    status: Annotated[
        Literal["all", "pending", "completed"], Meta(description="Tasks that are still to do, that are done, or both.")
    ] = "all"
    priority: Annotated[Literal["all", "High", "Medium", "Low"], Meta(description="Tasks of this priority.")] = "all"
    tags: TagFilter = []
    more_tags: Annotated[TagFilter, Meta(extra_json_schema={"x-undocumented": True})] = field(
        name="tags[]", default_factory=list
    )
    """The same as `tags`. Not in the OpenAPI document: generators leave out an operation with two such parameters."""
    tags_match: Annotated[
        Literal["any", "all"], Meta(description="Whether a task needs one of the tags or all of them.")
    ] = "any"
    due_from: Annotated[date | UnsetType, Meta(description="Due on this day or later.")] = UNSET
    due_to: Annotated[date | UnsetType, Meta(description="Due on this day or earlier.")] = UNSET
    has_due_date: Annotated[
        bool | UnsetType, Meta(description="Tasks that have a due date (`true`), or that have none (`false`).")
    ] = UNSET
    completed_from: Annotated[
        date | UnsetType, Meta(description="Completed on this day or later, in UTC. Pending tasks never match.")
    ] = UNSET
    completed_to: Annotated[
        date | UnsetType, Meta(description="Completed on this day or earlier, in UTC. Pending tasks never match.")
    ] = UNSET
    sort_by: Annotated[
        SortBy,
        Meta(
            description="Ties break by `id`, in the same direction. `title` sorts without regard to case, by code "
            "point. `priority` ascending is High, Medium, Low. By `due_date`, tasks without one come last either way."
        ),
    ] = "created_at"
    sort_direction: Annotated[Literal["asc", "desc"], Meta(description="Smallest or largest first.")] = "desc"
    limit: Annotated[int, Meta(ge=1, le=100, description="Tasks on a page.")] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000, description="Tasks to leave out before the page.")] = 0
    cursor: Cursor | UnsetType = UNSET
    with_total: Annotated[
        bool | UnsetType, Meta(description="Whether to count all matches. Default: true; with a cursor, false.")
    ] = UNSET

    def __post_init__(self) -> None:
        if self.cursor is not UNSET and self.offset:
            message = "A page is found by `cursor` or by `offset`, not by both"
            raise InvalidInput([FieldError(["query", "offset"], message, "cursor_and_offset")])
        force_setattr(self, "tags", sorted({tag.strip() for tag in (*self.tags, *self.more_tags)}))

    @property
    def counts(self) -> bool:
        return self.cursor is UNSET if self.with_total is UNSET else self.with_total
