"""A working day of many users: open the list, search, add, tick off, edit, autocomplete; 1 to 3 s between two steps.

Run by `make load` (benchmarks/load_test.py), which starts the service, seeds the users and reads the report.
"""

import os
import random
from itertools import count
from typing import Any

from locust import HttpUser, between, task

from todo_api.auth.tokens import development_token
from todo_api.seed import seed_user

_NUMBERS = count()
_SECRET = os.environ["BETTER_AUTH_SECRET"].encode()
_WORDS = ("groceries", "invoice", "İstanbul", "Äpfel", "牛乳", "nothing like it")


class Person(HttpUser):
    """One of the seeded users, signed in."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        user = seed_user(next(_NUMBERS), 1)
        self.client.headers["Authorization"] = f"Bearer {development_token(user, _SECRET, None, None, 6 * 86400)}"
        self.path = f"/api/{user}"
        self.tasks: list[str] = []
        self.open_list()

    def call(self, method: str, path: str, name: str, **options: Any) -> Any:
        return self.client.request(method, self.path + path, name=name, **options)

    @task(10)
    def open_list(self) -> None:
        answer = self.call("GET", "/tasks", "list")
        if answer.ok:
            self.tasks = [each["id"] for each in answer.json()["data"]]

    @task(2)
    def search(self) -> None:
        self.call("GET", "/tasks", "search", params={"search": random.choice(_WORDS), "status": "pending"})

    @task(3)
    def add(self) -> None:
        body = {"title": f"Buy {random.randint(1, 9)} breads", "tags": ["shopping", "home"], "due_date": "2026-12-24"}
        self.call("POST", "/tasks", "create", json=body)

    @task(4)
    def tick_off(self) -> None:
        if self.tasks:
            self.call("PATCH", f"/tasks/{random.choice(self.tasks)}/complete", "complete", json={"completed": True})

    @task(2)
    def edit(self) -> None:
        if self.tasks:
            body = {"title": f"Edited {random.randint(1, 99)}", "priority": random.choice(["High", "Low"])}
            self.call("PATCH", f"/tasks/{random.choice(self.tasks)}", "edit", json=body)

    @task(3)
    def autocomplete(self) -> None:
        self.call("GET", "/tags", "autocomplete")
