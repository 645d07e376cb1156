"""Each name that a tag of a task can have works in the path of a rename and a removal."""

import sys
from urllib.parse import quote

import httpx
import pytest

from tests.features.tags.test_rename import tags
from tests.support.client import Person
from tests.support.raw import USER, exchange, request
from tests.support.service import Service

NAMES = [
    "/",
    "//",
    "a/b",
    "/a//b/",
    "complete/",
    "..",
    ".",
    "../tasks",
    "%",
    "%2F",
    "%252F",
    "50%",
    "a?b=c",
    "?",
    "#",
    "a#b",
    "'",
    '"quoted"',
    "a b",
    "a+b",
    "a;b",
    "a&b",
    "\\",
    "null",
    "-",
    "{name}",
    "*",
    "\n",
    "a\r\nb",
    "\x7f",
    "Straße",
    "e\u0301",
    "\u00e9",
    "日本語",
    "👩‍👩‍👧‍👦",
    "\u202eabc",
    "\ufeff",
    "\ufffd",
    "\uffff",
    chr(sys.maxunicode),
    "x" * 50,
    "/" * 50,
    "😀" * 50,
]


def segment(name: str) -> str:
    """As the document says: clients take `.` and `..` for parts of the path, even if they are encoded."""
    return ("%20" if name in (".", "..") else "") + quote(name, safe="")


@pytest.mark.parametrize("name", [name for name in NAMES if name.strip()], ids=ascii)
def test_every_name_works(ann: Person, name: str) -> None:
    task = ann.creates(tags=[name, "other"])
    answer = ann.patch(f"tags/{segment(name)}", json={"name": "new"})
    assert (answer.status_code, answer.json()) == (200, {"name": "new", "usage_count": 1})
    assert tags(ann) == {"new": 1, "other": 1}
    answer = ann.patch("tags/new", json={"name": name})
    assert (answer.status_code, answer.json()) == (200, {"name": name, "usage_count": 1})
    assert ann.sees(task["id"])["tags"] == sorted([name, "other"])
    assert ann.delete(f"tags/{segment(name)}").status_code == 204
    assert ann.sees(task["id"])["tags"] == ["other"]


def test_names_are_trimmed(ann: Person) -> None:
    ann.creates(tags=["a"])
    answer = ann.patch("tags/%20a%C2%A0", json={"name": "\t b\u3000"})
    assert answer.json() == {"name": "b", "usage_count": 1}


def test_a_slash_at_the_end_does_not_count(ann: Person) -> None:
    ann.creates(tags=["a"])
    assert ann.delete("tags/a/").status_code == 204


@pytest.mark.parametrize("path", ["%2e%2e", "..", "%2E."])
def test_dots_that_a_client_leaves_in_the_path_are_a_name(service: Service, path: str) -> None:
    with Person(service.url, USER) as person:
        task = person.creates(tags=[".."])
        target = f"/api/{USER}/tags/{path}".encode()
        assert exchange(service.port, request(b"DELETE", target)).statuses == [204]
        assert person.sees(task["id"])["tags"] == []


@pytest.mark.parametrize("path", ["/api/{}%2Ftasks", "/api%2F{}/tasks", "/api/{}/tasks%2F", "/api/{}/tags%2fa"])
def test_an_encoded_slash_separates_nothing(ann: Person, path: str) -> None:
    ann.creates(tags=["a"])
    assert ann.delete(path.format(ann.user_id)).status_code in (403, 404)
    assert tags(ann) == {"a": 1}


def test_an_encoded_slash_opens_no_path_without_a_token(anyone: httpx.Client) -> None:
    for path in ("/health%2Fready", "/docs%2Fopenapi.json", "/api/ann%2f..%2fbob/tasks"):
        assert anyone.get(path).status_code == 401
