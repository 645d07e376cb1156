"""Batches whose operations have the longest texts and the most tags.

100 of them take 1.6 s of the time limit of 4 s (docs/performance.md). Here are fewer, so that a busy machine cannot
reach the limit.
"""

import httpx

from tests.features.batch.test_batch import batch, create, update
from tests.support.client import Json, Person

OPERATIONS = 20


def content(letter: str, number: int) -> Json:
    """The longest texts, and 20 tags that no other task has."""
    tags = [f"{letter}{number:03}{place:02}".ljust(50, "x") for place in range(20)]
    return {"title": letter * 200, "description": f"{number} {letter * 990}", "tags": tags, "priority": "High"}


def test_changes_of_all_fields_and_twenty_tags(ann: Person) -> None:
    """Each change makes 20 tags and forgets 20."""
    created = batch(ann, *(create(**content("a", number)) for number in range(OPERATIONS)))
    assert created.status_code == 200, created.text
    ids = [result["task"]["id"] for result in created.json()["results"]]
    changed: httpx.Response = batch(
        ann, *(update(each, content("b", number)) for number, each in enumerate(ids)), key="heavy"
    )
    assert changed.status_code == 200, changed.text
    assert [result["task"]["tags"][0][0] for result in changed.json()["results"]] == ["b"] * OPERATIONS
