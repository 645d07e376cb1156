"""todo-api seed: realistic tasks, the same for the same seed."""

import json
from itertools import islice
from pathlib import Path

import httpx

from tests.architecture.test_migrations import run
from tests.config.test_settings import PRODUCTION
from tests.support.client import Person, token_for
from tests.support.program import todo_api
from tests.support.service import Service
from todo_api.cli.seed import rows_of, seed_user


def test_the_same_seed_gives_the_same_tasks() -> None:
    assert list(rows_of(3, 50, 7)) == list(rows_of(3, 50, 7))
    assert list(islice(rows_of(3, 50, 7), 10)) == list(rows_of(3, 10, 7))
    assert {row.id for row in rows_of(3, 50, 7)}.isdisjoint(row.id for row in rows_of(4, 50, 7))


def test_the_api_shows_the_seeded_tasks(service: Service, database_url: str, tmp_path: Path) -> None:
    arguments = ["seed", "--users", "3", "--tasks", "40", "--seed", "77"]
    done = todo_api(tmp_path, *arguments, DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    user = seed_user(2, 77)
    headers = {"Authorization": f"Bearer {token_for(user)}"}
    page = httpx.get(f"{service.url}/api/{user}/tasks?limit=100", headers=headers).json()
    expected = sorted(rows_of(2, 40, 77), key=lambda row: (row.created_at, row.id), reverse=True)
    assert [(task["id"], task["title"], task["tags"]) for task in page["data"]] == [
        (str(row.id), row.title, row.tags) for row in expected
    ]
    page_of_search = httpx.get(
        f"{service.url}/api/{user}/tasks", params={"search": expected[0].title}, headers=headers
    ).json()
    assert expected[0].title in json.dumps(page_of_search, ensure_ascii=False)
    pending = sum(row.completed_at is None for row in expected)
    for query, total in (("", 40), ("?status=pending", pending), ("?status=completed", 40 - pending)):
        answer = httpx.get(f"{service.url}/api/{user}/tasks{query}", headers=headers)
        assert answer.json()["total"] == total
        assert answer.headers["etag"].startswith('"r0-')
    (head,) = run(database_url, f"select tasks, pending from heads where user_id = '{user}'")
    assert tuple(head) == (40, pending)
    again = todo_api(tmp_path, *arguments, DATABASE_URL=database_url)
    assert again.returncode == 2
    assert "take another --seed than 77" in again.stderr


def test_production_is_not_seeded(tmp_path: Path) -> None:
    done = todo_api(tmp_path, "seed", **PRODUCTION)
    assert done.returncode == 1
    assert done.stderr.startswith("todo-api: ENVIRONMENT is production")


def test_a_user_who_has_tasks_gets_more(service: Service, database_url: str, ann: Person, tmp_path: Path) -> None:
    own = ann.creates(title="Mine", tags=["home", "work", "garden"])
    run(database_url, f"update heads set made_at = now() - interval '1 day' where user_id = '{ann.user_id}'")
    ann.patch(f"tasks/{own['id']}/complete")
    own = ann.sees(own["id"])
    known = ann.get("tasks").headers["etag"]
    cursor = ann.get("changes").json()["cursor"]
    arguments = ["seed", "--user", ann.user_id, "--tasks", "60"]
    done = todo_api(tmp_path, *arguments, DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    page = ann.get(f"/api/{ann.user_id}/tasks?limit=100").json()
    assert page["total"] == 61
    assert ann.get("tasks", headers={"If-None-Match": known}).status_code == 200
    assert len(ann.get(f"changes?limit=100&cursor={cursor}").json()["changes"]) == 60
    assert ann.get("tasks?status=completed&limit=100").json()["total"] == sum(t["completed"] for t in page["data"])
    assert own in page["data"]
    again = todo_api(tmp_path, *arguments, DATABASE_URL=database_url)
    assert again.returncode == 2
    assert "take another --seed than 1" in " ".join(again.stderr.split())
    assert todo_api(tmp_path, *arguments, "--seed", "2", DATABASE_URL=database_url).returncode == 0
    assert ann.get(f"/api/{ann.user_id}/tasks").json()["total"] == 121


def test_a_bad_user_id_is_not_seeded(tmp_path: Path) -> None:
    done = todo_api(tmp_path, "seed", "--user", "a/b")
    assert done.returncode == 2
    assert "a user id has 1 to 128 characters" in done.stderr
