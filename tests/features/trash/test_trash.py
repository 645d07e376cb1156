"""GET /api/{user_id}/trash."""

import json

from tests.architecture.test_migrations import run
from tests.features.trash.test_restore import age, deleted, restore, trash
from tests.support.client import Person, errors_of


def test_the_trash_has_the_last_deleted_task_first_in_pages(ann: Person) -> None:
    tasks = [deleted(ann, title=f"{number}") for number in range(5)]
    titles, cursor = [], None
    while True:
        page = ann.get("trash", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        titles.append([entry["task"]["title"] for entry in page["data"]])
        if (cursor := page["next_cursor"]) is None:
            break
        restore(ann, tasks[4]["id"])
    assert titles == [["4", "3"], ["2", "1"], ["0"]]


def test_a_bad_cursor_and_unknown_parameters_are_400(ann: Person, bob: Person) -> None:
    for _ in range(2):
        deleted(bob)
        deleted(ann)
    theirs = bob.get("trash?limit=1").json()["next_cursor"]
    for cursor in (theirs, "x", ann.get("tasks").headers["etag"]):
        assert errors_of(ann.get("trash", params={"cursor": cursor})) == [("query.cursor", "cursor_invalid")]
    assert errors_of(ann.get("trash?limit=101&search=a")) == [
        ("query.limit", "less_than_equal"),
        ("query.search", "extra_forbidden"),
    ]


def test_a_row_of_an_earlier_release_comes_back_whole(ann: Person, database_url: str) -> None:
    """Its entry in the log has only the columns that there were first."""
    task = deleted(ann, title="Old", description="D", priority="High", due_date="2026-12-24", tags=["a"])
    first = ("title", "description", "priority", "due_date", "completed_at", "created_at", "updated_at", "version")
    (row,) = run(database_url, f"select before from changes where user_id = '{ann.user_id}' and op = 'remove'")
    content = json.loads(row["before"])
    old = json.dumps({name: content[name] for name in (*first, "tags")})
    run(database_url, f"update changes set before = '{old}' where user_id = '{ann.user_id}' and op = 'remove'")
    assert trash(ann)[0]["task"] == task | {"version": 2}
    restored = restore(ann, task["id"]).json()
    assert restored == task | {"version": 3, "updated_at": restored["updated_at"]}
    assert ann.patch(f"tasks/{task['id']}", json={"title": "x"}, headers={"If-Match": '"1"'}).json()["changed"] == []


def test_a_task_that_was_deleted_long_ago_is_hidden_at_once(ann: Person, database_url: str) -> None:
    old = deleted(ann, title="old")
    age(database_url, ann, 20)
    young = deleted(ann, title="young")
    age(database_url, ann, 10.01)
    assert [entry["task"]["id"] for entry in trash(ann)] == [young["id"]]
    assert restore(ann, old["id"]).status_code == 404
    assert restore(ann, young["id"]).status_code == 200


def test_the_etag_of_the_trash(ann: Person, database_url: str) -> None:
    old = deleted(ann, title="old")
    age(database_url, ann, 29)
    deleted(ann)
    for made_at in ("made_at", "'2026-01-01'"):  # In the first day of a user the ETag is a hash.
        run(
            database_url,
            f"update heads set made_at = {made_at} where user_id = '{ann.user_id}'",
        )
        etag = ann.get("trash").headers["etag"]
        assert ann.get("trash", headers={"If-None-Match": etag}).status_code == 304
    age(database_url, ann, 1.01)
    answer = ann.get("trash", headers={"If-None-Match": etag})
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1), "its time is over, without a write"
    assert restore(ann, old["id"]).status_code == 404
    etag = answer.headers["etag"]
    ann.creates()
    assert ann.get("trash", headers={"If-None-Match": etag}).status_code == 200
