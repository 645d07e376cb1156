"""Tokens that were issued before an account was erased, and those that were issued later."""

import time
from typing import Any
from uuid import uuid4

import pytest

from tests.architecture.test_migrations import run
from tests.support.client import Json, Person, fresh_user
from tests.support.erasure import afresh, assert_refused, erase, found, holding
from tests.support.service import Service


def calls(task_id: str) -> list[tuple[str, str, Json | None]]:
    """Every write, and the changes."""
    return [
        ("POST", "tasks", {"title": "Unsent"}),
        ("POST", "tasks", {"title": "Unsent", "id": str(uuid4())}),
        ("PATCH", f"tasks/{task_id}", {"title": "Unsent"}),
        ("PUT", f"tasks/{task_id}", {"title": "Unsent"}),
        ("PATCH", f"tasks/{task_id}/complete", None),
        ("DELETE", f"tasks/{task_id}", None),
        ("PATCH", "tags/a", {"name": "b"}),
        ("DELETE", "tags/a", None),
        ("GET", "changes", None),
    ]


@pytest.mark.parametrize(
    "issued",
    [
        pytest.param(lambda now: {"iat": now - 600}, id="before"),
        pytest.param(lambda now: {"iat": now}, id="in that second"),
        pytest.param(lambda now: {"iat": now + 0.999}, id="in that second, with a fraction"),
        pytest.param(lambda now: {"iat": ..., "exp": now + 7 * 86400}, id="without iat"),
    ],
)
def test_a_token_from_before_is_refused_for_everything_but_reads(
    service: Service, ann: Person, database_url: str, issued: Any
) -> None:
    task = ann.creates(tags=["a"])
    assert erase(ann).status_code == 204
    (row,) = run(database_url, f"select erased_at from heads where user_id = '{ann.user_id}'")
    with holding(service, ann.user_id, **issued(int(row[0].timestamp()))) as old:
        for method, path, body in calls(task["id"]):
            assert_refused(old.request(method, path, json=body))
        assert old.get("tasks").json()["data"] == []
        assert old.get("tags").json() == []
        assert old.get("limits").json()["tasks"]["used"] == 0
        unknown = old.get(f"tasks/{uuid4()}")
        assert (unknown.status_code, unknown.content) == (404, old.get(f"tasks/{task['id']}").content)
    assert found(database_url, ann.user_id) == {"heads": 1}


def test_a_token_of_the_next_second_works_as_for_a_new_user(service: Service, ann: Person, database_url: str) -> None:
    ann.creates(title="Before", tags=["a"])
    assert erase(ann).status_code == 204
    (row,) = run(database_url, f"select erased_at, revision from heads where user_id = '{ann.user_id}'")
    with holding(service, ann.user_id, iat=int(row["erased_at"].timestamp()) + 1) as again:
        page = again.get("changes").json()
        assert (page["changes"], page["change_id"]) == ([], row["revision"])
        task = again.creates(title="After", tags=["b"])
        answer = again.patch(f"tasks/{task['id']}", json={"title": "Later"})
        assert int(answer.headers["change-id"]) == row["revision"] + 2
        assert [each["title"] for each in again.get("tasks").json()["data"]] == ["Later"]
        assert again.get("tags").json() == [{"name": "b", "usage_count": 1}]
        assert again.get("limits").json()["tasks"]["used"] == 1
        assert len(again.get("changes", params={"cursor": page["cursor"]}).json()["changes"]) == 1
        assert again.delete(f"tasks/{task['id']}").status_code == 204


def test_a_token_without_iat_is_accepted_when_none_from_before_can_live(
    service: Service, ann: Person, database_url: str
) -> None:
    assert erase(ann).status_code == 204
    run(database_url, f"update heads set erased_at = now() - interval '7 days' where user_id = '{ann.user_id}'")
    with holding(service, ann.user_id, iat=..., exp=int(time.time()) + 600) as later:
        later.creates()


def test_the_clock_of_the_issuer_may_be_ahead(service: Service) -> None:
    """The erasure counts by that clock, if it is ahead of the database's."""
    ahead = int(time.time()) + 20
    with holding(service, fresh_user("ann"), iat=ahead - 5) as tab:
        tab.creates()
        with holding(service, tab.user_id, iat=ahead) as ann:
            assert erase(ann).status_code == 204
        assert_refused(tab.post("tasks", json={"title": "Unsent"}))
        with holding(service, tab.user_id, iat=ahead + 1) as later:
            later.creates()


def test_the_unsent_edits_of_another_tab_do_not_fill_the_account_again(
    service: Service, ann: Person, database_url: str
) -> None:
    """The second tab has a token, a copy of the tasks and edits. It sends them after the first erased the account."""
    with holding(service, ann.user_id, iat=int(time.time()) - 30) as tab:
        key = {"Idempotency-Key": uuid4().hex}
        task = tab.post("tasks", json={"title": "Sent"}, headers=key).json()
        cursor = tab.get("changes").json()["cursor"]
        assert erase(ann).status_code == 204
        unsent = [
            tab.post("tasks", json={"title": "Sent"}, headers=key),
            tab.post("tasks", json={"title": "Unsent", "id": str(uuid4())}, headers={"Idempotency-Key": uuid4().hex}),
            tab.patch(f"tasks/{task['id']}", json={"title": "Unsent"}, headers={"If-Match": '"1"'}),
            tab.put(f"tasks/{task['id']}", json=task),
            tab.get("changes", params={"cursor": cursor}),
            tab.get("changes"),
        ]
        for answer in unsent:
            assert_refused(answer)
    assert found(database_url, ann.user_id) == {"heads": 1}
    with afresh(service, ann) as again:
        expired = again.get("changes", params={"cursor": cursor})
        assert (expired.status_code, expired.json()["code"]) == (410, "cursor_expired")
        assert again.get("changes").json()["changes"] == []


def test_an_old_erasure_that_comes_late_spares_what_a_new_token_wrote(service: Service, ann: Person) -> None:
    ann.creates()
    assert erase(ann).status_code == 204
    with afresh(service, ann) as again:
        task = again.creates(title="New")
        assert_refused(erase(ann))
        assert again.delete(f"tasks/{task['id']}").status_code == 204
        assert_refused(erase(ann))
