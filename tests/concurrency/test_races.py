"""Many clients at once: one edit of each version succeeds, no edit is lost, and a key creates one task."""

import random
from collections import Counter

import anyio
import httpx
import pytest

from tests.support.client import Json, Person, fresh_user, token_for
from tests.support.service import Service
from tests.support.unreliable_network import FAULTS, UnreliableNetwork

RACERS = 100
RETRIERS = 50


async def win_once(path: str, headers: dict[str, str], name: str, task: Json, won: dict[int, str]) -> None:
    """Adds `name` to the task's description. After a 412 it tries again with the task in that answer."""
    chance = random.Random(name)
    # One client for each racer: httpx takes longer to search a shared pool of 100 than the service takes to answer.
    async with httpx.AsyncClient(headers=headers, timeout=60, verify=False) as http:
        for _ in range(20 * RACERS):
            mine = f"{task['description']} {name}"
            answer = await http.patch(path, json={"description": mine}, headers={"If-Match": f'"{task["version"]}"'})
            if answer.status_code == 200:
                changed = answer.json()
                assert changed["version"] == task["version"] + 1
                assert changed["description"] == mine
                assert changed["version"] not in won, "two edits of one version succeeded"
                won[changed["version"]] = name
                return
            refusal = answer.json()
            assert (answer.status_code, refusal["code"], refusal["changed"]) == (412, "stale_version", ["description"])
            assert refusal["current"]["version"] > task["version"]
            task = refusal["current"]
            # Wait longer while more racers are left, so that fewer of them collide.
            await anyio.sleep(chance.random() * 0.006 * (RACERS - len(won)))
    raise AssertionError(f"no edit of {name} succeeded")


async def race(service: Service, user: str, task: Json) -> dict[int, str]:
    won: dict[int, str] = {}
    path = f"{service.url}/api/{user}/tasks/{task['id']}"
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    async with anyio.create_task_group() as racers:
        for number in range(RACERS):
            racers.start_soon(win_once, path, headers, str(number), task, won)
    # The sockets of the clients are closed in the next turns of the loop.
    await anyio.sleep(0.1)
    return won


def test_100_clients_race_on_one_task_and_none_loses_its_edit(service: Service) -> None:
    with Person(service.url, fresh_user("ann")) as ann:
        task = ann.creates(description="all:")
        won = anyio.run(race, service, ann.user_id, task)
        assert sorted(won) == list(range(2, RACERS + 2))
        last = ann.sees(task["id"])
        assert last["version"] == RACERS + 1
        assert last["description"].split() == ["all:", *(won[version] for version in sorted(won))]


async def retry_until_answered(http: httpx.AsyncClient, url: str, key: str, seed: int) -> httpx.Response:
    chance = random.Random(seed)
    body = {"title": "Once", "tags": ["a"]}
    for turn in range(20):
        fault = chance.choice(FAULTS) if turn < 3 else "none"
        try:
            answer = await http.post(url, json=body, headers={"Idempotency-Key": key, "X-Fault": fault})
        except httpx.TransportError:
            continue
        assert answer.status_code == 201, answer.text
        return answer
    raise AssertionError("no answer")


async def retriers(net: UnreliableNetwork, user: str) -> list[httpx.Response]:
    answers: list[httpx.Response] = []

    async def one(seed: int) -> None:
        answers.append(await retry_until_answered(http, f"{net.url}/api/{user}/tasks", "k", seed))

    headers = {"Authorization": f"Bearer {token_for(user)}", "Connection": "close"}
    limits = httpx.Limits(max_connections=RETRIERS)
    async with (
        httpx.AsyncClient(headers=headers, timeout=60, limits=limits) as http,
        anyio.create_task_group() as clients,
    ):
        for seed in range(RETRIERS):
            clients.start_soon(one, seed)
    return answers


def test_50_parallel_posts_with_one_key_make_one_task_though_connections_are_cut(service: Service) -> None:
    with Person(service.url, fresh_user("ann")) as ann, UnreliableNetwork(service.port) as net:
        answers = anyio.run(retriers, net, ann.user_id)
        net.settle()
        assert len(answers) == RETRIERS
        assert len({(answer.content, answer.headers["location"], answer.headers["etag"]) for answer in answers}) == 1
        page = ann.get("tasks").json()
        assert (page["total"], page["data"]) == (1, [answers[0].json()])
        # The deliveries include the answers that the network dropped.
        replayed = Counter(delivery.answer_headers.get("idempotency-replayed") for delivery in net.deliveries)
        assert replayed[None] == 1
        assert replayed["true"] >= RETRIERS
        assert {delivery.status for delivery in net.deliveries} == {201}
        assert len({delivery.answer for delivery in net.deliveries}) == 1


@pytest.mark.parametrize("turn", range(3))
def test_50_parallel_posts_at_the_same_moment(service: Service, turn: int) -> None:
    """Without the unreliable network, more of the requests overlap in the database."""

    async def all_at_once() -> list[httpx.Response]:
        answers: list[httpx.Response] = []

        async def one(http: httpx.AsyncClient) -> None:
            path = f"{service.url}/api/{user}/tasks"
            answers.append(await http.post(path, json={"title": "Once"}, headers=headers))

        async with httpx.AsyncClient(timeout=60) as http, anyio.create_task_group() as clients:
            for _ in range(RETRIERS):
                clients.start_soon(one, http)
        return answers

    user = fresh_user(f"ann{turn}")
    headers = {"Authorization": f"Bearer {token_for(user)}", "Idempotency-Key": "k"}
    answers = anyio.run(all_at_once)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
