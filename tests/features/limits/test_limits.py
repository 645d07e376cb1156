"""GET /api/{user_id}/limits, and MAX_TASKS."""

from pathlib import Path

import anyio
import httpx

from tests.architecture.test_migrations import run
from tests.support.client import Person, fresh_user, token_for
from tests.support.service import running


def test_the_limits_are_those_of_the_settings(database_url: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_url, "MAX_TASKS": "3", "RATE_LIMIT": "20/40"}
    with running(tmp_path, environment) as service, Person(service.url, fresh_user("ann")) as ann:
        rate = {"per_second": 20, "burst": 40}
        streams = {"used": 0, "max": 10}
        assert ann.get("limits").json() == {"tasks": {"used": 0, "max": 3}, "streams": streams, "rate": rate}
        first, *_ = [ann.creates() for _ in range(3)]
        assert ann.get("limits").json()["tasks"] == {"used": 3, "max": 3}
        refused = ann.post("tasks", json={"title": "one more"}, headers={"Idempotency-Key": "k"})
        assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
        ann.delete(f"tasks/{first['id']}")
        assert ann.get("limits").json()["tasks"] == {"used": 2, "max": 3}
        assert ann.post("tasks", json={"title": "one more"}, headers={"Idempotency-Key": "k"}).status_code == 201

        async def ten_at_once() -> list[int]:
            statuses: list[int] = []
            headers = {"Authorization": f"Bearer {token_for(ann.user_id)}"}
            async with httpx.AsyncClient(headers=headers, timeout=30) as http:

                async def create() -> None:
                    answer = await http.post(f"{service.url}/api/{ann.user_id}/tasks", json={"title": "x"})
                    statuses.append(answer.status_code)

                async with anyio.create_task_group() as group:
                    for _ in range(10):
                        group.start_soon(create)
            return statuses

        ann.delete(f"tasks/{ann.get('tasks').json()['data'][0]['id']}")
        assert sorted(anyio.run(ten_at_once)) == [201] + [409] * 9


def test_without_a_rate_limit_it_is_null(database_url: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_url, "RATE_LIMIT": "off"}
    with running(tmp_path, environment) as service, Person(service.url, fresh_user("ann")) as ann:
        assert ann.get("limits").json()["rate"] is None


def test_the_head_row_counts_exactly_from_its_second_day_on(ann: Person, database_url: str) -> None:
    head = f"select tasks, pending from heads where user_id = '{ann.user_id}'"
    tasks = [ann.creates(completed=number < 2) for number in range(5)]
    assert tuple(run(database_url, head)[0]) == (5, None)
    # A replica of the first release writes without the head.
    run(database_url, f"delete from tasks where user_id = '{ann.user_id}' and id = '{tasks[4]['id']}'")
    assert ann.get("limits").json()["tasks"]["used"] == 4
    run(database_url, f"update heads set made_at = now() - interval '25 hours' where user_id = '{ann.user_id}'")
    ann.patch(f"tasks/{tasks[0]['id']}/complete")
    assert tuple(run(database_url, head)[0]) == (4, 3)
    ann.patch(f"tasks/{tasks[0]['id']}/complete")
    ann.delete(f"tasks/{tasks[1]['id']}")
    ann.delete(f"tasks/{tasks[2]['id']}")
    ann.creates()
    ann.creates(completed=True)
    assert tuple(run(database_url, head)[0]) == (4, 2)
    assert ann.get("limits").json()["tasks"]["used"] == 4
