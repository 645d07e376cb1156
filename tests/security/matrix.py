"""Makes the tables of docs/security.md: access by route and client, and the hostile requests with their answers.

`python -m tests.security.matrix` writes them into the page.
"""

import re
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.auth.test_guard import routes
from tests.security.cases import CASES
from tests.support.client import Person, fresh_user
from tests.support.counting_proxy import CountingProxy
from tests.support.service import running
from todo_api.auth.middleware import PUBLIC
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.migrations import upgrade

PAGE = Path(__file__).parents[2] / "docs/security.md"
ONE_CONNECTION = {"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
_ACCOUNT = "/api/{user_id}"
_SCRIPT = "/docs/scalar.js"
_TABLE = "<!-- {} -->\n\n{}\n\n<!-- /{} -->"
_BODIES: dict[tuple[str, str], Any] = {
    ("POST", "tasks"): {"title": "a", "tags": ["t"]},
    ("POST", "batch"): {"operations": [{"op": "create", "task": {"title": "a", "tags": ["t"]}}]},
    ("PUT", "tasks"): {"title": "b"},
    ("PATCH", "tasks"): {"tags": ["u"]},
    ("PATCH", "tags"): {"name": "u"},
}
"""By the method and a part of the path."""
_PARTS = ("complete", "tags", "batch", "trash", "undo")
"""Parts of paths whose bodies differ from those of `tasks`."""
_COLUMNS = ("no token", "own", "another user's path", "another user's id or name", "an unknown one")


def matrix(url: str, proxy: CountingProxy) -> str:
    """Sends a request to each route of the app as each client of the columns, and counts the statements on the wire."""
    with (
        Person(url, fresh_user("ann")) as ann,
        Person(url, fresh_user("ann")) as other,
        httpx.Client(base_url=url, timeout=30) as anyone,
    ):
        return _Matrix(proxy, ann, other, anyone).table()


class _Matrix:
    def __init__(self, proxy: CountingProxy, ann: Person, other: Person, anyone: httpx.Client) -> None:
        self.proxy = proxy
        self.ann = ann
        self.other = other
        self.anyone = anyone
        self.theirs = other.creates(tags=["theirs"])["id"]
        self.undo = {"change_id": 1}

    def table(self) -> str:
        rows = []
        for method, example in routes():
            # Scalar's script is served only after `make docs-assets`.
            if method in ("OPTIONS", "TRACE") or (example.startswith("/docs/") and example not in PUBLIC - {_SCRIPT}):
                continue
            template = (
                example.replace("/api/ann", "/api/{user_id}")
                .replace("/x", "/{task_id}")
                .replace("/tags/t", "/tags/{name}")
            )
            for _ in range(2):  # the first call also prepares the statement, which is one more round trip
                cells = self._cells(method, template)
            if not cells[1].startswith("405"):
                rows.append(f"| `{method} {template}` | {' | '.join(cells)} |")
        head = f"| route | {' | '.join(_COLUMNS)} |\n|---|{'---|' * len(_COLUMNS)}"
        return "\n".join([head, *sorted(rows, key=lambda row: row.split("`")[1].split()[::-1])])

    def _cells(self, method: str, template: str) -> list[str]:
        if "{user_id}" not in template:
            return [
                self._cell(self.anyone, method, template),
                self._cell(self.ann, method, template),
                *["–"] * 3,
            ]
        me, other = self.ann.user_id, self.other.user_id
        own = {"task_id": self.ann.creates(tags=["t"])["id"], "name": "t"}
        if "trash" in template.split("/"):
            self.ann.delete(f"tasks/{own['task_id']}")
        self.undo = {"change_id": self.ann.get("changes?limit=1").json()["change_id"]}
        theirs = {"task_id": self.theirs, "name": "theirs"}
        unknown = {"task_id": uuid4(), "name": "unknown"}
        if template == _ACCOUNT and method == "DELETE":
            return self._erasure(method, template)
        cells = [
            self._cell(self.anyone, method, template.format(user_id=me, **own)),
            self._cell(self.ann, method, template.format(user_id=me, **own)),
            self._cell(self.ann, method, template.format(user_id=other, **theirs)),
        ]
        if "{task_id}" not in template and "{name}" not in template:
            return [*cells, "–", "–"]
        return [
            *cells,
            self._cell(self.ann, method, template.format(user_id=me, **theirs)),
            self._cell(self.ann, method, template.format(user_id=me, **unknown)),
        ]

    def _erasure(self, method: str, template: str) -> list[str]:
        """By a client of its own, which cannot do anything else afterwards."""
        with Person(str(self.ann.base_url), fresh_user("ann")) as eve:
            eve.creates(tags=["t"])
            body = {"confirm": eve.user_id}
            cells = [
                self._cell(client, method, template.format(user_id=user), body)
                for client, user in ((self.anyone, eve.user_id), (eve, eve.user_id), (eve, self.other.user_id))
            ]
        return [*cells, "–", "–"]

    def _cell(self, client: httpx.Client, method: str, path: str, body: Any = None) -> str:
        before = self.proxy.round_trips
        part = next((part for part in _PARTS if part in path.split("/")), "tasks")
        if body is None:
            body = self.undo if part == "undo" and method == "POST" else _BODIES.get((method, part))
        # Only the head is read: a stream has no end.
        with client.stream(method, path, json=body) as answer:
            if not path.endswith("/events"):
                answer.read()
        return f"{answer.status_code} · {self.proxy.round_trips - before}"


def cases() -> str:
    rows = [
        f"| {case.group} | {case.name.replace('|', chr(92) + '|')} | {', '.join(map(str, case.answers)) or 'closed'} |"
        for case in CASES
    ]
    return "\n".join(["| about | request | answer |", "|---|---|---|", *rows])


def tables_of(page: str) -> dict[str, str]:
    return dict(re.findall(r"<!-- (\w+) -->\n\n(.*?)\n\n<!-- /\1 -->", page, re.DOTALL))


def _written(page: str, name: str, table: str) -> str:
    pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
    return re.sub(pattern, lambda _: _TABLE.format(name, table, name), page, flags=re.DOTALL)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        with embedded_postgres(Path(home), {"fsync": "off"}) as url, CountingProxy(url) as proxy:
            upgrade(url)
            with running(Path(home), {"DATABASE_URL": proxy.url, **ONE_CONNECTION}) as service:
                table = matrix(service.url, proxy)
    page = _written(_written(PAGE.read_text(), "matrix", table), "cases", cases())
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
