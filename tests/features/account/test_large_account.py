"""An account of more rows than one call of the function deletes."""

from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from tests.architecture.test_migrations import run
from tests.features.account.test_erase import day
from tests.support.client import Person
from tests.support.erasure import afresh, assert_refused, erase, found
from tests.support.service import Service


def test_an_account_of_more_rows_than_one_call_deletes(service: Service, ann: Person, database_url: str) -> None:
    """Between two calls every token is refused, and any of them may continue. 204 comes after the last."""
    day(ann, uuid4().hex)
    for number in range(5):
        ann.creates(title=f"{number}", tags=["a", f"{number}"])
    me, issued = ann.user_id, datetime.now(UTC)
    call = f"select outcome from writes_1.erase_user('{me}', '{issued}', 1, 2)"
    assert run(database_url, call)[0][0] == "more"
    assert found(database_url, me).keys() > {"heads"}
    with afresh(service, ann) as again:
        for person in (ann, again):
            assert_refused(person.post("tasks", json={"title": "Unsent"}))
            assert_refused(person.get("changes"))
    outcomes = ["more"]
    while outcomes[-1] == "more":
        outcomes.append(run(database_url, call)[0][0])
    assert (outcomes[-1], len(outcomes) > 5) == ("erased", True)
    assert found(database_url, me) == {"heads": 1}


def test_a_request_ends_an_erasure_that_was_interrupted(service: Service, ann: Person, database_url: str) -> None:
    for _ in range(3):
        ann.creates(tags=["a"])
    run(database_url, f"select outcome from writes_1.erase_user('{ann.user_id}', null, 1, 1)")
    with afresh(service, ann) as again:
        assert_refused(again.post("tasks", json={"title": "Unsent"}))
        assert erase(ann).status_code == 204
        assert found(database_url, ann.user_id) == {"heads": 1}
        assert again.post("tasks", json={"title": "New"}).status_code == 201


_MANY: Final = """
    insert into tags (user_id, name, name_folded) select '{0}', 'tag ' || i, 'tag ' || i from generate_series(1, 50) i;
    insert into tasks (user_id, id, title, priority, title_folded, description_folded, revision)
    select '{0}', gen_random_uuid(), 'Buy milk', 2, 'buy milk', '', i from generate_series(1, 25000) i;
    insert into task_tags (user_id, task_id, tag)
    select '{0}', id, 'tag ' || (1 + revision % 50) from tasks where user_id = '{0}';
    insert into changes (user_id, revision, at, task_id, op, version)
    select '{0}', 1 + i, now(), gen_random_uuid(), 'remove', 2 from generate_series(1, 41000) i;
    update heads set revision = 41001, tasks = 25001, pending = null where user_id = '{0}'
"""


def test_a_large_account_is_erased_by_one_request(service: Service, ann: Person, database_url: str) -> None:
    ann.creates()
    for statement in _MANY.format(ann.user_id).split(";"):
        run(database_url, statement)
    answer = erase(ann)
    assert answer.status_code == 204, answer.text
    assert int(answer.headers["change-id"]) > 41001
    assert found(database_url, ann.user_id) == {"heads": 1}
