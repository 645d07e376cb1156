"""A worker of the cluster dies: its users get 503 with the right code and lose nothing, all others notice nothing."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import anyio
import asyncpg
import httpx
import pytest

from tests.support.client import Json, Person, fresh_user
from tests.support.cluster import Cluster, Node, own_cluster, rows
from tests.support.cluster_load import REFUSALS, ClusterLoad, user_of
from tests.support.service import Service, running
from todo_api.db.url import connect_arguments

DEAD: Final[Node] = "worker1"
LIVING: Final[Node] = "worker2"
KILLS: Final = 3
SLOW_SECONDS: Final = 2.0

Call = Callable[[Person, Json], httpx.Response]
OPERATIONS: Final[dict[str, tuple[Call, int]]] = {
    "list": (lambda ann, _: ann.get("tasks?search=milk&tags=a"), 200),
    "get": (lambda ann, task: ann.get(f"tasks/{task['id']}"), 200),
    "tags": (lambda ann, _: ann.get("tags"), 200),
    "create": (lambda ann, _: ann.post("tasks", json={"title": "new"}), 201),
    "create with tags": (lambda ann, _: ann.post("tasks", json={"title": "new", "tags": ["a", "b"]}), 201),
    "create with a key": (
        lambda ann, _: ann.post("tasks", json={"title": "new"}, headers={"Idempotency-Key": fresh_user("key")}),
        201,
    ),
    "update": (lambda ann, task: ann.patch(f"tasks/{task['id']}", json={"title": fresh_user("t")}), 200),
    "update tags": (lambda ann, task: ann.patch(f"tasks/{task['id']}", json={"tags": [fresh_user("t")[:20]]}), 200),
    "update with If-Match": (
        lambda ann, task: ann.patch(f"tasks/{task['id']}", json={"title": "x"}, headers={"If-Match": "*"}),
        200,
    ),
    "toggle": (lambda ann, task: ann.patch(f"tasks/{task['id']}/complete"), 200),
    "delete": (lambda ann, task: ann.delete(f"tasks/{task['id']}"), 204),
}


@pytest.fixture(scope="module")
def mine() -> Iterator[Cluster]:
    """A cluster of its own, since these tests kill a worker."""
    with own_cluster() as cluster:
        cluster.distribute()
        yield cluster


@pytest.fixture(scope="module")
def on_cluster(mine: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": mine.url()}) as service:
        yield service


@pytest.fixture
def ann(mine: Cluster, on_cluster: Service) -> Iterator[Person]:
    """Her worker dies."""
    with Person(on_cluster.url, user_of(mine, DEAD)) as person:
        yield person


@pytest.fixture
def bob(mine: Cluster, on_cluster: Service) -> Iterator[Person]:
    with Person(on_cluster.url, user_of(mine, LIVING)) as person:
        yield person


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    code: str = answer.json()["code"]
    return code


def is_ready(service: Service) -> bool:
    return httpx.get(f"{service.url}/health/ready", timeout=30).status_code == 200


def everything_of(person: Person) -> tuple[Json, Json]:
    return person.get("tasks").json(), person.get("tags").json()


def test_each_operation_on_a_dead_worker_is_database_unavailable(
    mine: Cluster, on_cluster: Service, ann: Person, bob: Person
) -> None:
    task = ann.creates(tags=["a"])
    theirs = [bob.creates(tags=["a"]) for _ in OPERATIONS]
    before = everything_of(ann)
    mine.kill(DEAD)
    try:
        for _ in range(2):
            for call, _status in OPERATIONS.values():
                answer = call(ann, task)
                assert refused(answer) == "database_unavailable"
                assert answer.elapsed.total_seconds() < SLOW_SECONDS
        for their_task, (call, status) in zip(theirs, OPERATIONS.values(), strict=True):
            answer = call(bob, their_task)
            assert answer.status_code == status, answer.text
            assert answer.elapsed.total_seconds() < SLOW_SECONDS
        assert is_ready(on_cluster)
    finally:
        mine.up(DEAD)
    assert everything_of(ann) == before
    for call, status in OPERATIONS.values():
        assert call(ann, task).status_code == status
    assert 'File "' not in on_cluster.log.read_text()


def test_nothing_acknowledged_is_lost_when_a_worker_is_killed_under_load(mine: Cluster, on_cluster: Service) -> None:
    load = ClusterLoad(mine, on_cluster)
    with load.running():
        time.sleep(1)
        usual = load.slowest(LIVING)
        for _ in range(KILLS):
            time.sleep(1)
            mine.kill(DEAD)
            time.sleep(0.5)
            mine.up(DEAD)
            load.wait_until_acknowledged(DEAD, time.monotonic())
    assert set(load.answers(LIVING)) == {"acknowledged"}
    # On a busy machine requests are slow without a kill, too.
    assert load.slowest(LIVING) < SLOW_SECONDS + 3 * usual
    answers = load.answers(DEAD)
    assert set(answers) <= {"acknowledged", *REFUSALS}
    assert answers["acknowledged"] > 20
    assert answers["database_unavailable"]
    assert not load.unready
    assert not load.wrong()


async def _while_locked(url: str, user: str, call: Callable[[], httpx.Response], ending: str) -> httpx.Response:
    """The answer to a call that waits for the user's head row. `ending` runs a second later."""
    connection = await asyncpg.connect(**connect_arguments(url))
    try:
        async with connection.transaction():
            await connection.execute("select from heads where user_id = $1 for update", user)
            with ThreadPoolExecutor(1) as thread:
                answer = thread.submit(call)
                await anyio.sleep(1)
                await anyio.to_thread.run_sync(rows, ending.partition(" ")[0], ending.partition(" ")[2])
                return await anyio.to_thread.run_sync(answer.result)
    finally:
        await connection.close()


WAITING: Final = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
TERMINATE: Final = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"


@pytest.mark.parametrize("ending", [WAITING, TERMINATE], ids=["time-out", "worker's process ends"])
def test_a_write_that_waits_for_a_lock_ends_within_5_s_and_did_nothing(
    mine: Cluster, on_cluster: Service, ann: Person, ending: str
) -> None:
    """PostgreSQL's `lock_timeout` is not passed on to the worker. `statement_timeout` ends the wait there, too."""
    task = ann.creates()
    began = time.monotonic()
    toggle = lambda: ann.patch(f"tasks/{task['id']}/complete")  # noqa: E731
    answer = anyio.run(_while_locked, mine.url(), ann.user_id, toggle, f"{mine.url(DEAD)} {ending}")
    assert refused(answer) == "outcome_unknown"
    assert time.monotonic() - began < 6
    assert ann.sees(task["id"]) == task
    assert rows(mine.url(DEAD), WAITING)[0][0] == 0
    assert ann.patch(f"tasks/{task['id']}/complete").json()["version"] == 2
    assert is_ready(on_cluster)


def test_a_write_that_is_cancelled_while_its_worker_commits_is_outcome_unknown(mine: Cluster, ann: Person) -> None:
    """The worker waits for a synchronous standby that is away. The change is stored there."""
    task = ann.creates()
    worker = mine.url(DEAD)
    rows(worker, "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
    try:
        time.sleep(0.5)
        answer = ann.patch(f"tasks/{task['id']}/complete")
    finally:
        rows(worker, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
    assert refused(answer) == "outcome_unknown"
    assert ann.sees(task["id"])["version"] == 2
