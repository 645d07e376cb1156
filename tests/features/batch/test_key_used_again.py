"""An Idempotency-Key of a batch that is older than seven days, and is used for another request."""

from tests.features.tasks.test_idempotency_key import age
from tests.support.client import Person


def test_a_key_that_was_of_a_batch_is_a_new_key_after_seven_days(ann: Person, database_url: str) -> None:
    """The answers that were kept of the batch are not those of the create."""
    key = {"Idempotency-Key": "k"}
    batch = {"operations": [{"op": "create", "task": {"title": "old"}}]}
    assert ann.post("batch", json=batch, headers=key).status_code == 200
    age(ann, database_url, 24 * 7 + 1)
    created = ann.post("tasks", json={"title": "new"}, headers=key)
    assert created.status_code == 201
    assert ann.post("tasks", json={"title": "new"}, headers=key).content == created.content
    ann.delete(f"tasks/{created.json()['id']}")
    again = ann.post("tasks", json={"title": "new"}, headers=key)
    assert (again.status_code, again.json()["code"]) == (410, "task_deleted")
    restored = ann.post(f"trash/{created.json()['id']}/restore")
    assert restored.status_code == 200


def test_a_restore_with_such_a_key_is_410_after_the_task_was_deleted(ann: Person, database_url: str) -> None:
    key = {"Idempotency-Key": "k"}
    batch = {"operations": [{"op": "create", "task": {"title": "old"}}]}
    task = ann.post("batch", json=batch, headers=key).json()["results"][0]["task"]
    ann.delete(f"tasks/{task['id']}")
    age(ann, database_url, 24 * 7 + 1)
    assert ann.post(f"trash/{task['id']}/restore", headers=key).status_code == 200
    ann.delete(f"tasks/{task['id']}")
    again = ann.post(f"trash/{task['id']}/restore", headers=key)
    assert (again.status_code, again.json()["code"]) == (410, "task_deleted")
