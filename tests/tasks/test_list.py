"""GET /api/{user_id}/tasks"""

import pytest

from tests.client import Person, errors_of


def test_an_empty_list(ann: Person) -> None:
    answer = ann.get("tasks")
    assert answer.status_code == 200
    assert answer.json() == {"data": [], "total": 0, "limit": 50, "offset": 0, "next_cursor": None}


def test_newest_first_with_their_tags(ann: Person) -> None:
    tasks = [ann.creates(title=str(n), tags=[f"t{n}", "all"]) for n in range(3)]
    assert ann.get("tasks").json()["data"] == tasks[::-1]


def test_pages_tile_the_list(ann: Person) -> None:
    tasks = [ann.creates(title=str(n), tags=["t"]) for n in range(7)][::-1]
    for offset in range(9):
        page = ann.get("tasks", params={"limit": 3, "offset": offset}).json()
        assert page["data"] == tasks[offset : offset + 3]
        assert (page["total"], page["limit"], page["offset"]) == (7, 3, offset)


def test_strangers_see_their_own_only(ann: Person, bob: Person) -> None:
    mine = ann.creates(tags=["shared name"])
    theirs = bob.creates(tags=["shared name"])
    assert ann.get("tasks").json()["data"] == [mine]
    assert bob.get("tasks").json()["data"] == [theirs]


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", [("query.limit", "greater_than_equal")]),
        ("limit=101", [("query.limit", "less_than_equal")]),
        ("limit=", [("query.limit", "int_type")]),
        ("limit=1e2", [("query.limit", "int_type")]),
        ("limit=1.0", [("query.limit", "int_type")]),
        ("limit=%2B5", [("query.limit", "int_type")]),
        ("limit=05", [("query.limit", "int_type")]),
        ("limit=%D9%A3", [("query.limit", "int_type")]),
        ("limit=true", [("query.limit", "int_type")]),
        ("offset=-1", [("query.offset", "greater_than_equal")]),
        ("offset=100001", [("query.offset", "less_than_equal")]),
        ("offset=" + "9" * 400, [("query.offset", "int_type")]),
        ("limit=10&limit=10", [("query.limit", "repeated")]),
        ("page=2", [("query.page", "extra_forbidden")]),
        ("Limit=2&offset=x", [("query.Limit", "extra_forbidden"), ("query.offset", "int_type")]),
        ("limit=%ff", [("query.limit", "string_unicode")]),
    ],
)
def test_bad_parameters_are_all_named(ann: Person, query: str, errors: list[tuple[str, str]]) -> None:
    assert errors_of(ann.get(f"tasks?{query}")) == errors
