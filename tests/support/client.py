"""Clients of the API."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from tests.support.service import SECRET
from todo_api.auth.tokens import development_token

Json = dict[str, Any]


def fresh_user(name: str) -> str:
    """A new user id. A new user has no tasks, so a test with its own user needs no cleaning up."""
    return f"{name}_{uuid4().hex}"


def token_for(user_id: str, seconds: int = 3600) -> str:
    return development_token(user_id, SECRET.encode(), None, None, seconds)


class Person(httpx.Client):
    """A signed-in user. A path that begins with a slash is kept; any other is put below `/api/{user_id}/`."""

    def __init__(self, url: str, user_id: str, headers: Mapping[str, str] | None = None) -> None:
        self.user_id = user_id
        super().__init__(
            base_url=url, headers={"Authorization": f"Bearer {token_for(user_id)}", **(headers or {})}, timeout=30
        )

    def _merge_url(self, url: Any) -> httpx.URL:
        path = str(url)
        return super()._merge_url(path if path.startswith("/") else f"/api/{self.user_id}/{path}")

    def creates(self, **task: Any) -> Json:
        answer = self.post("tasks", json={"title": "Buy milk", **task})
        assert answer.status_code == 201, answer.text
        created: Json = answer.json()
        return created

    def sees(self, task_id: str) -> Json:
        answer = self.get(f"tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        task: Json = answer.json()
        return task


def errors_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """Location and type of each error of a 400, sorted."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == "validation_error"
    assert body["message"]
    for error in body["detail"]:
        assert set(error) == {"loc", "msg", "type"}
        assert error["msg"]
    return sorted((".".join(map(str, error["loc"])), error["type"]) for error in body["detail"])
