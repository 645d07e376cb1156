"""RATE_LIMIT counts by the `sub` of a verified token, otherwise by address."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.client import Person, fresh_user, token_for
from tests.support.forge import claims, signed
from tests.support.routes import make_app, send
from tests.support.service import ORIGIN, SECRET, Service, running

BURST = 20
LIMIT = f"1/{BURST}"
"""One a second, so that a slow machine changes little."""


@pytest.fixture(scope="module")
def limited(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"DATABASE_URL": database_url, "RATE_LIMIT": LIMIT}
    with running(tmp_path_factory.mktemp("service"), settings) as service:
        yield service


@pytest.fixture
def spent(limited: Service) -> Iterator[Person]:
    """A user who has used up the limit."""
    with Person(limited.url, fresh_user("spent")) as person:
        deadline = time.monotonic() + 30
        while person.get("tasks").status_code != 429:
            assert time.monotonic() < deadline
        yield person


def test_a_burst_passes_and_the_rest_waits(limited: Service) -> None:
    with Person(limited.url, fresh_user("ann")) as ann:
        answers = [ann.get("tasks") for _ in range(3 * BURST)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:BURST] == [200] * BURST
    assert set(statuses[BURST:]) == {200, 429} or set(statuses[BURST:]) == {429}
    assert [int(answer.headers["ratelimit-remaining"]) for answer in answers[:2]] == [BURST - 1, BURST - 2]
    for answer in answers:
        assert answer.headers["ratelimit-limit"] == str(BURST)
        assert answer.headers["ratelimit-policy"] == f"{BURST};w={BURST}"
        assert 0 < int(answer.headers["ratelimit-reset"]) <= BURST


def test_429_says_when_to_retry_and_that_is_true(spent: Person) -> None:
    refused = spent.post("tasks", json={"title": "a"}, headers={"Origin": ORIGIN})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert int(refused.headers["ratelimit-remaining"]) == 0
    time.sleep(int(refused.headers["retry-after"]))
    assert spent.post("tasks", json={"title": "a"}).status_code == 201
    assert spent.get("/health").status_code == 200


def test_others_behind_the_same_address_do_not_notice(limited: Service, spent: Person) -> None:
    with Person(limited.url, fresh_user("bob")) as bob:
        assert bob.get("tasks").status_code == 200
    assert spent.user_id


def test_no_header_and_no_new_token_gives_more(spent: Person) -> None:
    for headers in (
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
        {"Authorization": f"Bearer {token_for(spent.user_id, 600)}"},
    ):
        answers = {spent.get("//api/" + spent.user_id + "/tasks/", headers=headers).status_code for _ in range(3)}
        assert 429 in answers


def test_another_users_path_and_unknown_paths_count_too(limited: Service) -> None:
    with Person(limited.url, fresh_user("ann")) as ann:
        refused = [ann.get(path).status_code for path in ("/api/bob/tasks", "/nowhere") * BURST]
    assert {403, 404, 429} == set(refused)


def test_a_flood_without_tokens_is_stopped_and_users_get_through(limited: Service) -> None:
    def request(number: int) -> httpx.Response:
        headers = {"Authorization": f"Bearer a.b.{number}", "X-Forwarded-For": f"203.0.113.{number}"}
        return anyone.get("/api/ann/tasks", headers=headers if number % 2 else {})

    with httpx.Client(base_url=limited.url, timeout=30) as anyone, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(request, range(BURST * 4)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(429) > statuses.count(401)
    for answer in answers:
        assert ("retry-after" in answer.headers) == (answer.status_code == 429)
        assert answer.headers["ratelimit-limit"] == str(BURST)
        assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    with Person(limited.url, fresh_user("ann")) as ann:
        assert ann.get("tasks").status_code == 200
    assert httpx.get(f"{limited.url}/health").status_code == 200


def expired_token(user_id: str, seconds_ago: int = 60, secret: bytes = SECRET.encode()) -> str:
    now = int(time.time())
    payload = claims("", user_id, iat=now - seconds_ago - 600, exp=now - seconds_ago)
    return signed({"alg": "HS256"}, payload, secret)


def test_behind_a_flooded_address_a_token_that_has_just_expired_gets_401() -> None:
    app = make_app(RATE_LIMIT=LIMIT)

    def status(authorization: str) -> int:
        return send(app, headers={"Authorization": authorization}).status_code

    while status("") != 429:
        pass
    response = send(app, headers={"Authorization": f"Bearer {expired_token('ann')}"})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="todo-api", error="invalid_token"'
    assert "retry-after" not in response.headers
    assert response.headers["ratelimit-remaining"] == str(BURST - 1), "counted for ann"
    for other in (expired_token("ann", 2 * 3600), expired_token("ann", secret=b"x" * 32), token_for("ann") + "x"):
        assert status(f"Bearer {other}") == 429


def test_a_flood_of_expired_tokens_counts_for_their_user_alone() -> None:
    app = make_app(RATE_LIMIT=LIMIT)
    expired = {"Authorization": f"Bearer {expired_token('ann')}"}
    responses = [send(app, headers=expired) for _ in range(BURST + 10)]
    assert [response.status_code for response in responses[:BURST]] == [401] * BURST
    assert responses[-1].status_code == 429
    assert int(responses[-1].headers["retry-after"]) == 1
    assert send(app).status_code == 429, "a valid token of ann has the same bucket"
    for other in (f"Bearer {expired_token('bob')}", ""):
        response = send(app, headers={"Authorization": other})
        assert (response.status_code, response.headers["ratelimit-remaining"]) == (401, str(BURST - 1))


def test_off_means_off(ann: Person) -> None:
    answer = ann.get("tasks")
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


def test_a_batch_counts_as_many_requests_as_it_has_operations(limited: Service) -> None:
    """Also one with more operations than the burst: the requests after it wait."""
    with Person(limited.url, fresh_user("batch")) as ann:
        few = {"operations": [{"op": "create", "task": {"title": "a"}}] * 5}
        many = {"operations": few["operations"] * 10}
        first = ann.post("batch", json=few)
        assert (first.status_code, int(first.headers["ratelimit-remaining"])) == (200, BURST - 5)
        bad = ann.post("batch", json={"operations": [{"op": "create", "task": {}}] * 5})
        assert (bad.status_code, int(bad.headers["ratelimit-remaining"])) == (400, BURST - 6)
        second = ann.post("batch", json=many)
        assert (second.status_code, second.headers["ratelimit-remaining"]) == (200, "0")
        refused = ann.get("tasks")
        assert refused.status_code == 429
        assert 55 - BURST < int(refused.headers["retry-after"]) <= 57 - BURST


def test_a_large_body_that_is_refused_counts_as_one_request_for_each_64_kib(limited: Service) -> None:
    """It takes the time of as many refused bodies of the other routes."""
    with Person(limited.url, fresh_user("large")) as ann:
        body = b'{"operations":[%b1]}' % (b"1," * 80_000)
        bad = ann.post("batch", content=body, headers={"Content-Type": "application/json"})
        assert (bad.status_code, int(bad.headers["ratelimit-remaining"])) == (400, BURST - 3)
        small = ann.post("batch", json={"operations": []})
        assert (small.status_code, int(small.headers["ratelimit-remaining"])) == (400, BURST - 4)
