"""Calls of every function that the service calls, as the service sends them."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from todo_api.db.statement import FunctionCall
from todo_api.features.account.repository import ERASE
from todo_api.features.batch.repository import BATCH, BATCH_WITH_KEY
from todo_api.features.changes.reads import MAKE_HEAD
from todo_api.features.tags.writes import REMOVE as REMOVE_TAG
from todo_api.features.tags.writes import RENAME as RENAME_TAG
from todo_api.features.tasks.repository import CHANGE, CREATE, CREATE_WITH_ID, REMOVE
from todo_api.features.trash.repository import EMPTY, PURGE, RESTORE
from todo_api.features.undo.repository import UNDO

ISSUED: Final = datetime.fromtimestamp(0, UTC)
SENT: Final = '{"title": "T", "title_folded": "t", "description_folded": "", "priority": 2, "completed": false}'


def calls(user: str) -> list[tuple[FunctionCall, list[Any]]]:
    """Calls of every function that the service calls, with and without an effect."""
    task, other = uuid4(), uuid4()
    made: list[tuple[FunctionCall, list[Any]]] = [
        (CREATE, [user, task, False, SENT, ["a", "b"], ["a", "b"], None, None, 100, [30, 30]]),
        (CREATE, [user, uuid4(), False, SENT, ["a"], ["a"], "key", b"print", 100, [30, 30]]),
        (CREATE, [user, uuid4(), False, SENT, ["a"], ["a"], "key", b"print", 100, [30, 30]]),
        (CREATE, [user, uuid4(), False, SENT, ["a"], ["a"], None, None, 1, [30, 30]]),
        (CREATE_WITH_ID, [user, task, True, SENT, ["a"], ["a"], "another key", b"print", 100, [30, 30]]),
        (CHANGE, [user, task, '{"title": "U", "title_folded": "u"}', ["b", "c"], ["b", "c"], None, False, [30, 30]]),
        (CHANGE, [user, task, "{}", None, None, [1], False, [30, 30]]),
        (CHANGE, [user, task, '{"priority": 1}', None, None, [1], True, [30, 30]]),
        (CHANGE, [user, task, '{"toggle": true}', None, None, None, False, [30, 30]]),
        (CHANGE, [user, uuid4(), '{"toggle": true}', None, None, None, False, [30, 30]]),
        (RENAME_TAG, [user, "b", "z", "z", 100, [30, 30]]),
        (RENAME_TAG, [user, "z", "z", "z", 100, [30, 30]]),
        (RENAME_TAG, [user, "a", "c", "c", 0, [30, 30]]),
        (RENAME_TAG, [user, "a", "c", "c", 100, [30, 30]]),
        (REMOVE_TAG, [user, "c", 100, [30, 30]]),
        (REMOVE_TAG, [user, "c", 100, [30, 30]]),
        (REMOVE, [user, task, None, [30, 30]]),
        (REMOVE, [user, task, None, [30, 30]]),
        (RESTORE, [user, task, [1], None, None, 100, [30, 30]]),
        (RESTORE, [user, task, None, "restore", b"print", 100, [30, 30]]),
        (RESTORE, [user, task, None, "restore", b"print", 100, [30, 30]]),
        (RESTORE, [user, uuid4(), None, None, None, 100, [30, 30]]),
        (REMOVE, [user, task, None, [30, 30]]),
        (PURGE, [user, task, [1], [30, 30]]),
        (PURGE, [user, task, None, [30, 30]]),
        (PURGE, [user, task, None, [30, 30]]),
        (CREATE, [user, other, False, SENT, ["Ä"], ["ä"], None, None, 100, [30, 30]]),
        (REMOVE, [user, other, None, [30, 30]]),
        (EMPTY, [user, 100, [30, 30]]),
        (EMPTY, [user, 100, [30, 30]]),
        *undo_calls(user),
        *batch_calls(user),
        (MAKE_HEAD, [user]),
        (ERASE, [user, 7, 1]),
        (ERASE, [user, 7, 100]),
        (ERASE, [user, 7, 100]),
    ]
    return [(call, [me, ISSUED, *values]) for call, (me, *values) in made]


def batch_calls(user: str) -> list[tuple[FunctionCall, list[Any]]]:
    """Batches that do all, a part or nothing, with and without a key, and one of each operation."""
    task = uuid4()
    create = f'{{"op": "create", "id": "{uuid4()}", "own_id": false, "sent": {SENT}, "names": ["a"], "folded": ["a"]}}'
    change = f'{{"op": "update", "id": "{task}", "sent": {{"toggle": true}}, "merge": false}}'
    remove, restore = (f'{{"op": "{op}", "id": "{task}"}}' for op in ("delete", "restore"))

    def batch(operations: str, *, atomic: bool = True, key: str | None = None) -> tuple[FunctionCall, list[Any]]:
        values = [user, f"[{operations}]", atomic, key, key and b"print", uuid4(), 100, [30, 30]]
        return BATCH_WITH_KEY if key else BATCH, values

    return [
        (CREATE, [user, task, False, SENT, ["b"], ["b"], None, None, 100, [30, 30]]),
        batch(f"{create}, {change}"),
        batch(f"{create}, {change}"),
        batch(f"{create}, {change}", atomic=False),
        batch(remove, key="batch"),
        batch(remove, key="batch"),
        batch(restore),
        batch(f"{restore}, {create}", atomic=False, key="batches"),
        batch(f"{restore}, {create}", atomic=False, key="batches"),
        batch(remove),
    ]


def undo_calls(user: str) -> list[tuple[FunctionCall, list[Any]]]:
    """Undos of each kind of write, most of them several times."""
    one, two = uuid4(), uuid4()
    text = '{"title": "Ü", "title_folded": "ü"}'

    def undo(change: int, key: str | None = None) -> tuple[FunctionCall, list[Any]]:
        return UNDO, [user, change, key, None if key is None else b"print", 100, [30, 30]]

    return [
        (CREATE, [user, one, False, SENT, ["ß", "b"], ["ss", "b"], None, None, 100, [30, 30]]),
        (CREATE, [user, two, False, SENT, ["ß"], ["ss"], None, None, 100, [30, 30]]),
        (CHANGE, [user, one, text, ["c"], ["c"], None, False, [30, 30]]),
        *map(undo, range(1, 26)),
        (RENAME_TAG, [user, "ß", "b", "b", 100, [30, 30]]),
        *map(undo, range(22, 40)),
        (CREATE, [user, uuid4(), False, SENT, ["a"], ["a"], None, None, 100, [30, 30]]),
        *(undo(change, "undo") for change in range(20, 60)),
        *(undo(change, "undo") for change in range(20, 60)),
        undo(10**6),
    ]
