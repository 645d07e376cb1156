"""GET /api/{user_id}/tags"""

import pytest

from tests.support.client import Person, errors_of


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


def names(person: Person, **query: str) -> list[str]:
    answer = person.get("tags", params=query)
    assert answer.status_code == 200, answer.text
    return [tag["name"] for tag in answer.json()]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", ["Straße", "Shop", "50%", "50x", "_a", "a_", "e\u0301t", "shopping", "İzmir", "\U0010ffff"]),
        ("SHOP", ["Shop", "shopping"]),
        (" shop ", ["Shop", "shopping"]),
        ("shopping ", ["shopping"]),
        ("hop", []),
        ("strass", ["Straße"]),
        ("50%", ["50%"]),
        ("50", ["50%", "50x"]),
        ("%", []),
        ("_", ["_a"]),
        ("\\", []),
        ("É", ["e\u0301t"]),
        ("iz", ["İzmir"]),
        ("\U0010ffff", ["\U0010ffff"]),
    ],
)
def test_names_are_found_by_their_beginning(ann: Person, search: str, expected: list[str]) -> None:
    ann.creates(tags=["Straße", "Shop", "shopping", "50%", "50x", "_a", "a_", "e\u0301t", "İzmir", "\U0010ffff"])
    ann.creates(tags=["Straße", "Shop"])
    ann.creates(tags=["Straße"])
    assert names(ann, search=search) == expected


def test_as_many_as_asked_for(ann: Person) -> None:
    ann.creates(tags=["a", "b", "c"])
    assert names(ann, limit="2") == ["a", "b"]
    assert names(ann, limit="1", search="B") == ["b"]


def test_counts_follow_every_change(ann: Person) -> None:
    tasks = [ann.creates(tags=["a"]) for _ in range(3)]
    ann.patch(f"tasks/{tasks[0]['id']}", json={"tags": ["b", "a"]})
    ann.delete(f"tasks/{tasks[1]['id']}")
    assert ann.get("tags").json() == [{"name": "a", "usage_count": 2}, {"name": "b", "usage_count": 1}]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", [("query.limit", "greater_than_equal")]),
        ("limit=1001", [("query.limit", "less_than_equal")]),
        ("search=" + "x" * 51, [("query.search", "string_too_long")]),
        ("search=%00", [("query.search", "string_pattern_mismatch")]),
        ("search=a&search=b&offset=1", [("query.offset", "extra_forbidden"), ("query.search", "repeated")]),
    ],
)
def test_bad_parameters_are_all_named(ann: Person, query: str, errors: list[tuple[str, str]]) -> None:
    assert errors_of(ann.get(f"tags?{query}")) == errors
