"""PATCH /api/{user_id}/tags/{name}"""

from typing import Any

import httpx
import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import Device, held
from tests.support.client import Json, Person, errors_of


def rename(person: Person, name: str, new_name: str) -> httpx.Response:
    return person.patch(f"tags/{name}", json={"name": new_name})


def tags(person: Person) -> dict[str, int]:
    return {tag["name"]: tag["usage_count"] for tag in person.get("tags").json()}


def log(url: str, person: Person) -> list[dict[str, Any]]:
    sql = f"select revision, task_id::text, op, version, before, batch from changes where user_id = '{person.user_id}'"
    return [dict(row) for row in run(url, f"{sql} order by revision")]


def assert_retagged(before: Json, after: Json, names: list[str]) -> None:
    """The task has these tags and the next version, and everything else is as before."""
    assert after["updated_at"] > before["updated_at"]
    expected = {"tags": names, "version": before["version"] + 1, "updated_at": after["updated_at"]}
    assert after == before | expected


def test_every_task_with_the_tag_has_the_new_name_and_no_other_task_changes(ann: Person, bob: Person) -> None:
    tasks = [ann.creates(tags=names) for names in (["b"], ["a", "b", "c"], ["c"], [])]
    strangers = bob.creates(tags=["b"])
    answer = rename(ann, "b", "z")
    assert (answer.status_code, answer.json()) == (200, {"name": "z", "usage_count": 2})
    assert answer.headers["change-id"] == "6"
    assert_retagged(tasks[0], ann.sees(tasks[0]["id"]), ["z"])
    assert_retagged(tasks[1], ann.sees(tasks[1]["id"]), ["a", "c", "z"])
    assert [ann.sees(task["id"]) for task in tasks[2:]] == tasks[2:]
    assert bob.sees(strangers["id"]) == strangers
    assert tags(ann) == {"c": 2, "z": 2, "a": 1}


def test_a_rename_into_a_tag_merges_the_two_and_a_task_that_has_both_keeps_one(ann: Person) -> None:
    former, both, latter = (ann.creates(tags=names) for names in (["a"], ["a", "b"], ["b"]))
    answer = rename(ann, "a", "b")
    assert answer.json() == {"name": "b", "usage_count": 3}
    assert_retagged(former, ann.sees(former["id"]), ["b"])
    assert_retagged(both, ann.sees(both["id"]), ["b"])
    assert ann.sees(latter["id"]) == latter, "it has the tag already"
    assert tags(ann) == {"b": 3}


def test_each_task_has_an_entry_in_the_log_and_the_entries_of_a_call_are_one_batch(
    ann: Person, database_url: str
) -> None:
    tasks = [ann.creates(tags=["a", "b"]), ann.creates(tags=["a"])]
    answer = rename(ann, "a", "b")
    entries = log(database_url, ann)[2:]
    assert [entry["revision"] for entry in entries] == [3, 4]
    assert answer.headers["change-id"] == "4"
    befores = {entry["task_id"]: entry["before"] for entry in entries}
    assert befores == {tasks[0]["id"]: '{"tags": ["a", "b"]}', tasks[1]["id"]: '{"tags": ["a"]}'}
    assert {(entry["op"], entry["version"], entry["batch"]) for entry in entries} == {("change", 2, 3)}
    ann.patch(f"tasks/{tasks[0]['id']}", json={"title": "New"})
    assert log(database_url, ann)[4]["batch"] is None
    rename(ann, "b", "c")
    assert [entry["batch"] for entry in log(database_url, ann)[5:]] == [6, 6]


def test_a_stale_device_learns_that_the_tags_changed(ann: Person) -> None:
    task = ann.creates(tags=["a"])
    path = f"tasks/{task['id']}"
    ann.patch(path, json={"title": "New"})
    rename(ann, "a", "b")
    for version, changed in (("1", ["title", "tags"]), ("2", ["tags"])):
        answer = ann.patch(path, json={"tags": []}, headers={"If-Match": f'"{version}"'})
        assert (answer.status_code, answer.json()["changed"]) == (412, changed)
    merged = ann.patch(f"{path}?on_stale=merge", json={"priority": "Low"}, headers={"If-Match": '"2"'})
    assert merged.status_code == 200
    assert ann.patch(f"{path}?on_stale=merge", json={"tags": []}, headers={"If-Match": '"2"'}).status_code == 412


