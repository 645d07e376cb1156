"""/api/{user_id}/events"""

from typing import Final

from litestar import Controller, get
from msgspec import UNSET

from todo_api.error_bodies import FieldError
from todo_api.errors import AccountErased, InvalidInput, TooManyStreams
from todo_api.features.changes.repository import place_of
from todo_api.features.changes.structs import ChangePage
from todo_api.features.events.stream import Stream, Token
from todo_api.features.events.structs import EventQuery, StreamEnd
from todo_api.http.event_stream import CONTENT_TYPE, EventStream
from todo_api.http.request import StrictRequest
from todo_api.openapi.document import error_responses
from todo_api.unavailable import Stopping

_LAST_EVENT_ID: Final = b"last-event-id"
_STREAM: Final = """
The service sends the changes of the user as they happen, so a client need not poll `GET …/changes`. The answer is
`text/event-stream` (WHATWG). Read it with `fetch`, since `EventSource` cannot send the token.

| event | |
|---|---|
| `ready` | The stream is open. Every change after its `id` will be sent. `data` is `{}`. |
| `changes` | `data` is a `ChangePage`, and `id` is its `cursor`. If `has_more` is true, the next page follows. |
| `end` | `data` is a `StreamEnd`. The stream ends; connect again after `retry_ms`. |

A comment comes every 20 seconds. Without a byte for 45 seconds the connection is lost: connect again.

Keep the `id` of the last event with what you made of it, and send it as `Last-Event-ID` when you connect again, even
after days: nothing is missed. One change may come twice: the greater `version` is the newer one. If the `id` is too
old, the answer is a stream whose only event is `end` with `cursor_expired`: begin again with `GET …/changes` without a
cursor, and open the stream with the `cursor` of its last page.

A stream ends when its token expires. It also ends, with `cursor_expired`, when the account is erased. Tokens from
before the erasure open no stream: 403 `account_erased`.

A user may have 10 streams in each worker of the service. Browsers open six
connections to one origin over HTTP/1.1: share one stream between tabs, or put HTTP/2 in front.
""".strip()
_EXAMPLE: Final = (
    "event: ready\nid: Gk1b\nretry: 3120\ndata: {}\n\n"
    'event: changes\nid: Xb2c\ndata: {"changes":[],"cursor":"Xb2c","has_more":false,"change_id":7}\n\n:\n\n'
    'event: end\nretry: 420\ndata: {"code":"token_expired","retry_ms":420}\n\n'
)


class EventController(Controller):
    path = "/api/{user_id:str}/events"
    tags = ["changes"]

    @get(
        operation_id="streamEvents",
        summary="Stream changes as they happen",
        description=_STREAM,
        response_description="A stream of the events `ready`, `changes` and `end`.",
        media_type=CONTENT_TYPE,
        responses=error_responses(400, 401, 403),
        opt={
            "query": EventQuery,
            "headers": ["Last-Event-ID"],
            "extra_responses": [AccountErased(), TooManyStreams(), Stopping()],
            "response": {"content": {CONTENT_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}}},
            "structs": [ChangePage, StreamEnd],
        },
    )
    async def stream_events(self, request: StrictRequest) -> EventStream:
        state = request.app.state
        token = Token(request.user, request.auth, request.scope["state"]["token_expires"])
        return EventStream(Stream(token, _cursor(request), state.streams, state.pages).run)


def _cursor(request: StrictRequest) -> str | None:
    """The place to begin. An empty `Last-Event-ID` is none, as in the WHATWG's standard.

    Raises:
        InvalidInput: the cursor is malformed, or another user's.
    """
    query = request.parameters(EventQuery)
    ids = [value for name, value in request.scope["headers"] if name == _LAST_EVENT_ID and value]
    if len(ids) > 1:
        raise InvalidInput([FieldError(["header", "last-event-id"], "This header may be given once only", "repeated")])
    if ids:
        cursor = ids[0].decode("latin-1")
        place_of(request.user, cursor, ("header", "last-event-id"))
        return cursor
    if query.cursor is UNSET:
        return None
    place_of(request.user, query.cursor)
    return query.cursor
