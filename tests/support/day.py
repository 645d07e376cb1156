"""One user's day with the API: every operation at least once. Several tests run it and check different things."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx

from tests.support.client import Person
from tests.support.events import streaming

Step = Callable[[Person], httpx.Response]


def steps() -> Iterator[tuple[str, Step]]:
    """Operation ids, each with a call. Later calls use the tasks and cursors of earlier ones."""
    ids: list[str] = []
    cursors: list[str] = []
    changes: list[str] = []

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

    def next_changes(person: Person) -> httpx.Response:
        cursor = f"&cursor={changes[-1]}" if changes else ""
        answer = person.get(f"changes?limit=2{cursor}")
        changes.append(answer.json()["cursor"])
        return answer

    yield "listChanges", next_changes
    yield "createTask", create(tags=["b", "a"])
    yield "createTask", create(title="Plain", due_date="2026-12-31")
    yield "createTask", create(title="Ask", description="D", priority="High", due_date="2026-12-24", tags=["a"])
    yield "listChanges", next_changes
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
    yield from tag_steps()
    yield "listChanges", next_changes
    yield from batch_steps()
    yield from conditional_steps()
    yield "deleteTask", lambda person: person.delete(f"tasks/{ids[0]}")
    yield "getTask", lambda person: person.get(f"tasks/{ids[0]}")
    yield "streamEvents", lambda person: first_events(person, changes[-1])
    yield from trash_steps(ids)
    yield from undo_steps()
    yield "listChanges", next_changes
    yield "listChanges", next_changes
    yield "listTags", lambda person: person.get("tags")
    yield "listTasks", lambda person: person.get("tasks")


def first_events(person: Person, last_id: str) -> httpx.Response:
    """The two events of a stream that tell all changes. Their pauses are random, so they are left out."""
    with streaming(person, last_id) as events:
        text = "\n".join(f"{each.name} id: {each.id} {each.data}" for each in (events.next(), events.next()))
        return httpx.Response(events.answer.status_code, headers=events.answer.headers, text=text)


def trash_steps(ids: list[str]) -> Iterator[tuple[str, Step]]:
    """Looks into the trash, restores and purges tasks. `ids[0]` stays in the trash."""
    states: list[str] = []

    def look(person: Person) -> httpx.Response:
        answer = person.get("trash?limit=1", headers={"If-None-Match": states[-1]} if states else {})
        states.append(answer.headers["etag"])
        return answer

    yield "listTrash", look
    yield "listTrash", look
    yield "restoreTask", lambda person: person.post(f"trash/{ids[0]}/restore", headers={"Idempotency-Key": "restore"})
    yield "restoreTask", lambda person: person.post(f"trash/{ids[0]}/restore", headers={"Idempotency-Key": "restore"})
    yield "purgeTask", lambda person: person.delete(f"trash/{ids[0]}")
    yield "deleteTask", lambda person: person.delete(f"tasks/{ids[1]}")
    yield "purgeTask", lambda person: person.delete(f"trash/{ids[1]}", headers={"If-Match": '"1"'})
    yield "purgeTask", lambda person: person.delete(f"trash/{ids[1]}")
    yield "deleteTask", lambda person: person.delete(f"tasks/{ids[2]}")
    yield "emptyTrash", lambda person: person.delete("trash")
    yield "emptyTrash", lambda person: person.delete("trash")
    yield "deleteTask", lambda person: person.delete(f"tasks/{ids[0]}")


def undo_steps() -> Iterator[tuple[str, Step]]:
    """Takes back a create, a change, a rename of a tag on two tasks, and undos. It leaves no task."""
    ids: list[str] = []
    numbers: list[int] = []

    def write(method: str, path: str, body: object = None) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.request(method, path.format(*ids), json=body)
            ids.extend([answer.json()["id"]] if answer.status_code == 201 else [])
            numbers.append(int(answer.headers["change-id"]))
            return answer

        return call

    def undo(place: int, **headers: str) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.post("undo", json={"change_id": numbers[place]}, headers=headers)
            numbers.extend([int(answer.headers["change-id"])] if answer.status_code == 200 else [])
            return answer

        return call

    # A rename changes the tasks in the order of their ids, so the ids are made here, in order.
    first, second = sorted(str(uuid4()) for _ in range(2))
    yield "createTask", write("POST", "tasks", {"id": first, "title": "Undo", "tags": ["u", "v"]})
    yield "createTask", write("POST", "tasks", {"id": second, "title": "Undo", "tags": ["u"]})
    yield "updateTask", write("PATCH", "tasks/{0}", {"title": "Again", "tags": ["u"]})
    yield "undoChange", undo(-1)
    yield "undoChange", undo(-1)
    yield "renameTag", write("PATCH", "tags/u", {"name": "v"})
    yield "undoChange", undo(-1, **{"Idempotency-Key": "undo"})
    yield "undoChange", undo(-2, **{"Idempotency-Key": "undo"})
    yield "listHistory", lambda person: person.get(f"tasks/{ids[0]}/history")
    yield "listHistory", lambda person: person.get(f"tasks/{ids[0]}/history?limit=2")
    yield "undoChange", undo(0)
    yield "undoChange", undo(1)
    yield "undoChange", lambda person: person.post("undo", json={"change_id": 100_000})
    yield "deleteTask", write("DELETE", "tasks/{0}")
    yield "listHistory", lambda person: person.get(f"tasks/{ids[0]}/history")


def tag_steps() -> Iterator[tuple[str, Step]]:
    """Renames, merges and removals of tags. They leave the tags as they were."""
    yield "createTask", lambda person: person.post("tasks", json={"title": "Tags", "tags": ["x", "y/z"]})
    yield "renameTag", lambda person: person.patch("tags/x", json={"name": "w"})
    yield "renameTag", lambda person: person.patch("tags/w", json={"name": "w"})
    yield "renameTag", lambda person: person.patch("tags/y%2Fz", json={"name": "w"})
    yield "renameTag", lambda person: person.patch("tags/x", json={"name": "w"})
    yield "removeTag", lambda person: person.delete("tags/w")
    yield "removeTag", lambda person: person.delete("tags/w")


def batch_steps() -> Iterator[tuple[str, Step]]:
    """Batches that are carried out, refused and repeated. They leave no task."""
    new, key = str(uuid4()), uuid4().hex

    def batch(*operations: object, atomic: bool = True, key: str | None = None) -> Step:
        body = {"operations": operations, "atomic": atomic}
        headers = {} if key is None else {"Idempotency-Key": key}
        return lambda person: person.post("batch", json=body, headers=headers)

    create = {"op": "create", "task": {"id": new, "title": "Batch", "tags": ["b"]}}
    update = {"op": "update", "id": new, "if_version": 2, "task": {"completed": True}}
    yield "batchTasks", batch(create, key=key)
    yield "batchTasks", batch(create, key=key)
    yield "batchTasks", batch(create)
    yield "batchTasks", batch(update, atomic=False)
    yield "batchTasks", batch({**update, "if_version": 1})
    yield "batchTasks", batch({"op": "delete", "id": new})


def conditional_steps() -> Iterator[tuple[str, Step]]:
    """Calls with Idempotency-Key, If-None-Match and If-Match, whose conditions are true or false."""
    ids: list[str] = []
    tags: list[str] = []
    once, twice = uuid4().hex, uuid4().hex

    def create(key: str, **task: object) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.post("tasks", json=task, headers={"Idempotency-Key": key})
            ids.extend([answer.json()["id"]] if answer.status_code == 201 else [])
            return answer

        return call

    def look(path: str) -> Step:
        def call(person: Person) -> httpx.Response:
            answer = person.get(path.format(*ids))
            tags.append(answer.headers["etag"])
            return answer

        return call

    def look_again(path: str) -> Step:
        return lambda person: person.get(path.format(*ids), headers={"If-None-Match": tags[-1]})

    def if_match(tag: str, method: str, path: str, body: object = None) -> Step:
        return lambda person: person.request(method, path.format(*ids), json=body, headers={"If-Match": tag})

    yield "createTask", create(once, title="Once", tags=["a", "d"])
    yield "createTask", create(once, title="Once", tags=["d", "a"])
    yield "createTask", create(once, title="Twice")
    yield "createTask", create(twice, title="Twice")
    yield "getTask", look("tasks/{0}")
    yield "getTask", look_again("tasks/{0}")
    yield "listTasks", look("tasks?limit=2")
    yield "listTasks", look_again("tasks?limit=2")
    yield "listTags", look("tags")
    yield "listTags", look_again("tags")
    yield "updateTask", if_match('"1"', "PATCH", "tasks/{0}", {"title": "Stale soon"})
    yield "updateTask", if_match('"1"', "PATCH", "tasks/{0}", {"tags": ["e"]})
    yield "updateTask", if_match('"1"', "PATCH", "tasks/{0}", {})
    yield "putTask", if_match('"1", "2"', "PUT", "tasks/{0}", {"tags": ["e"], "completed": True})
    yield "toggleTaskCompletion", if_match('"2"', "PATCH", "tasks/{0}/complete")
    yield "toggleTaskCompletion", if_match('"3"', "PATCH", "tasks/{0}/complete")
    yield "listTags", lambda person: person.get("tags")
    yield "deleteTask", if_match('"1"', "DELETE", "tasks/{0}")
    yield "deleteTask", if_match('"4"', "DELETE", "tasks/{0}")
    yield "createTask", create(once, title="Once", tags=["a", "d"])


def last_steps() -> Iterator[tuple[str, Step]]:
    """The end of the account. The same person cannot begin another day: the token is refused."""

    def erase(person: Person, confirm: str) -> httpx.Response:
        return person.request("DELETE", f"/api/{person.user_id}", json={"confirm": confirm})

    yield "eraseAccount", lambda person: erase(person, "somebody-else")
    yield "eraseAccount", lambda person: erase(person, person.user_id)
    yield "eraseAccount", lambda person: erase(person, person.user_id)
    yield "createTask", lambda person: person.post("tasks", json={"title": "Unsent"})
    yield "listChanges", lambda person: person.get("changes")
    yield "listTasks", lambda person: person.get("tasks")
    yield "listTags", lambda person: person.get("tags")
