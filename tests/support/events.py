"""A client of a user's stream of events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tests.support.client import Json, Person


class Event(NamedTuple):
    name: str
    id: str | None
    data: Any
    retry: int | None


class Events:
    """An open stream. Reading waits for up to `seconds` for each byte."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id: str | None = None
        self.comments = 0
        self.most_comments = 1
        """A test that waits for something else than comments ends after 20 to 40 seconds."""
        self._events = self._parsed()

    def next(self) -> Event:
        return next(self._events)

    def rest(self) -> list[Event]:
        """All events until the stream ends."""
        return [*self._events]

    def until(self, change_id: int) -> list[Event]:
        """The events up to the one that tells of this change."""
        read = [self.next()]
        while read[-1].name != "changes" or read[-1].data["change_id"] < change_id:
            assert read[-1].name != "end", read
            read.append(self.next())
        return read

    def _parsed(self) -> Iterator[Event]:
        """https://html.spec.whatwg.org/#event-stream-interpretation"""
        fields: dict[str, str] = {}
        for line in self.answer.iter_lines():
            name, _, value = line.partition(":")
            if line.startswith(":"):
                self.comments += 1
                assert self.comments <= self.most_comments, "nothing else came"
            elif line:
                fields[name] = value.removeprefix(" ")
            elif fields:
                self.last_id = fields.get("id", self.last_id)
                retry = int(fields["retry"]) if "retry" in fields else None
                yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]), retry)
                fields = {}


@contextmanager
def streaming(
    person: Person, last_id: str | None = None, *, cursor: str | None = None, seconds: float = 30
) -> Iterator[Events]:
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    query = {"cursor": cursor} if cursor is not None else {}
    with person.stream("GET", "events", params=query, headers=headers, timeout=seconds) as answer:
        if answer.status_code != 200:
            answer.read()
        assert answer.status_code == 200, answer.text
        yield Events(answer)


def apply(copy: dict[str, Json], event: Event) -> None:
    """Applies the changes of an event to a copy of the tasks."""
    for change in event.data["changes"]:
        if change["kind"] == "task":
            copy[change["task"]["id"]] = change["task"]
        else:
            copy.pop(change["id"], None)
