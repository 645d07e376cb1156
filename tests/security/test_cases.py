"""Each hostile request gets its answer, and its connection is closed."""

import pytest

from tests.security.case import Case
from tests.security.cases import CASES
from tests.support.client import Person, errors_of
from tests.support.raw import Exchange, exchange, request
from tests.support.service import Service


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}")
def test_a_hostile_request_gets_its_answer(service: Service, case: Case) -> None:
    done = exchange(service.port, case.data, half_close=case.ends)
    assert done.closed
    assert tuple(done.statuses) == case.answers, done.received


def test_each_case_has_its_own_name() -> None:
    assert len({(case.group, case.name) for case in CASES}) == len(CASES)


def test_head_is_get_without_the_body(service: Service) -> None:
    def answer(method: bytes) -> Exchange:
        return exchange(service.port, request(method, b"/health"))

    head, get = answer(b"HEAD"), answer(b"GET")
    assert head.received.endswith(b"\r\n\r\n")
    different = ("date", "x-request-id")
    assert [h for h in head.headers if h[0] not in different] == [h for h in get.headers if h[0] not in different]


def test_all_errors_of_a_body_are_reported_at_once(ann: Person) -> None:
    body = b'{"title": 1, "title": "a", "tags": ["ok", 2, "\\u0000"], "priority": "urgent", "x": {"y": [1e999]}}'
    answer = ann.post("tasks", content=body, headers={"Content-Type": "application/json"})
    assert errors_of(answer) == [
        ("body.priority", "literal_error"),
        ("body.tags.1", "string_type"),
        ("body.tags.2", "string_pattern_mismatch"),
        ("body.title", "repeated"),
        ("body.x", "extra_forbidden"),
    ]
