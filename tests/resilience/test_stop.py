"""A stop loses no request, on a port that two instances share and behind a load balancer for two ports."""

import time
from pathlib import Path

import httpx
import pytest

from tests.support.load import Load
from tests.support.proxy import Proxy
from tests.support.service import Service, free_port, running


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "DRAIN_SECONDS": "1"}


def test_a_restart_on_a_shared_port_loses_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    settings |= {"PORT": str(free_port())}
    with running(tmp_path, settings, "--reuse-port") as old:
        load = Load(old.url)
        with load.running():
            time.sleep(0.3)
            new = Service(tmp_path, settings, "--reuse-port")
            try:
                deadline = time.monotonic() + 20
                while new.log.read_text().count("curl") < 2:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                time.sleep(1)
                assert old.stop() == 0
                time.sleep(0.3)
            except BaseException:
                new.stop()
                raise
        try:
            assert set(load.answers) == {"201"}, load.answers
            assert load.total() == load.answers["201"] > 50
            assert load.slowest < 5
        finally:
            assert new.stop() == 0


def test_a_stop_behind_a_load_balancer_loses_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    with (
        running(tmp_path, settings) as one,
        running(tmp_path, settings) as other,
        Proxy([one.port, other.port]) as balancer,
    ):
        load = Load(f"http://127.0.0.1:{balancer.port}")
        with load.running():
            time.sleep(0.3)
            assert one.stop() == 0
            time.sleep(0.3)
        assert set(load.answers) == {"201"}, load.answers
        assert load.total() == load.answers["201"] > 50
        assert other.process.poll() is None


def test_a_stopping_service_is_not_ready_and_closes_connections(settings: dict[str, str], tmp_path: Path) -> None:
    with running(tmp_path, settings) as service, httpx.Client(base_url=service.url) as client:
        assert client.get("/health").headers.get("connection") is None
        service.process.terminate()
        deadline = time.monotonic() + 5
        while (answer := client.get("/health/ready")).status_code == 200:
            assert time.monotonic() < deadline
        assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
        alive = client.get("/health")
        assert (alive.status_code, alive.headers["connection"]) == (200, "close")
        assert service.process.wait(10) == 0
