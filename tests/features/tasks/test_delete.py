"""DELETE /api/{user_id}/tasks/{task_id}"""

from uuid import uuid4

from tests.support.client import Person


def test_a_task_goes_with_its_links(ann: Person) -> None:
    gone, kept = ann.creates(tags=["a", "b"]), ann.creates(tags=["b"])
    answer = ann.delete(f"tasks/{gone['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ann.get(f"tasks/{gone['id']}").status_code == 404
    assert ann.delete(f"tasks/{gone['id']}").status_code == 404
    assert ann.get("tasks").json()["data"] == [kept]
    assert ann.get("tags").json() == [{"name": "b", "usage_count": 1}]


def test_a_stranger_gets_404_and_deletes_nothing(ann: Person, bob: Person) -> None:
    task = ann.creates(tags=["a"])
    strangers, unknown = bob.delete(f"tasks/{task['id']}"), bob.delete(f"tasks/{uuid4()}")
    assert (strangers.status_code, strangers.content) == (404, unknown.content)
    assert ann.sees(task["id"]) == task
