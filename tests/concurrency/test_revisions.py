"""Many writers of one user: each change has a number of its own, none is left out, and no race is lost."""

from collections import Counter
from typing import Any

import anyio
import httpx

from tests.architecture.test_migrations import run
from tests.support.client import Person, fresh_user, token_for
from tests.support.service import Service

WRITERS = 16
TURNS = 12
_LOG = """
    select h.revision as head, count(c.revision) as entries, min(c.revision) as first, max(c.revision) as last,
        (select max(t.revision) from tasks t where t.user_id = h.user_id) as newest,
        (select array_agg(t.version) from tasks t where t.user_id = h.user_id) as versions
    from heads h join changes c on c.user_id = h.user_id where h.user_id = '{}' group by h.user_id
"""


async def _together(service: Service, user: str, *calls: tuple[str, str, Any]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/{user}/", headers=headers, timeout=120) as http:

        async def send(method: str, path: str, body: Any) -> None:
            answers.append(await http.request(method, path, json=body))

        async with anyio.create_task_group() as group:
            for call in calls:
                group.start_soon(send, *call)
    return answers


def test_the_first_writes_of_a_new_user_have_distinct_numbers(service: Service, database_url: str) -> None:
    user = fresh_user("ann")
    calls = [("POST", "tasks", {"title": f"{number}", "tags": ["a"]}) for number in range(WRITERS)]
    answers = anyio.run(_together, service, user, *calls)
    assert Counter(answer.status_code for answer in answers) == {201: WRITERS}
    assert sorted(int(answer.headers["change-id"]) for answer in answers) == list(range(1, WRITERS + 1))
    (row,) = run(database_url, _LOG.format(user))
    assert (row["head"], row["entries"], row["first"], row["last"]) == (WRITERS, WRITERS, 1, WRITERS)


def test_no_writer_of_one_task_loses_a_race(service: Service, database_url: str) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        path = f"tasks/{ann.creates()['id']}"
        calls: list[tuple[str, str, Any]] = []
        for number in range(WRITERS * TURNS):
            calls.append(("PATCH", path, {"title": f"{number}", "tags": [f"{number % 5}"]}))
            calls.append(("PATCH", f"{path}/complete", None))
        answers = anyio.run(_together, service, ann.user_id, *calls)
        assert Counter(answer.status_code for answer in answers) == {200: len(calls)}
        # The number of a change and the version that it made rise together.
        pairs = sorted((int(answer.headers["change-id"]), answer.json()["version"]) for answer in answers)
        assert pairs == [(number, number) for number in range(2, len(calls) + 2)]
        (row,) = run(database_url, _LOG.format(ann.user_id))
        last = len(calls) + 1
        assert (row["head"], row["entries"], row["first"], row["last"]) == (last, last, 1, last)
        assert (row["newest"], row["versions"]) == (last, [last])