def test_the_fields_of_tasks_from_before_there_were_field_versions_are_known(ann: Person, database_url: str) -> None:
    task = ann.creates(tags=["a"])
    run(database_url, f"update tasks set field_versions = null where user_id = '{ann.user_id}'")
    rename(ann, "a", "b")
    answer = ann.patch(f"tasks/{task['id']}", json={"title": "New"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["changed"]) == (412, ["tags"])


def test_the_feed_of_changes_has_each_task_once(ann: Person) -> None:
    for names in (["a"], ["a", "b"], ["b"], ["c"]):
        ann.creates(tags=names)
    device = Device(ann, limit=2)
    device.sync()
    device.pages.clear()
    rename(ann, "a", "b")
    answer = rename(ann, "b", "d")
    device.sync()
    ids = [change["task"]["id"] for page in device.pages for change in page["changes"]]
    assert len(ids) == len(set(ids)) == 3
    assert device.pages[-1]["change_id"] == int(answer.headers["change-id"]) == 9
    assert device.tasks == held(ann)


def test_filters_and_the_search_for_names_know_the_new_name_only(ann: Person) -> None:
    task = ann.creates(tags=["shopping"])
    rename(ann, "shopping", "Straße")
    assert [found["id"] for found in ann.get("tasks?tags=Straße").json()["data"]] == [task["id"]]
    assert ann.get("tasks?tags=shopping").json()["data"] == []
    assert [tag["name"] for tag in ann.get("tags?search=strass").json()] == ["Straße"]
    assert ann.get("tags?search=shop").json() == []


def test_a_name_in_other_case_is_another_name(ann: Person) -> None:
    ann.creates(tags=["shop"])
    assert rename(ann, "Shop", "x").status_code == 404
    assert rename(ann, "shop", "Shop").json() == {"name": "Shop", "usage_count": 1}
    assert tags(ann) == {"Shop": 1}


def test_a_task_may_have_twenty_tags(ann: Person) -> None:
    task = ann.creates(tags=[f"{number:02}" for number in range(20)])
    assert rename(ann, "05", "new").status_code == 200
    assert len(ann.sees(task["id"])["tags"]) == 20
    assert rename(ann, "new", "00").json() == {"name": "00", "usage_count": 1}
    assert len(ann.sees(task["id"])["tags"]) == 19


def test_a_rename_to_the_same_name_writes_nothing(ann: Person, database_url: str) -> None:
    task = ann.creates(tags=["a"])
    answer = rename(ann, "a", " a ")
    assert (answer.status_code, answer.json()) == (200, {"name": "a", "usage_count": 1})
    assert "change-id" not in answer.headers
    assert ann.sees(task["id"]) == task
    assert len(log(database_url, ann)) == 1


def test_a_tag_of_no_task_is_404_and_nothing_is_written(ann: Person, bob: Person, database_url: str) -> None:
    bob.creates(tags=["theirs"])
    assert rename(ann, "theirs", "mine").json()["code"] == "tag_not_found"
    task = ann.creates(tags=["a"])
    ann.patch(f"tasks/{task['id']}", json={"tags": []})
    for name, new_name in (("a", "b"), ("a", "a"), ("theirs", "a"), ("x" * 51, "a"), ("%00", "a"), ("%FF", "a")):
        answer = rename(ann, name, new_name)
        assert (answer.status_code, answer.json()["code"]) == (404, "tag_not_found"), name
        assert "change-id" not in answer.headers
    assert len(log(database_url, ann)) == 2
    assert tags(bob) == {"theirs": 1}


def test_a_repeated_rename_is_404_and_the_list_has_the_new_name(ann: Person) -> None:
    ann.creates(tags=["a"])
    assert [rename(ann, "a", "b").status_code for _ in range(2)] == [200, 404]
    assert tags(ann) == {"b": 1}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": ""}, [("body.name", "string_too_short")]),
        ({"name": "  "}, [("body.name", "string_too_short")]),
        ({"name": "x" * 51}, [("body.name", "string_too_long")]),
        ({"name": "a\x00"}, [("body.name", "string_pattern_mismatch")]),
        ({"name": None}, [("body.name", "string_type")]),
        ({"name": 1}, [("body.name", "string_type")]),
        ({}, [("body.name", "missing")]),
        ({"name": "b", "color": "red"}, [("body.color", "extra_forbidden")]),
    ],
)
def test_a_bad_body_is_400(ann: Person, body: Json, errors: list[tuple[str, str]]) -> None:
    ann.creates(tags=["a"])
    assert errors_of(ann.patch("tags/a", json=body)) == errors
    assert tags(ann) == {"a": 1}


def test_unknown_parameters_and_other_methods_are_refused(ann: Person) -> None:
    # The answer to a missing body must not depend on whether the document was made before.
    assert ann.get("/openapi.json").is_success
    assert errors_of(ann.patch("tags/a?b=c", json={"name": "b"})) == [("query.b", "extra_forbidden")]
    assert errors_of(ann.patch("tags/a")) == [("body", "missing")]
    assert ann.get("tags/a").status_code == 405
    assert ann.patch("tags", json={"name": "b"}).status_code == 405
    assert ann.patch("tags/a/b", json={"name": "b"}).json()["code"] == "not_found"
