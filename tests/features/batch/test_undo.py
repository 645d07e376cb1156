"""Undo of a batch."""

from tests.architecture.test_migrations import run
from tests.features.batch.test_batch import batch, create, delete, restore, update
from tests.features.changes.test_list import held
from tests.features.tags.test_rename import tags
from tests.features.trash.test_restore import WHOLE, trash
from tests.features.undo.test_undo import NEW, assert_same_but_version, undo, undone
from tests.support.client import Person


def test_one_undo_takes_back_a_whole_batch(ann: Person) -> None:
    changed, removed, back = ann.creates(**WHOLE), ann.creates(**WHOLE), ann.creates(**NEW)
    ann.delete(f"tasks/{back['id']}")
    before, names = held(ann), tags(ann)
    done = batch(ann, create(tags=["x"]), update(changed["id"], NEW), delete(removed["id"]), restore(back["id"]))
    assert done.status_code == 200, done.text
    created = done.json()["results"][0]["task"]
    after = held(ann)
    last = int(done.headers["change-id"])
    assert [undo(ann, number).json()["code"] for number in range(last - 3, last)] == ["change_not_found"] * 3
    answer = undone(ann, done)
    assert held(ann).keys() == before.keys()
    for task_id, task in before.items():
        assert_same_but_version(held(ann)[task_id], task)
    assert tags(ann) == names
    assert {entry["task"]["id"] for entry in trash(ann)} == {created["id"], back["id"]}
    ids = {change["task"]["id"] if change["kind"] == "task" else change["id"] for change in answer.json()["changes"]}
    assert ids == {created["id"], changed["id"], removed["id"], back["id"]}
    undone(ann, answer)
    assert held(ann).keys() == after.keys()
    for task_id, task in after.items():
        assert_same_but_version(held(ann)[task_id], task)


def test_a_batch_of_other_tags_for_each_task_is_taken_back(ann: Person, database_url: str) -> None:
    """Such entries are taken back in single statements, with the folded names that each of them keeps."""
    tasks = [ann.creates(tags=[name, "a"]) for name in ("ß", "ﬁ", "ŉ")]
    run(database_url, f"update heads set made_at = '2026-01-01' where user_id = '{ann.user_id}'")
    folded = f"select name, name_folded from tags where user_id = '{ann.user_id}' order by name"
    before = run(database_url, folded)
    done = batch(ann, *(update(task["id"], {"tags": [f"t{place}"]}) for place, task in enumerate(tasks)))
    assert tags(ann) == {"t0": 1, "t1": 1, "t2": 1}
    assert [row["name"] for row in run(database_url, folded)] == ["t0", "t1", "t2"]
    undone(ann, done)
    for task in tasks:
        assert_same_but_version(ann.sees(task["id"]), task)
    assert run(database_url, folded) == before


def test_a_field_that_was_changed_since_a_batch_stays(ann: Person) -> None:
    changed, other = ann.creates(title="One"), ann.creates(title="One")
    done = batch(ann, update(changed["id"], {"title": "Two"}), update(other["id"], {"title": "Two"}))
    ann.patch(f"tasks/{changed['id']}", json={"title": "Three"})
    answer = undo(ann, done)
    assert (answer.status_code, answer.json()["conflicts"]) == (200, [{"id": changed["id"], "fields": ["title"]}])
    assert (ann.sees(changed["id"])["title"], ann.sees(other["id"])["title"]) == ("Three", "One")
