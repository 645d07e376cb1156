"""DELETE /api/{user_id}: everything of the user is gone, except for the id in the head row."""

import threading
import time
from uuid import uuid4

import httpx

from tests.architecture.test_migrations import run
from tests.features.test_list_etags import LISTS, age, etags, look
from tests.support.client import Json, Person, errors_of
from tests.support.erasure import afresh, assert_refused, erase, found, holding, tables
from tests.support.service import Service


def day(person: Person, word: str) -> Json:
    """Leaves a row in each table."""
    key = {"Idempotency-Key": f"key{word}"}
    task: Json = person.post("tasks", json={"title": f"title{word}", "tags": [f"tag{word}"]}, headers=key).json()
    person.creates(title=f"deleted{word}", description=f"description{word}", tags=[f"tag{word}", f"other{word}"])
    person.patch(f"tasks/{task['id']}", json={"title": f"new{word}", "description": f"text{word}"})
    person.patch(f"tags/tag{word}", json={"name": f"renamed{word}"})
    gone = person.creates(title=f"gone{word}")
    assert person.delete(f"tasks/{gone['id']}").status_code == 204
    return task


def test_no_table_and_no_log_line_has_anything_of_the_user_except_the_id_in_the_head(
    service: Service, ann: Person, database_url: str
) -> None:
    word = uuid4().hex
    task = day(ann, word)
    before = found(database_url, ann.user_id)
    assert before.keys() == {name for name, of_users in tables(database_url).items() if of_users}, "`day` fills each"
    assert found(database_url, word).keys() >= {"tasks", "tags", "task_tags", "changes", "idempotency_keys"}

    assert erase(ann).status_code == 204
    assert found(database_url, word) == {}
    assert found(database_url, task["id"]) == {}
    assert found(database_url, ann.user_id) == {"heads": 1}
    (head,) = run(database_url, f"select * from heads where user_id = '{ann.user_id}'")
    assert (head["tasks"], head["pending"], head["floor"]) == (0, 0, head["revision"])
    assert head["made_at"] == head["erased_at"]
    assert head["epoch"] > 0
    log = service.log.read_text()
    assert "eraseAccount" not in log
    assert not [text for text in (word, task["id"], ann.user_id) if text in log]


def test_another_user_keeps_everything(ann: Person, bob: Person) -> None:
    task = bob.creates(tags=["a"])
    ann.creates(tags=["a"])
    assert erase(ann).status_code == 204
    assert bob.sees(task["id"]) == task
    assert [tag["name"] for tag in bob.get("tags").json()] == ["a"]


def test_an_erasure_needs_the_users_own_id_as_its_confirmation(ann: Person, bob: Person) -> None:
    task = ann.creates()
    assert errors_of(erase(ann, bob.user_id)) == [("body.confirm", "path_mismatch")]
    assert errors_of(erase(ann, "")) == [("body.confirm", "path_mismatch")]
    path = f"/api/{ann.user_id}"
    assert errors_of(ann.request("DELETE", path, json={})) == [("body.confirm", "missing")]
    assert errors_of(ann.request("DELETE", path, json={"confirm": ann.user_id, "x": 1})) == [
        ("body.x", "extra_forbidden")
    ]
    assert ann.get("/openapi.json").status_code == 200  # Litestar adds the path's parameters to the handlers then
    assert errors_of(ann.request("DELETE", path)) == [("body", "missing")]
    assert ann.request("DELETE", path, content=b"{}").status_code == 415
    assert erase(bob, bob.user_id).status_code == 204
    refused = bob.request("DELETE", path, json={"confirm": ann.user_id})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_path")
    assert ann.sees(task["id"]) == task


def test_a_repeated_erasure_is_204_and_writes_nothing(service: Service, ann: Person, database_url: str) -> None:
    head = f"select * from heads where user_id = '{ann.user_id}'"
    created = int(ann.post("tasks", json={"title": "Buy milk"}).headers["change-id"])
    first = erase(ann)
    assert (first.status_code, first.content, first.headers["change-id"]) == (204, b"", str(created + 1))
    kept = run(database_url, head)
    again = erase(ann)
    assert (again.status_code, "change-id" in again.headers) == (204, False)
    assert run(database_url, head) == kept
    with afresh(service, ann) as signed_in_again:
        assert erase(signed_in_again).status_code == 204
    assert run(database_url, head)[0]["erased_at"] > kept[0]["erased_at"], "the tokens between are refused too"


def test_a_user_who_never_wrote_can_be_erased(service: Service, ann: Person) -> None:
    assert erase(ann).status_code == 204
    assert erase(ann).status_code == 204
    assert_refused(ann.post("tasks", json={"title": "Buy milk"}))
    with afresh(service, ann) as again:
        again.creates()


def test_no_old_etag_is_current(service: Service, ann: Person, database_url: str) -> None:
    ann.creates(tags=["a", "b"])
    age(database_url, ann)
    known = etags(ann)
    assert erase(ann).status_code == 204
    for _ in range(2):
        assert {look(ann, path, tag).status_code for path, tag in known.items()} == {200}
        age(database_url, ann)
    assert set(etags(ann)) == set(LISTS)


def test_the_erasure_ends_a_wait_for_changes(service: Service, ann: Person) -> None:
    ann.creates()
    with holding(service, ann.user_id) as tab:
        cursor = tab.get("changes").json()["cursor"]
        answers: list[httpx.Response] = []
        wait = threading.Thread(
            target=lambda: answers.append(tab.get("changes", params={"cursor": cursor, "wait": 25}))
        )
        wait.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert erase(ann).status_code == 204
        wait.join()
    assert time.monotonic() - began < 5
    assert_refused(answers[0])
