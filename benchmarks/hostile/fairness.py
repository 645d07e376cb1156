"""python -m benchmarks.hostile.fairness [SECONDS]: can one user slow down another?

One worker with the default limits, on loopback. A victim reads one of its tasks and its list in turn, and readiness is
read ten times a second, first without and then during each attack. Each attack lasts SECONDS (default: 12).
"""

import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import anyio
import asyncpg

from tests.support.client import fresh_user, token_for
from tests.support.service import Service, running
from todo_api.cli.embedded_postgres import embedded_postgres
from todo_api.db.casefold import fold
from todo_api.db.migrations import upgrade
from todo_api.db.url import connect_arguments

ATTACKERS = 4
"""In the attack of several users at once."""
FOURFOLD = "\u2057"
"""Folds to four characters U+2032."""
PRIME = "\u2032"
WORDS = "call the landlord about invoice number"
_INSERT = """
    insert into tasks (id, user_id, title, description, priority, title_folded, description_folded, created_at)
    select gen_random_uuid(), $1, title, $3, 2, lower(title), $4, now() - n * interval '1 minute'
    from generate_series(1, $2::int) n, lateral (select 'Call the landlord about invoice number ' || n) _ (title)
"""


class Traffic:
    """Threads that send GETs until the phase ends."""

    def __init__(self, service: Service) -> None:
        self._port = service.port
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    @contextmanager
    def running(self, seconds: float) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        time.sleep(seconds)
        self._end.set()
        for thread in self._threads:
            thread.join()
        yield

    def add(self, user: str, paths: list[str], *, every: float, begin: float = 0, connections: int = 1) -> "Answers":
        """Each connection sends a request `every` so many seconds after the one before, or as soon as that is over."""
        answers = Answers()
        headers = {"Authorization": f"Bearer {token_for(user)}"}
        for number in range(connections):
            first = begin + number * every / connections
            arguments = (answers, headers, [path.format(user=user) for path in paths], every, first)
            self._threads.append(threading.Thread(target=self._send, args=arguments))
        return answers

    def _send(self, answers: "Answers", headers: dict[str, str], paths: list[str], every: float, first: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        last = time.monotonic()
        due = last + first
        number = 0
        while not self._end.wait(max(0.0, due - time.monotonic())):
            if time.monotonic() - last > 4:
                connection.close()  # The server closes it after 5 s.
            last = began = time.monotonic()
            connection.request("GET", paths[number % len(paths)], headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            last = time.monotonic()
            answers.add(answer.status, body, last - began)
            number += 1
            due = max(due + every, began)
            if answer.status in {429, 503}:
                due = max(due, last + int(answer.headers["Retry-After"]))
        connection.close()


class Answers:
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.counts: Counter[str] = Counter()

    def add(self, status: int, body: bytes, seconds: float) -> None:
        self.seconds.append(seconds)
        self.counts[str(status) if status < 400 else f"{status} {json.loads(body)['code']}"] += 1

    def milliseconds(self, percent: int) -> float:
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]

    def __str__(self) -> str:
        return ", ".join(f"{count} × {answer}" for answer, count in self.counts.most_common())


async def _fill(url: str, users: dict[str, tuple[int, str]]) -> None:
    connection = await asyncpg.connect(**connect_arguments(url))
    for user, (tasks, description) in users.items():
        await connection.execute(_INSERT, user, tasks, description, fold(description))
    await connection.execute("vacuum analyze tasks")
    await connection.close()


@contextmanager
def _service(users: dict[str, tuple[int, str]]) -> Iterator[Service]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todo-api-", ignore_cleanup_errors=True)))
        home.chmod(0o755)
        url = stack.enter_context(embedded_postgres(home, {"fsync": "off"}))
        upgrade(url)
        anyio.run(_fill, url, users)
        yield stack.enter_context(running(home, {"DATABASE_URL": url, "RATE_LIMIT": "50/100"}))


def _search(words: str, more: str = "") -> list[str]:
    return ["/api/{user}/tasks?search=" + quote(words) + more]


def main(seconds: float) -> None:
    victim, heavy, large, honest = (fresh_user(name) for name in ("victim", "heavy", "large", "honest"))
    several = [fresh_user("several") for _ in range(ATTACKERS)]
    long_texts, ordinary = (1000, FOURFOLD * 1000), (100_000, "as agreed on the phone")
    users = {victim: (30, "milk"), heavy: long_texts, large: ordinary, honest: (10_000, "as agreed on the phone")}
    users |= dict.fromkeys(several, long_texts)
    costliest_word = _search("x" + PRIME * 63)
    attacks: dict[str, Callable[[Traffic], list[Answers]]] = {
        "alone": lambda _: [],
        f"{len(fold('x' + FOURFOLD * 199))} characters after folding, 95 in parallel, 22 a second": lambda traffic: [
            traffic.add(heavy, _search("x" + FOURFOLD * 199), every=95 / 22, connections=95)
        ],
        "200 characters, 95 in parallel, 22 a second": lambda traffic: [
            traffic.add(heavy, _search("x" + PRIME * 199), every=95 / 22, connections=95)
        ],
        "64 characters, 95 in parallel, 22 a second": lambda traffic: [
            traffic.add(heavy, costliest_word, every=95 / 22, connections=95)
        ],
        "six words in 100 000 tasks, offset 90 000, 40 in parallel": lambda traffic: [
            traffic.add(large, _search(WORDS, "&offset=90000"), every=0, connections=40)
        ],
        f"{ATTACKERS} users search for 64 characters, 22 a second each": lambda traffic: [
            traffic.add(user, costliest_word, every=48 / 22, connections=48) for user in several
        ],
        "an honest user: lists of 10 000 tasks, 8 in parallel": lambda traffic: [
            traffic.add(honest, ["/api/{user}/tasks", "/api/{user}/tasks?sort_by=title&limit=100"], every=0.2,
                        connections=8)
        ],
    }  # fmt: skip
    print("| attack | victim p50 | p95 | × alone | victim's answers | readiness, slowest | the attackers' answers |")
    print("|---|--:|--:|--:|---|--:|---|", flush=True)
    with _service(users) as service:
        victims_paths = ["/api/{user}/tasks"]
        own = http.client.HTTPConnection("127.0.0.1", service.port)
        own.request("GET", f"/api/{victim}/tasks", headers={"Authorization": f"Bearer {token_for(victim)}"})
        victims_paths.append("/api/{user}/tasks/" + json.loads(own.getresponse().read())["data"][0]["id"])
        unloaded = 0.0
        for name, begin in attacks.items():
            traffic = Traffic(service)
            attackers = begin(traffic)
            victims = traffic.add(victim, victims_paths, every=0.05, begin=2 if attackers else 0)
            readiness = traffic.add("", ["/health/ready"], every=0.1)
            with traffic.running(seconds):
                p95 = victims.milliseconds(95)
            unloaded = unloaded or p95
            print(
                f"| {name} | {victims.milliseconds(50):.1f} ms | {p95:.1f} ms | {p95 / unloaded:.1f} | {victims} "
                f"| {1000 * max(readiness.seconds):.0f} ms, {readiness} | {'; '.join(map(str, attackers))} |",
                flush=True,
            )


main(float((*sys.argv[1:], "12")[0]))
