"""GET /api/{user_id}/tags"""

from tests.client import Person


def test_most_used_first_then_by_name(ann: Person) -> None:
    assert ann.get("tags").json() == []
    for tags in (["b", "a"], ["b", "c"], ["B"]):
        ann.creates(tags=tags)
    assert ann.get("tags").json() == [
        {"name": "b", "usage_count": 2},
        {"name": "B", "usage_count": 1},
        {"name": "a", "usage_count": 1},
        {"name": "c", "usage_count": 1},
    ]


def test_a_tag_that_no_task_uses_is_gone_and_can_come_back(ann: Person) -> None:
    task = ann.creates(tags=["a"])
    ann.patch(f"tasks/{task['id']}", json={"tags": []})
    assert ann.get("tags").json() == []
    ann.creates(tags=["a"])
    assert ann.get("tags").json() == [{"name": "a", "usage_count": 1}]


def test_strangers_see_their_own_only(ann: Person, bob: Person) -> None:
    ann.creates(tags=["mine"])
    assert bob.get("tags").json() == []
