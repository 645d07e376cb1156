"""Compares the stored tasks and the log of changes with the ledger."""

import json
from collections import Counter, defaultdict
from typing import Any, Final

import asyncpg

from tests.support.client import Json
from tests.support.ledger import Ledger, Write, content
from todo_api.features.tasks.columns import PRIORITIES

_TASKS: Final = """
    select id::text, title, description, completed_at is not null as completed, priority, due_date::text, version,
        array(select tag from task_tags l where l.user_id = t.user_id and l.task_id = t.id order by tag) as tags
    from tasks t where user_id = any($1)
"""
_LOG: Final = """
    select revision, task_id::text, op, version, before::text from changes where user_id = $1 order by revision
"""
_HEAD: Final = "select revision from heads where user_id = $1"
_REVISIONS: Final = "select id::text, revision from tasks where user_id = $1"


async def compare_tasks(connection: asyncpg.Connection, ledger: Ledger, users: list[str]) -> int:
    """Counts what is wrong in the ledger. Returns the number of tasks that these users have."""
    expected = ledger.tasks()
    rows = {row["id"]: dict(row) for row in await connection.fetch(_TASKS, users)}
    for task_id, row in rows.items():
        row["priority"] = PRIORITIES[row["priority"] - 1]
        task = expected.pop(task_id, None)
        if ledger.expect(task is not None, "a task is stored that was deleted, or that nobody created") and task:
            same = content(row) == content(task) and row["version"] == task["version"]
            ledger.expect(same, "a stored task is not as the last write answered")
    ledger.expect(not expected, "an acknowledged task is not stored")
    return len(rows)


async def compare_log(connection: asyncpg.Connection, ledger: Ledger, users: list[str], new: str) -> Counter[str]:
    """Counts what is wrong in the ledger. Returns the numbers of writes that are in the log, and are not, by writer.

    `new`: the writer whose writes must be in the log. Those of other writers must not be there.
    """
    counts: Counter[str] = Counter()
    versions = ledger.versions()
    by_user: dict[str, list[Write]] = defaultdict(list)
    for write in ledger.writes:
        by_user[write.user].append(write)
    for user in users:
        entries = await connection.fetch(_LOG, user)
        revisions = [entry["revision"] for entry in entries]
        head = await connection.fetchval(_HEAD, user)
        ledger.expect(revisions == list(range(1, len(revisions) + 1)), "the log has a gap")
        ledger.expect((head or 0) == len(revisions), "the head is not the number of entries")
        logged = {entry["revision"]: entry for entry in entries}
        newest: dict[str, int] = {}
        for write in by_user[user]:
            if write.writer != new:
                ledger.expect(write.change_id is None, "an answer of the old version has a Change-Id")
                counts[f"{write.writer}, not in the log"] += 1
                continue
            entry = logged.pop(write.change_id or 0, None)
            if not ledger.expect(entry is not None, "a write of the new version is not in the log"):
                continue
            counts[f"{new}, in the log"] += 1
            ledger.expect(_same(write, entry, versions), "an entry of the log is not about its write")
            newest[write.task_id] = max(newest.get(write.task_id, 0), write.change_id or 0)
        ledger.expect(not logged, "the log has an entry without an acknowledged write")
        stored = {row["id"]: row["revision"] for row in await connection.fetch(_REVISIONS, user)}
        true = all(revision == newest.get(task_id, 0) for task_id, revision in stored.items())
        ledger.expect(true, "the revision of a task is not that of its last logged write")
    return counts


def _same(write: Write, entry: Any, versions: dict[tuple[str, int], Json]) -> bool:
    """Whether the entry names the write's task, version and operation, and has the old values of what it changed."""
    before: Json = json.loads(entry["before"] or "{}")
    if write.task is None:
        last = versions[write.task_id, entry["version"] - 1]
        return (entry["task_id"], entry["op"]) == (write.task_id, "remove") and _old(before, last) == last
    version = write.task["version"]
    op = "create" if version == 1 else "change"
    if (entry["task_id"], entry["op"], entry["version"]) != (write.task_id, op, version):
        return False
    if version == 1:
        return entry["before"] is None
    last, now = versions[write.task_id, version - 1], content(write.task)
    return _old(before, last) == {name: value for name, value in last.items() if now[name] != value}


def _old(before: Json, last: Json) -> Json:
    """The fields in `before`, a JSON of columns, as they are in an answer."""
    fields = {"completed" if name == "completed_at" else name: value for name, value in before.items()}
    if "completed" in fields:
        fields["completed"] = fields["completed"] is not None
    if "priority" in fields:
        fields["priority"] = PRIORITIES[fields["priority"] - 1]
    return {name: fields[name] for name in last if name in fields}
