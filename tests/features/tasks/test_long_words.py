"""A searched word of more than `LONG_WORD` characters is found like a short one."""

import pytest

from tests.support.client import Person, errors_of
from todo_api.features.tasks.list_filters import LONG_WORD

LONG = "donaudampfschifffahrtsgesellschaftskapitänskajütentürschlüssellochabdeckung"
SPECIAL = r".*+?^$|()[]{}\d\m(?i)***=" * 3


@pytest.mark.parametrize(
    ("title", "description", "search"),
    [
        (LONG, None, LONG),
        (f"the {LONG}", None, LONG.upper()),
        (f"the-{LONG}-of", "and more", f"{LONG} more"),
        ("here", f"the {LONG}s", LONG),
        ("here", SPECIAL, SPECIAL),
        ("buy milk for the cat at home now", f"x{LONG} {SPECIAL}", f"{LONG} {SPECIAL} buy milk for the cat at home"),
        ("a" * 70 + "ing", None, "a" * 70 + "ed"),
        ("ß" * 100, None, "s" * 200),
        ("⁗" * 50, None, "′" * 200),
    ],
)
def test_it_finds(ann: Person, title: str, description: str | None, search: str) -> None:
    assert max(map(len, search.split())) > LONG_WORD
    ann.creates(title="something else", description="entirely")
    task = ann.creates(title=title, description=description)
    for query in ({}, {"with_total": "false"}, {"sort_by": "due_date"}):
        answer = ann.get("tasks", params={"search": search, **query})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] == [task]


@pytest.mark.parametrize(
    ("title", "search"),
    [
        ("a" * 70, "." * 70),
        ("a" * 70, "a" * 71),
        ("a" * 66, "a" * 65 + "%"),
        ("a" * 70, "a" * 69 + "?"),
        ("a" * 70, "a" * 70 + " b"),
        (LONG, LONG.replace("ä", "a")),
    ],
)
def test_it_does_not_find(ann: Person, title: str, search: str) -> None:
    ann.creates(title=title)
    assert ann.get("tasks", params={"search": search}).json()["data"] == []


def test_the_pages_of_a_search_for_a_long_word_follow_each_other(ann: Person) -> None:
    tasks = [ann.creates(title=LONG, description=str(number)) for number in range(3)]
    first = ann.get("tasks", params={"search": LONG, "limit": 2}).json()
    assert first["total"] == 3
    rest = ann.get("tasks", params={"search": LONG, "limit": 2, "cursor": first["next_cursor"]}).json()
    assert first["data"] + rest["data"] == tasks[::-1]


def test_a_searched_word_is_at_most_200_characters_long_after_folding(ann: Person) -> None:
    fourfold = "\u2057"
    task = ann.creates(title="long", description=fourfold * 50)
    answer = ann.get("tasks", params={"search": "long " + fourfold * 50})
    assert answer.json()["data"] == [task]
    refused = ann.get("tasks", params={"search": "long " + fourfold * 51})
    assert errors_of(refused) == [("query.search", "string_too_long")]
