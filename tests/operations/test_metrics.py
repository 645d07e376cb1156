"""Metrics are summed over workers, survive the end of a worker, and agree with the counts of the clients."""

import random
import re
from collections import Counter
from collections.abc import Iterator

import anyio
import httpx
import psutil
import pytest

from tests.support.client import fresh_user, token_for
from tests.support.production import METRICS_TOKEN, in_production, lines, scrape, token, until
from tests.support.service import Service

CLIENTS = 8
REQUESTS = 60
ROUTES = {"tasks": "/api/{user_id}/tasks", "tags": "/api/{user_id}/tags", "nope": "unrouted"}
WAYS = [("GET", "tasks"), ("POST", "tasks"), ("GET", "tags"), ("HEAD", "tags"), ("GET", "nope")]
Sums = Counter[tuple[str, str, str]]


@pytest.fixture(scope="module")
def metered(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "METRICS_TOKEN": METRICS_TOKEN, "SERVER_TIMING": "true", "DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "1",
        "WEB_CONCURRENCY": "2",
    }  # fmt: skip
    with in_production(tmp_path_factory.mktemp("metered"), database_url, **settings) as service:
        yield service


def logged(service: Service) -> Sums:
    return Counter(
        (line["method"], line["route"], str(line["status"])) for line in lines(service) if line["event"] == "request"
    )


def requests(service: Service) -> Sums:
    sums: Sums = Counter()
    for name, value in scrape(service).items():
        if labels := re.fullmatch(r'todo_api_requests_total\{method="(.*)",route="(.*)",status="(.*)"\}', name):
            sums[labels[1], labels[2], labels[3]] = int(value)
    return sums


async def client(http: httpx.AsyncClient, chance: random.Random, counted: Sums) -> None:
    user = fresh_user("ann")
    headers = {"Authorization": f"Bearer {token(user)}"}
    for _ in range(REQUESTS):
        method, path = chance.choice(WAYS)
        body = {"title": chance.choice(["fine", ""])} if method == "POST" else None
        place = "/nope" if path == "nope" else f"/api/{user}/{path}"
        answer = await http.request(method, place, headers=headers, json=body)
        counted[method, ROUTES[path], str(answer.status_code)] += 1


async def load(service: Service) -> Sums:
    counted: Sums = Counter()
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as http, anyio.create_task_group() as clients:
        for seed in range(CLIENTS):
            clients.start_soon(client, http, random.Random(seed), counted)
    return counted


def test_the_sum_of_two_workers_is_the_count_of_the_clients(metered: Service) -> None:
    before, lines_before = requests(metered), logged(metered)
    counted = anyio.run(load, metered)
    assert counted.total() == CLIENTS * REQUESTS
    assert len(counted) == 6

    def scraped() -> Sums:
        return Counter({key: n for key, n in (requests(metered) - before).items() if key[1] in ROUTES.values()})

    until(lambda: scraped() == counted)
    until(lambda: logged(metered) - lines_before == counted)
    sums = scrape(metered)
    for method, route in {key[:2] for key in counted}:
        expected = sum(n for key, n in requests(metered).items() if key[:2] == (method, route))
        assert sums[f'todo_api_request_seconds_count{{method="{method}",route="{route}"}}'] == expected
    assert sums["todo_api_request_database_seconds_count"] >= counted["GET", ROUTES["tasks"], "200"]


def test_the_pool_and_the_workers_are_measured(metered: Service) -> None:
    until(lambda: scrape(metered).get('todo_api_pool_connections{state="limit"}') == 6)
    sums = scrape(metered)
    assert sums["todo_api_workers"] == 2
    assert 0 <= sums['todo_api_pool_connections{state="in_use"}'] + sums['todo_api_pool_connections{state="idle"}'] <= 6
    assert sums["todo_api_pool_waiting"] == 0


def test_a_killed_worker_keeps_its_counts_but_not_its_connections(metered: Service) -> None:
    before = requests(metered)
    dead = psutil.Process(metered.process.pid).children()[0]
    dead.kill()
    until(lambda: len({child.pid for child in psutil.Process(metered.process.pid).children()} - {dead.pid}) == 2)

    def scraped() -> dict[str, float]:
        try:
            return scrape(metered)
        except httpx.TransportError:
            return {}  # the connection was to the killed worker

    until(lambda: scraped().get("todo_api_workers") == 2)
    assert not before - requests(metered)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer no", f"Basic {METRICS_TOKEN}"])
def test_without_the_token_there_are_no_metrics(metered: Service, authorization: str) -> None:
    answer = httpx.get(f"{metered.url}/metrics", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["code"] == "metrics_token_needed"
    assert answer.headers["www-authenticate"] == 'Bearer realm="metrics"'


def test_without_the_setting_there_is_no_page(service: Service) -> None:
    answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {token_for('ann')}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_server_timing_is_sent_if_the_setting_is_on(metered: Service, service: Service) -> None:
    headers = {"Authorization": f"Bearer {token_for('ann')}"}
    production = {"Authorization": f"Bearer {token('ann')}"}
    timing = httpx.get(f"{metered.url}/api/ann/tasks", headers=production).headers["server-timing"]
    auth, db, total = map(float, re.fullmatch(r"auth;dur=(.*), db;dur=(.*), total;dur=(.*)", timing).groups())  # type: ignore[union-attr] # it matches
    assert 0 < auth < total
    assert 0 < db < total
    assert "server-timing" not in httpx.get(f"{service.url}/api/ann/tasks", headers=headers).headers
