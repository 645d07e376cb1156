"""The database is down, starts late or restarts. The service keeps running and recovers."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.client import Person, fresh_user
from tests.support.postgres import Postgres, own_postgres
from tests.support.proxy import Proxy
from tests.support.service import Service, running


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with own_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def served(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), {"DATABASE_URL": postgres.url}) as service:
        yield service


@pytest.fixture
def ann(served: Service) -> Iterator[Person]:
    with Person(served.url, fresh_user("ann")) as person:
        yield person


def seconds_until_200(person: Person, path: str, limit: float = 10) -> float:
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if person.get(path).status_code == 200:
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"{path} is not 200 within {limit} s")


def test_a_killed_database_is_503_within_5_s_and_back_within_2(ann: Person, postgres: Postgres) -> None:
    task = ann.creates(tags=["a"])
    postgres.stop(signal.SIGKILL)
    try:
        with ThreadPoolExecutor() as threads:
            began = time.monotonic()
            read = threads.submit(ann.get, "tasks")
            write = threads.submit(ann.patch, f"tasks/{task['id']}/complete")
            assert ann.get("/health").status_code == 200
            seconds_until_503(ann)
            for answer in (read.result(), write.result()):
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
                assert int(answer.headers["retry-after"]) > 0
            assert time.monotonic() - began < 5.5
    finally:
        postgres.start()
    assert seconds_until_200(ann, f"tasks/{task['id']}") < 2
    assert seconds_until_200(ann, "/health/ready") < 2
    assert ann.sees(task["id"]) == task


def test_a_restart_is_a_slow_answer(ann: Person, postgres: Postgres) -> None:
    ann.creates()
    postgres.stop()
    with ThreadPoolExecutor() as threads:
        during = threads.submit(ann.post, "tasks", json={"title": "during"})
        time.sleep(1)
        postgres.start()
        assert during.result().status_code == 201
    assert ann.get("tasks").json()["total"] == 2


def test_readiness_sends_nothing_to_a_database_that_answered(ann: Person, postgres: Postgres, tmp_path: Path) -> None:
    with (
        Proxy(postgres.port) as proxy,
        running(tmp_path, {"DATABASE_URL": proxy.url}) as service,
        Person(service.url, ann.user_id) as person,
    ):
        bytes_before = proxy.to_server_bytes
        for _ in range(20):
            assert person.get("/health/ready").status_code == 200
        assert proxy.to_server_bytes == bytes_before
        proxy.refuse()
        seconds_until_503(person)
        proxy.listen()
        seconds_until_200(person, "/health/ready", 3)


def seconds_until_503(person: Person) -> None:
    deadline = time.monotonic() + 5
    while person.get("/health/ready").status_code != 503:
        assert time.monotonic() < deadline


def test_a_database_that_takes_3_s_to_accept_is_a_slow_answer(postgres: Postgres, tmp_path: Path) -> None:
    with Proxy(postgres.port) as proxy:
        proxy.accept_delay = 3
        service = Service(tmp_path, {"DATABASE_URL": proxy.url})
        try:
            service.wait_until_it_answers("/health")
            with Person(service.url, fresh_user("ann")) as person:
                began = time.monotonic()
                person.creates(tags=["a"])
                assert 2.5 < time.monotonic() - began < 5
        finally:
            service.stop()


def test_the_service_waits_for_a_database_that_starts_later(postgres: Postgres, tmp_path: Path) -> None:
    postgres.stop()
    try:
        service = Service(tmp_path, {"DATABASE_URL": postgres.url})
        service.wait_until_it_answers("/health")
    finally:
        postgres.start()
    try:
        service.wait_until_it_answers("/health/ready", 5)
        log = service.log.read_text()
        assert len(re.findall("database: away: .*refused", log)) == 1
        assert "database: back" in log
    finally:
        assert service.stop() == 0
