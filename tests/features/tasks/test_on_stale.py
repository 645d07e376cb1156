"""`on_stale=merge`: a change for an older version is made if none of its fields has changed since."""

import pytest

from tests.support.client import Json, Person


@pytest.fixture
def edited(ann: Person) -> Json:
    """Version 4. The title changed in version 2, the tags in 3, the completion in 4."""
    made = ann.creates(title="Milk", tags=["a"])
    ann.patch(f"tasks/{made['id']}", json={"title": "Bread"})
    ann.patch(f"tasks/{made['id']}", json={"tags": ["b"]})
    ann.patch(f"tasks/{made['id']}/complete")
    return ann.sees(made["id"])


@pytest.mark.parametrize(
    ("if_match", "body", "status"),
    [
        ('"1"', {"description": "rye", "priority": "High", "due_date": "2026-12-24"}, 200),
        ('"1"', {"title": "Rolls"}, 412),
        ('"1"', {"description": "rye", "tags": ["c"]}, 412),
        ('"2"', {"title": "Rolls"}, 200),
        ('"2"', {"tags": ["c"]}, 412),
        ('"3"', {"title": "Rolls", "tags": ["c"]}, 200),
        ('"3"', {"completed": False}, 412),
        ('"4"', {"completed": False}, 200),
        ('"1", "3"', {"tags": ["c"]}, 200),
        ('"7"', {"priority": "High"}, 412),
        ('W/"1"', {"priority": "High"}, 412),
        ('"1"', {}, 200),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_is_merged_if_its_fields_are_as_they_were(  # noqa: PLR0917 - the cases are a table
    ann: Person, edited: Json, method: str, if_match: str, body: Json, status: int
) -> None:
    path = f"tasks/{edited['id']}"
    answer = ann.request(method, f"{path}?on_stale=merge", json=body, headers={"If-Match": if_match})
    assert answer.status_code == status, answer.text
    if status == 200:
        expected = {**edited, **body}
        assert {name: answer.json()[name] for name in ("title", "description", "priority", "due_date", "tags")} == {
            name: expected[name] for name in ("title", "description", "priority", "due_date", "tags")
        }
        assert answer.json()["version"] == edited["version"] + bool(body)
    else:
        assert answer.json()["code"] == "stale_version"
        assert answer.json()["current"] == edited == ann.sees(edited["id"])


def test_without_it_a_stale_change_is_refused(ann: Person, edited: Json) -> None:
    for query in ("", "?on_stale=refuse"):
        answer = ann.patch(f"tasks/{edited['id']}{query}", json={"priority": "High"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 412


def test_without_if_match_it_has_no_effect(ann: Person, edited: Json) -> None:
    answer = ann.patch(f"tasks/{edited['id']}?on_stale=merge", json={"title": "Rolls"})
    assert (answer.status_code, answer.json()["version"]) == (200, 5)


@pytest.mark.parametrize("query", ["on_stale=x", "on_stale=", "on_stale=merge&on_stale=merge", "onstale=merge"])
def test_another_value_is_400(ann: Person, edited: Json, query: str) -> None:
    assert ann.patch(f"tasks/{edited['id']}?{query}", json={}).status_code == 400


def test_the_version_in_a_whole_task_is_merged_too(ann: Person, edited: Json) -> None:
    """PUT of a task as it was read names every field, so it merges only if nothing has changed."""
    body = {**edited, "priority": "High"}
    assert ann.put(f"tasks/{edited['id']}?on_stale=merge", json=body).status_code == 200
    assert ann.put(f"tasks/{edited['id']}?on_stale=merge", json=body).status_code == 412
