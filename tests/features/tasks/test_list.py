"""GET /api/{user_id}/tasks"""

from typing import Any

import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Person, errors_of


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


def titles(person: Person, **query: Any) -> list[str]:
    answer = person.get("tasks", params=query)
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["data"]]


def test_tags_are_taken_with_and_without_brackets(ann: Person) -> None:
    for title, tags in (("ab", ["a", "b"]), ("bc", ["b", "c"]), ("c", ["c"]), ("none", [])):
        ann.creates(title=title, tags=tags)
    for name in ("tags", "tags[]"):
        assert titles(ann, **{name: ["a", "b"]}) == ["bc", "ab"]
        assert titles(ann, **{name: ["a", "b", " a "], "tags_match": "all"}) == ["ab"]
    both = ann.get("tasks?tags=a&tags[]=b&tags_match=all").json()
    assert [task["title"] for task in both["data"]] == ["ab"]
    assert titles(ann, tags="A") == []


def test_the_total_is_counted_or_null(ann: Person) -> None:
    for number in range(3):
        ann.creates(title=f"task {number}", due_date="2026-01-01")
    for query in ("", "search=task&", "status=pending&", "sort_by=due_date&", "due_to=2026-01-01&sort_by=title&"):
        assert ann.get(f"tasks?{query}limit=2").json()["total"] == 3
        assert ann.get(f"tasks?{query}limit=2&offset=100").json()["total"] == 3
        assert ann.get(f"tasks?{query}limit=2&with_total=false").json()["total"] is None
        first = ann.get(f"tasks?{query}limit=1").json()
        next_page = f"tasks?{query}limit=1&cursor={first['next_cursor']}"
        assert ann.get(next_page).json()["total"] is None
        assert ann.get(f"{next_page}&with_total=true").json()["total"] == 3


def test_a_task_without_a_due_date_comes_last_both_ways(ann: Person) -> None:
    for due in (None, "9999-12-31", "0001-01-01", None, "2026-01-01"):
        ann.creates(title=due or "none", due_date=due)
    expected = ["0001-01-01", "2026-01-01", "9999-12-31"]
    for query in ({}, {"with_total": "false"}, {"search": "1"}):
        nones = [] if "search" in query else ["none", "none"]
        assert titles(ann, sort_by="due_date", sort_direction="asc", **query) == expected + nones
        assert titles(ann, sort_by="due_date", sort_direction="desc", **query) == expected[::-1] + nones
    assert titles(ann, due_from="0001-01-01", sort_by="title", sort_direction="asc") == expected


def test_tasks_with_and_without_a_due_date(ann: Person) -> None:
    for due in (None, "9999-12-31", "0001-01-01"):
        ann.creates(title=due or "none", due_date=due)
    for sort in ("title", "due_date"):
        assert titles(ann, has_due_date="true", sort_by=sort, sort_direction="asc") == ["0001-01-01", "9999-12-31"]
        assert titles(ann, has_due_date="false", sort_by=sort) == ["none"]
    assert titles(ann, has_due_date="false", due_to="9999-12-31") == []
    assert titles(ann, has_due_date="true", due_to="2026-01-01") == ["0001-01-01"]


def test_days_of_completion_are_in_utc_and_inclusive(ann: Person, database_url: str) -> None:
    instants = [f"2026-{at}" for at in ("02-28 23:59:59.999999", "03-01 00:00", "03-01 23:59:59.999999", "03-02 00:00")]
    ann.creates(title="pending")
    for title in instants:
        task = ann.creates(title=title, completed=True)
        run(database_url, f"update tasks set completed_at = '{title}+00' where id = '{task['id']}'")
    ordered = {"sort_by": "title", "sort_direction": "asc"}
    assert titles(ann, completed_from="2026-03-01", completed_to="2026-03-01", **ordered) == instants[1:3]
    assert titles(ann, completed_from="2026-03-01", **ordered) == instants[1:]
    assert titles(ann, completed_to="2026-03-01", **ordered) == instants[:3]
    assert titles(ann, completed_from="0001-01-01", completed_to="9999-12-31", **ordered) == instants
    assert titles(ann, completed_from="2026-03-02", completed_to="2026-03-01") == []
    assert titles(ann, completed_from="2026-03-01", status="pending") == []


def test_titles_sort_without_regard_to_case(ann: Person) -> None:
    for title in ("b", "A", "a\u0301", "É", "e", "İz", "ıy", "Straße", "STRASSF"):
        ann.creates(title=title)
    assert titles(ann, sort_by="title", sort_direction="asc") == [
        "A",
        "b",
        "e",
        "ıy",
        "İz",
        "Straße",
        "STRASSF",
        "a\u0301",
        "É",
    ]


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
        ("search=" + "x" * 201, [("query.search", "string_too_long")]),
        ("search=a%00b", [("query.search", "string_pattern_mismatch")]),
        ("search=a&search=b", [("query.search", "repeated")]),
        ("status=done", [("query.status", "literal_error")]),
        ("status=", [("query.status", "literal_error")]),
        ("priority=high", [("query.priority", "literal_error")]),
        ("tags=", [("query.tags.0", "string_too_short")]),
        ("tags=a&tags=%20", [("query.tags.1", "string_too_short")]),
        ("tags[]=" + "x" * 51, [("query.tags[].0", "string_too_long")]),
        ("&".join(["tags=a"] * 21), [("query.tags", "too_long")]),
        ("tags[0]=a", [("query.tags[0]", "extra_forbidden")]),
        ("tags_match=both", [("query.tags_match", "literal_error")]),
        ("due_from=2026-02-30", [("query.due_from", "date_parsing")]),
        ("due_to=2026-1-1", [("query.due_to", "date_parsing")]),
        ("due_to=2026-01-01T00:00:00Z", [("query.due_to", "date_parsing")]),
        ("has_due_date=1", [("query.has_due_date", "bool_type")]),
        ("has_due_date=none", [("query.has_due_date", "bool_type")]),
        ("completed_from=yesterday", [("query.completed_from", "date_parsing")]),
        ("completed_to=2026-01-01T00:00:00Z", [("query.completed_to", "date_parsing")]),
        ("sort_by=id", [("query.sort_by", "literal_error")]),
        ("sort_direction=up", [("query.sort_direction", "literal_error")]),
        ("with_total=1", [("query.with_total", "bool_type")]),
        ("with_total=TRUE", [("query.with_total", "bool_type")]),
        ("cursor=", [("query.cursor", "string_too_short")]),
        ("cursor=nonsense", [("query.cursor", "cursor_invalid")]),
        ("cursor=nonsense&offset=1", [("query.offset", "cursor_and_offset")]),
        ("cursor=" + "A" * 4097, [("query.cursor", "string_too_long")]),
        (
            "status=x&tags=&due_to=x&cursor=&sort_by=x&y=1",
            [
                ("query.cursor", "string_too_short"),
                ("query.due_to", "date_parsing"),
                ("query.sort_by", "literal_error"),
                ("query.status", "literal_error"),
                ("query.tags.0", "string_too_short"),
                ("query.y", "extra_forbidden"),
            ],
        ),
    ],
)
def test_bad_parameters_are_all_named(ann: Person, query: str, errors: list[tuple[str, str]]) -> None:
    assert errors_of(ann.get(f"tasks?{query}")) == errors
