"""Another user's id answers as an unknown id does, on every route of the app with an id."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.auth.test_guard import routes
from tests.support.client import Person

BODIES: dict[tuple[str, bool], Any] = {("PUT", False): {"title": "mine now"}, ("PATCH", False): {"tags": ["x"]}}
WITH_ID = [
    (method, path)
    for method, path in routes()
    if path.startswith("/api/ann/") and "/x" in path and method not in ("OPTIONS", "TRACE")
]


def seen(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers of an answer, without the two headers that differ between any two answers."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in ("date", "x-request-id"))
    return answer.status_code, answer.content, headers


def test_there_are_routes_with_an_id() -> None:
    assert len(WITH_ID) >= 6


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_another_users_id_answers_as_an_unknown_id(ann: Person, bob: Person, method: str, path: str) -> None:
    task = ann.creates(tags=["a"])
    template = path.replace("/api/ann/", f"/api/{bob.user_id}/").replace("/x", "/{}")
    body = BODIES.get((method, path.endswith("complete")))
    theirs = bob.request(method, template.format(task["id"]), json=body)
    unknown = bob.request(method, template.format(uuid4()), json=body)
    assert theirs.status_code in (404, 405)
    assert seen(theirs) == seen(unknown)
    assert ann.sees(task["id"]) == task
    assert bob.get("tasks").json()["total"] == 0
    assert bob.get("tags").json() == []
