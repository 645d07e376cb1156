"""ETag and If-None-Match: one task and lists."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.client import Person, errors_of


def test_every_answer_with_one_task_has_its_version_as_etag(ann: Person) -> None:
    created = ann.post("tasks", json={"title": "Buy milk"})
    path = f"tasks/{created.json()['id']}"
    answers = [
        created,
        ann.get(path),
        ann.patch(path, json={"title": "New"}),
        ann.put(path, json={"tags": ["a"]}),
        ann.patch(path, json={}),
        ann.patch(f"{path}/complete"),
        ann.patch(f"{path}/complete", json={"completed": True}),
        ann.get(path),
        ann.head(path),
    ]
    assert [answer.headers["etag"] for answer in answers] == [f'"{version}"' for version in (1, 1, 2, 3, 3, 4, 4, 4, 4)]
    for answer in answers[:-1]:
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether `second` is a 304 for `first`."""
    if second.status_code == 304:
        assert second.content == b""
        assert "content-type" not in second.headers
        assert int(second.headers.get("content-length", 0)) == 0
        assert second.headers["etag"] == first.headers["etag"]
        assert second.headers["vary"] == first.headers["vary"]
    else:
        assert second.status_code == 200
        assert second.headers["etag"] != first.headers["etag"]
        assert second.content != first.content
    return second.status_code == 304


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["tasks/{}", "tasks", "tasks?limit=1", "tasks?limit=1&offset=50"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '{} , W/"y"', "*"])
def test_a_version_that_the_client_has_is_not_sent_again(ann: Person, method: str, path: str, form: str) -> None:
    path = path.format(ann.creates(tags=["a"])["id"])
    first = ann.get(path)
    assert same(first, ann.request(method, path, headers={"If-None-Match": form.format(first.headers["etag"])}))


@pytest.mark.parametrize("form", ['"x"', 'W/"x"', '""', '"01"'])
def test_another_version_is_sent(ann: Person, form: str) -> None:
    path = f"tasks/{ann.creates()['id']}"
    answer = ann.get(path, headers={"If-None-Match": form})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert ann.get("tasks", headers={"If-None-Match": form}).json()["total"] == 1


def test_every_change_is_seen_in_the_lists_that_show_it(ann: Person) -> None:
    tasks = [ann.creates(title=str(number), tags=["a"]) for number in range(3)]
    path = f"tasks/{tasks[0]['id']}"

    def seen_in(query: str) -> bool:
        return not same(
            before[query], ann.get(f"tasks{query}", headers={"If-None-Match": before[query].headers["etag"]})
        )

    steps: list[tuple[Callable[[], httpx.Response], bool, bool]] = [
        (lambda: ann.patch(path, json={"title": "New"}), True, False),
        (lambda: ann.patch(path, json={"tags": ["b"]}), True, False),
        (lambda: ann.patch(path, json={}), False, False),
        (lambda: ann.patch(f"{path}/complete"), True, False),
        (lambda: ann.delete(path), True, True),
    ]
    for change, in_last, in_first in steps:
        before = {query: ann.get(f"tasks{query}") for query in ("", "?limit=1&offset=2", "?limit=1")}
        assert change().is_success
        assert seen_in("") is in_last
        assert seen_in("?limit=1&offset=2") is in_last
        # The newest task is another, but `total` is on every page.
        assert seen_in("?limit=1") is in_first


def test_the_etag_of_a_list_does_not_depend_on_the_process(ann: Person) -> None:
    ann.creates()
    assert ann.get("tasks").headers["etag"] == ann.get("tasks").headers["etag"]
    assert len(ann.get("tasks").headers["etag"]) == 34


@pytest.mark.parametrize("path", ["tasks/{}", "tasks"])
@pytest.mark.parametrize("header", ["", "1", '"1', '* , "1"', "é"])
def test_a_malformed_header_is_named(ann: Person, path: str, header: str) -> None:
    path = path.format(ann.creates()["id"])
    answer = ann.get(path, headers=[(b"If-None-Match", header.encode())])
    assert errors_of(answer) == [("header.If-None-Match", "etag_parsing")]


def test_an_unknown_task_is_404_whatever_the_client_has(ann: Person, bob: Person) -> None:
    task = ann.creates()
    for header in ("*", '"1"'):
        assert bob.get(f"tasks/{task['id']}", headers={"If-None-Match": header}).status_code == 404
