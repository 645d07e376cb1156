"""A working day of many users: open the list, search, add, tick off, edit, autocomplete; 1 to 3 s between two steps.

Run by `make load` (benchmarks/load/run.py), which starts the service, seeds the users and reads the report.
"""

import json
import os
import random
from itertools import count
from typing import Any
from urllib.parse import quote

from locust import FastHttpUser, between, task

from todo_api.auth.tokens import development_token
from todo_api.cli.seed import seed_user

_NUMBERS = count()
_SECRET = os.environ["BETTER_AUTH_SECRET"].encode()
_WORDS = ("grocery", "invoice", "landlord", "İstanbul", "äpfel", "продукты", "牛乳", "nothing like it")
"""The seeded tasks match all but the last: by stem, by substring, by case folding."""


class Person(FastHttpUser):
    """One of the seeded users, signed in. Locust's HttpUser would use as much CPU time as the service."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        user = seed_user(next(_NUMBERS), 1)
        self.headers = {"Authorization": f"Bearer {development_token(user, _SECRET, None, None, 6 * 86400)}"}
        self.path = f"/api/{user}"
        self.seen: list[str] = []
        self.open_list()

    def call(self, method: str, path: str, name: str, body: dict[str, Any] | None = None) -> Any:
        return self.client.request(method, self.path + path, name=name, headers=self.headers, json=body)

    @task(10)
    def open_list(self) -> None:
        answer = self.call("GET", "/tasks", "list")
        if answer.status_code == 200:
            self.seen = [each["id"] for each in json.loads(answer.content)["data"]]

    @task(2)
    def search(self) -> None:
        self.call("GET", f"/tasks?search={quote(random.choice(_WORDS))}&status=pending", "search")

    @task(3)
    def add(self) -> None:
        body = {"title": f"Buy {random.randint(1, 9)} breads", "tags": ["shopping", "home"], "due_date": "2026-12-24"}
        self.call("POST", "/tasks", "create", body)

    @task(4)
    def tick_off(self) -> None:
        if self.seen:
            self.call("PATCH", f"/tasks/{random.choice(self.seen)}/complete", "complete", {"completed": True})

    @task(2)
    def edit(self) -> None:
        if self.seen:
            body = {"title": f"Edited {random.randint(1, 99)}", "priority": random.choice(["High", "Low"])}
            self.call("PATCH", f"/tasks/{random.choice(self.seen)}", "edit", body)

    @task(3)
    def autocomplete(self) -> None:
        self.call("GET", "/tags", "autocomplete")
