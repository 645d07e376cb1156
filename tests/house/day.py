"""One user's day with the API: every operation at least once. The house's tests look at it from different sides."""

from collections.abc import Callable, Iterator

import httpx

from tests.client import Person

Step = Callable[[Person], httpx.Response]


def steps() -> Iterator[tuple[str, Step]]:
    """Operation ids, each with a call. Earlier tasks are remembered on the way."""
    ids: list[str] = []
    cursors: list[str] = []

    def create(**task: object) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.post("tasks", json={"title": "Buy milk", **task})
            ids.append(answer.json()["id"])
            return answer

        return call

    def first_page(query: str) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.get(f"tasks?limit=1&{query}")
            cursors.append(answer.json()["next_cursor"])
            return answer

        return call

    yield "createTask", create(tags=["b", "a"])
    yield "createTask", create(title="Plain", due_date="2026-12-31")
    yield "createTask", create(title="Ask", description="D", priority="High", due_date="2026-12-24", tags=["a"])
    yield "listTasks", lambda person: person.get("tasks")
    yield "listTasks", lambda person: person.get("tasks?limit=1&offset=1")
    yield "listTasks", lambda person: person.get("tasks?offset=100")
    yield "listTasks", lambda person: person.get("tasks?search=milk&tags=a&sort_by=due_date&due_from=2026-01-01")
    yield "listTasks", first_page("sort_by=title")
    yield "listTasks", lambda person: person.get(f"tasks?sort_by=title&cursor={cursors[0]}")
    yield "listTasks", first_page("sort_by=due_date")
    yield "listTasks", lambda person: person.get(f"tasks?sort_by=due_date&with_total=true&cursor={cursors[1]}")
    yield "getTask", lambda person: person.get(f"tasks/{ids[0]}")
    yield "updateTask", lambda person: person.patch(f"tasks/{ids[0]}", json={"tags": ["c", "a"], "priority": "Low"})
    yield "updateTask", lambda person: person.patch(f"tasks/{ids[0]}", json={"tags": ["c", "a"]})
    yield "putTask", lambda person: person.put(f"tasks/{ids[1]}", json={"title": "New", "due_date": None})
    yield "toggleTaskCompletion", lambda person: person.patch(f"tasks/{ids[2]}/complete")
    yield "toggleTaskCompletion", lambda person: person.patch(f"tasks/{ids[2]}/complete", json={"completed": False})
    yield "listTags", lambda person: person.get("tags")
    yield "listTags", lambda person: person.get("tags?search=A&limit=1")
    yield "deleteTask", lambda person: person.delete(f"tasks/{ids[0]}")
    yield "getTask", lambda person: person.get(f"tasks/{ids[0]}")
    yield "listTags", lambda person: person.get("tags")
    yield "listTasks", lambda person: person.get("tasks")
