"""GET /api/{user_id}/tasks/{task_id}"""

from uuid import UUID, uuid4

import pytest

from tests.support.client import Person, errors_of

GONE = {"detail": "The task was not found.", "code": "task_not_found"}


def test_an_unknown_id_gets_404(ann: Person) -> None:
    answer = ann.get(f"tasks/{uuid4()}")
    assert (answer.status_code, answer.json()) == (404, GONE)


def test_a_stranger_gets_404(ann: Person, bob: Person) -> None:
    strangers, unknown = bob.get(f"tasks/{ann.creates()['id']}"), bob.get(f"tasks/{uuid4()}")
    assert strangers.status_code == 404
    assert strangers.content == unknown.content
    varying = {"x-request-id", "date"}
    assert {h: v for h, v in strangers.headers.items() if h not in varying} == {
        h: v for h, v in unknown.headers.items() if h not in varying
    }


@pytest.mark.parametrize(
    "nonsense", ["1", "abc", "urn:uuid:{}", "{{{}}}", "%00", "%2e%2e", "%ff", "null", "-1", "9" * 400]
)
def test_a_malformed_id_gets_404(ann: Person, nonsense: str) -> None:
    assert ann.get(f"tasks/{nonsense.format(ann.creates()['id'])}").status_code == 404


def test_an_id_may_be_in_upper_case_but_not_without_hyphens(ann: Person) -> None:
    task = ann.creates()
    assert ann.sees(task["id"].upper()) == task
    assert ann.get(f"tasks/{UUID(task['id']).hex}").json() == GONE


def test_head_is_get_without_the_body(ann: Person) -> None:
    path = f"tasks/{ann.creates()['id']}"
    get, head = ann.get(path), ann.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert ann.head(f"tasks/{uuid4()}").status_code == 404


def test_unknown_parameters_are_named(ann: Person) -> None:
    assert errors_of(ann.get(f"tasks/{uuid4()}?expand=tags")) == [("query.expand", "extra_forbidden")]
