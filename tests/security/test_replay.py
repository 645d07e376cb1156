"""Isolation: a user gets the same answers, whether or not another user sends requests at the same time."""

import re
from itertools import chain

import pytest

from tests.support.client import Person, fresh_user
from tests.support.day import last_steps, steps
from tests.support.events import Event, streaming
from tests.support.service import Service

_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z|\b[0-9a-f]{32}\b"
    r"|(?<=cursor\":\")[\w-]+|(?<=cursor': ')[\w-]+|(?<= id: )[\w-]+"
)

_UNHEARD = ("purgeTask", "emptyTrash")
"""Writes that change no task that a client still has."""


class Transcript:
    """The answers to a person. Ids, instants, cursors and ETags of lists are numbered in order of appearance."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.lines: list[str] = []
        self.seen: dict[str, str] = {}

    def add(self, operation: str, status: int, headers: dict[str, str], text: str) -> None:
        kept = {name: value for name, value in headers.items() if name not in ("date", "x-request-id")}
        line = f"{operation} {status} {sorted(kept.items())} {text}".replace(self.person.user_id, "me")
        self.lines.append(_VARYING.sub(lambda value: self.seen.setdefault(value[0], f"#{len(self.seen)}"), line))

    def hear(self, event: Event) -> None:
        self.add(event.name, 200, {}, f"id: {event.id} {event.data}")


def steal(person: Person, other: Person) -> None:
    for item in person.get("tasks").json()["data"]:
        for method, path in (("PATCH", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/complete"), ("GET", "")):
            body = {"title": "stolen", "tags": ["stolen"]} if method in ("PATCH", "PUT") and not path else None
            assert other.request(method, f"tasks/{item['id']}{path}", json=body).status_code == 404


def day(person: Person, other: Person | None) -> list[str]:
    transcript = Transcript(person)
    others = chain(steps(), last_steps())
    heard = 0
    with streaming(person) as events:
        transcript.hear(events.next())
        for operation, call in chain(steps(), last_steps()):
            if other is not None:
                next(others)[1](other)
            answer = call(person)
            transcript.add(operation, answer.status_code, dict(answer.headers), answer.text)
            change_id = int(answer.headers.get("change-id", 0))
            if operation == "eraseAccount" and change_id:
                (end,) = events.rest()
                transcript.add(end.name, 200, {}, end.data["code"])  # its pause is random
            elif change_id > heard and operation not in _UNHEARD:  # not greater: an Idempotency-Key repeats an answer
                heard = change_id
                for event in events.until(change_id):
                    transcript.hear(event)
            if other is not None:
                steal(person, other)
    return transcript.lines


@pytest.fixture
def alone(service: Service) -> list[str]:
    with Person(service.url, fresh_user("ann")) as ann:
        return day(ann, None)


def test_a_day_has_the_same_answers_with_another_user_active(service: Service, alone: list[str], bob: Person) -> None:
    # A user id of the same length: Content-Length counts it.
    with Person(service.url, fresh_user("ann")) as ann:
        assert day(ann, bob) == alone
