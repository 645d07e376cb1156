"""The answers are the same on the embedded PostgreSQL 18, on PostgreSQL 15 and on the cluster."""

import os
import random
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.security.test_replay import Transcript, day
from tests.support.client import Json, Person, fresh_user
from tests.support.cluster import Cluster
from tests.support.service import Service, running

STEPS = 200
SEEDS = range(4)
_WORDS = ("milk", "Straße", "STRASSE", "İstanbul", "ﬁle", "naïve", "rye bread", "日本", "a_b", "100%")
_TAGS = ("home", "Work", "work", "é", "a b")


class RandomDay:
    """Random requests of one person, good and bad ones. The same seed makes the same ones."""

    def __init__(self, seed: int, person: Person) -> None:
        self.chance = random.Random(seed)
        self.person = person
        self.ids: list[str] = []
        self.turn = 0

    def task(self) -> Json:
        """Its title is unique, so that no order depends on the ids, which are random."""
        chance = self.chance
        fields: Json = {
            "title": f"{chance.choice(_WORDS)} {self.turn}",
            "description": chance.choice([None, "", *_WORDS, "x" * 1001]),
            "priority": chance.choice(["High", "Medium", "Low", "None"]),
            "due_date": chance.choice([None, "2026-02-28", "2026-02-29", "0001-01-01", "9999-12-31"]),
            "completed": chance.choice([True, False, False]),
            "tags": chance.sample(_TAGS, chance.randint(0, 3)),
        }
        return {name: value for name, value in fields.items() if name == "title" or chance.random() < 0.5}

    def read(self) -> httpx.Response:
        chance = self.chance
        query = {
            "sort_by": chance.choice(["title", "created_at", "updated_at"]),
            "order": chance.choice(["asc", "desc"]),
            "limit": str(chance.choice([1, 5, 100])),
            "with_total": chance.choice(["true", "false"]),
            "search": chance.choice([*_WORDS, "e", "bread rye"]),
            "status": chance.choice(["pending", "completed"]),
            "priority": chance.choice(["High", "Low"]),
            "tags": chance.choice(["work", "home,work"]),
            "due_from": "2026-01-01",
        }
        kept = {name: value for name, value in query.items() if chance.random() < 0.3}
        return self.person.get(chance.choice(["tasks", "tasks", "tags"]), params=kept)

    def step(self) -> tuple[str, httpx.Response]:
        chance, person = self.chance, self.person
        self.turn += 1
        path = f"tasks/{chance.choice(self.ids) if self.ids else '7b0f7c5e-51f5-4f4b-8d7a-3f1f1f0c9a11'}"
        headers = {"If-Match": f'"{chance.randint(1, 4)}"'} if chance.random() < 0.3 else {}
        operation = chance.choice(("create", "create", "change", "put", "toggle", "remove", "tag", "get", "read"))
        match operation:
            case "create":
                keys = {"Idempotency-Key": f"k{chance.randrange(4)}"} if chance.random() < 0.3 else {}
                answer = person.post("tasks", json=self.task(), headers=keys)
                if answer.status_code == 201:
                    self.ids.append(answer.json()["id"])
            case "change":
                answer = person.patch(path, json=self.task(), headers=headers)
            case "put":
                answer = person.put(path, json=self.task(), headers=headers)
            case "toggle":
                answer = person.patch(f"{path}/complete", headers=headers)
            case "remove":
                answer = person.delete(path, headers=headers)
            case "tag":
                method, tag = chance.choice(("PATCH", "PATCH", "DELETE")), quote(chance.choice(_TAGS))
                body = {"name": chance.choice(_TAGS)} if method == "PATCH" else None
                answer = person.request(method, f"tags/{tag}", json=body)
            case "get":
                answer = person.get(path)
            case _:
                answer = self.read()
        return operation, answer


@pytest.fixture(scope="module")
def three(cluster: Cluster, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The URLs of services on the embedded PostgreSQL, on PostgreSQL 15 and on the cluster."""
    with (
        running(tmp_path_factory.mktemp("embedded"), {"DATABASE_URL": os.environ["TEST_DATABASE_URL"]}) as embedded,
        running(tmp_path_factory.mktemp("plain"), {"DATABASE_URL": cluster.url("plain")}) as plain,
    ):
        yield [embedded.url, plain.url, service.url]


def random_day(url: str, seed: int) -> list[str]:
    with Person(url, fresh_user("ann")) as ann:
        transcript, requests = Transcript(ann), RandomDay(seed, ann)
        for _ in range(STEPS):
            operation, answer = requests.step()
            assert answer.status_code < 500, answer.text
            transcript.add(operation, answer.status_code, dict(answer.headers), answer.text)
        return transcript.lines


def test_a_day_with_every_operation_has_the_same_answers(three: list[str]) -> None:
    transcripts = []
    for url in three:
        with Person(url, fresh_user("ann")) as ann:
            transcripts.append(day(ann, None))
    embedded, plain, distributed = transcripts
    assert plain == embedded
    assert distributed == embedded


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_day_has_the_same_answers(three: list[str], seed: int) -> None:
    embedded, plain, distributed = (random_day(url, seed) for url in three)
    assert {int(line.split()[1]) for line in embedded} >= {200, 201, 204, 400, 404, 412}
    assert plain == embedded
    assert distributed == embedded
