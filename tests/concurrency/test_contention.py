"""50 clients of one user change the same tasks: no lost tag, no mixed tags, no deadlock, no 5xx."""

import random
import time

import anyio
import httpx

from tests.support.client import Json, fresh_user, token_for
from tests.support.service import Service

CLIENTS = 50
SECONDS = 10
TAGS = [f"hot{number}" for number in range(6)]


class Answers:
    """The answers to the clients, by task and version."""

    def __init__(self) -> None:
        self.by_task: dict[str, dict[int, Json]] = {}

    def add(self, task: Json) -> None:
        versions = self.by_task.setdefault(task["id"], {})
        assert versions.setdefault(task["version"], task) == task, "two answers for one version"


async def change_at_random(  # noqa: PLR0917
    http: httpx.AsyncClient, base: str, ids: list[str], answers: Answers, end: float, seed: int
) -> None:
    chance = random.Random(seed)
    turn = 0
    while time.monotonic() < end:
        turn += 1
        tags = sorted({*chance.sample(TAGS, chance.randint(0, 4)), f"by-{seed}-{turn}"})
        match chance.randrange(5):
            case 0:
                answer = await http.post(f"{base}/tasks", json={"title": "new", "tags": tags[::-1]})
                assert answer.status_code == 201, answer.text
                assert answer.json()["tags"] == tags
            case 1:
                answer = await http.patch(f"{base}/tasks/{chance.choice(ids)}/complete")
                assert answer.status_code == 200, answer.text
            case _:
                answer = await http.patch(f"{base}/tasks/{chance.choice(ids)}", json={"tags": tags})
                assert answer.status_code == 200, answer.text
                assert answer.json()["tags"] == tags
        answers.add(answer.json())


async def run(service: Service) -> None:
    user = fresh_user("ann")
    base = f"{service.url}/api/{user}"
    answers = Answers()
    limits = httpx.Limits(max_connections=CLIENTS)
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=30) as http:
        created = [(await http.post(f"{base}/tasks", json={"title": "shared"})).json() for _ in range(3)]
        for task in created:
            answers.add(task)
        end = time.monotonic() + SECONDS
        async with anyio.create_task_group() as clients:
            for seed in range(CLIENTS):
                clients.start_soon(change_at_random, http, base, [task["id"] for task in created], answers, end, seed)
        counts: dict[str, int] = {}
        for task_id, versions in answers.by_task.items():
            assert sorted(versions) == list(range(1, len(versions) + 1)), "a version that nobody was answered with"
            last = versions[len(versions)]
            assert (await http.get(f"{base}/tasks/{task_id}")).json() == last
            for tag in last["tags"]:
                counts[tag] = counts.get(tag, 0) + 1
        listed = (await http.get(f"{base}/tags")).json()
    # The list has 1000 tags at most.
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:1000]
    assert [(tag["name"], tag["usage_count"]) for tag in listed] == expected
    assert sum(len(answers.by_task[task["id"]]) for task in created) > 100


def test_50_clients_change_the_tags_of_the_same_tasks(service: Service) -> None:
    anyio.run(run, service)
    assert 'File "' not in service.log.read_text()
