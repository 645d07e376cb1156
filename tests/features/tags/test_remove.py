"""DELETE /api/{user_id}/tags/{name}"""

from tests.features.changes.test_list import Device, held
from tests.features.tags.test_rename import assert_retagged, log, tags
from tests.support.client import Person


def test_the_tag_is_off_all_tasks_which_stay(ann: Person, bob: Person) -> None:
    tasks = [ann.creates(tags=names) for names in (["b"], ["a", "b", "c"], ["c"])]
    bob.creates(tags=["b"])
    answer = ann.delete("tags/b")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["change-id"] == "5"
    assert_retagged(tasks[0], ann.sees(tasks[0]["id"]), [])
    assert_retagged(tasks[1], ann.sees(tasks[1]["id"]), ["a", "c"])
    assert ann.sees(tasks[2]["id"]) == tasks[2]
    assert (tags(ann), tags(bob)) == ({"c": 2, "a": 1}, {"b": 1})
    assert ann.get("tasks?tags=b").json()["data"] == []


def test_each_task_has_an_entry_in_the_log(ann: Person, database_url: str) -> None:
    task = ann.creates(tags=["a", "b"])
    ann.delete("tags/a")
    assert log(database_url, ann)[1] == {
        "revision": 2,
        "task_id": task["id"],
        "op": "change",
        "version": 2,
        "before": '{"tags": ["a", "b"]}',
        "batch": 2,
    }


def test_the_feed_of_changes_has_each_task_once(ann: Person) -> None:
    for names in (["a"], ["a", "b"], ["b"]):
        ann.creates(tags=names)
    device = Device(ann)
    device.sync()
    ann.delete("tags/a")
    page = device.read_page()
    assert len(page["changes"]) == 2
    assert device.tasks == held(ann)


def test_a_tag_of_no_task_is_404(ann: Person) -> None:
    ann.creates(tags=["a"])
    assert [ann.delete(f"tags/{name}").status_code for name in ("b", "a", "a", "%20", "%C3")] == [
        404,
        204,
        404,
        404,
        404,
    ]
    answer = ann.delete("tags/a")
    assert answer.json()["code"] == "tag_not_found"
    assert "change-id" not in answer.headers
