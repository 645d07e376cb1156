"""Structs of requests and events."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

EndCode = Literal["cursor_expired", "stopping", "token_expired", "too_slow"]


class EventQuery(Struct, frozen=True, kw_only=True):
    """Parameters of the stream."""

    cursor: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=4096,
                description=(
                    "The `cursor` of a page of changes, or the `id` of an event: the stream begins after it. "
                    "`Last-Event-ID` replaces it. Without both, the stream begins with what changes from now on."
                ),
            ),
        ]
        | UnsetType
    ) = UNSET


class StreamEnd(Struct, frozen=True):
    """The data of the event `end`, after which the stream ends."""

    code: Annotated[
        EndCode,
        Meta(
            description=(
                "- `token_expired`: connect again with a new token.\n"
                "- `stopping`: this instance stops. Connect again.\n"
                "- `too_slow`: the client did not read for ten seconds. Connect again.\n"
                "- `cursor_expired`: read the changes from the beginning, without a cursor."
            )
        ),
    ]
    retry_ms: Annotated[int, Meta(ge=0, description="Milliseconds to wait before the next connection, at random.")]
