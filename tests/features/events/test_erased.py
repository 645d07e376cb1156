"""Streams of accounts that are erased, and of users who have no head row yet."""

from uuid import uuid4

import pytest

from tests.architecture.test_migrations import run
from tests.features.changes.test_list import kinds
from tests.support.client import Person, fresh_user
from tests.support.erasure import afresh, assert_refused, erase, holding
from tests.support.events import streaming
from tests.support.service import Service

_OLD_TASK = "insert into tasks (user_id, id, title, priority, title_folded, description_folded) values {}"


@pytest.mark.parametrize("tasks", [0, 2])
def test_an_erasure_ends_the_stream_and_old_tokens_open_none(service: Service, tasks: int) -> None:
    with holding(service, fresh_user("ann")) as ann, afresh(service, ann) as again:
        for _ in range(tasks):
            ann.creates()
        with streaming(ann) as events:
            begin = events.next().id
            assert erase(ann).status_code == 204
            (end,) = events.rest()
        assert (end.name, end.data["code"]) == ("end", "cursor_expired")
        for headers in ({}, {"Last-Event-ID": begin or ""}):
            assert_refused(ann.get("events", headers=headers))
        with streaming(again) as events, streaming(again) as others:
            assert [events.next().name, others.next().name] == ["ready", "ready"]
            assert_refused(ann.get("events"))
            again.creates(title="new")
            for each in (events, others):
                assert kinds(each.next().data) == [("task", "new")]


@pytest.mark.parametrize("tasks", [0, 1])
def test_now_is_a_cursor_of_a_user_who_has_no_head_row(ann: Person, database_url: str, tasks: int) -> None:
    """With tasks from before there were revisions, and without."""
    for _ in range(tasks):
        run(database_url, _OLD_TASK.format(f"('{ann.user_id}', '{uuid4()}', 'old', 2, 'old', '')"))
    with streaming(ann) as events:
        begin = events.next().id or ""
    assert ann.get("changes", params={"cursor": begin}).json()["changes"] == []
    with streaming(ann, begin) as events:
        assert events.next().id == begin
        ann.creates(title="new")
        assert kinds(events.next().data) == [("task", "new")]
