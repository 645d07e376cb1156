"""Schedules: what three devices do, at once or one after another, and what fails meanwhile."""

from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from tests.concurrency.sync.device import Fault

DEVICES = 3

Kind = Literal[
    "create", "edit", "complete", "delete", "rename tag", "remove tag", "revive",
    "flush", "sync", "offline", "online", "crash", "lose",
]  # fmt: skip
Disaster = Literal["none", "kill", "cut", "age", "restore"]
"""`age`: the log is a month older. `restore`: a backup is made, and restored some rounds later."""


class Action(NamedTuple):
    """An action of one device. Each kind uses some of the other values."""

    kind: Kind
    fault: Fault = "none"
    which: int = 0
    """Of the tasks that the device knows."""
    body: Any = None
    guarded: bool = False
    """With If-Match."""
    made_with: Literal["key", "id", "both"] = "both"
    limit: int = 100
    pages: int = 100
    store: bool = True


class Round(NamedTuple):
    """Actions of different devices at the same time, by device."""

    actions: dict[int, Action]
    disaster: Disaster = "none"
    after: int = 0
    """How far the requests get before a kill or cut: turns of the event loop. A third of it: rounds until a restore."""


class Schedule(NamedTuple):
    rounds: list[Round]
    tasks: int = 0
    """From before there were revisions."""
    start: int = 0
    """The head's revision at the beginning. Old entries of the log are deleted at each 32nd revision."""


_FAULT = st.sampled_from(["none", "none", "none", "none", "request lost", "answer lost", "late", "twice"])
_WHICH = st.integers(0, 7)
_TEXT = st.sampled_from(["a", "b", "c"])
_TAGS = st.sets(st.sampled_from(["x", "y", "z"])).map(sorted)
_FIELDS: dict[str, Any] = {
    "description": _TEXT | st.none(),
    "tags": _TAGS,
    "priority": st.sampled_from(["High", "Medium", "Low"]),
    "due_date": st.sampled_from(["2026-12-24", "2026-12-31"]) | st.none(),
    "completed": st.booleans(),
}
_NEW = st.fixed_dictionaries({"title": _TEXT}, optional=_FIELDS)
_CHANGES = st.fixed_dictionaries({}, optional={"title": _TEXT, **_FIELDS})
_LIMIT = st.sampled_from([1, 1, 2, 3, 5, 100])


def _action(kind: Kind, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Action]:
    return st.fixed_dictionaries(values).map(lambda drawn: Action(kind, **drawn))


_SYNC = _action("sync", limit=_LIMIT, pages=st.sampled_from([1, 2, 100, 100]), store=st.booleans(), fault=_FAULT)
_GUARDED = {"which": _WHICH, "guarded": st.booleans(), "fault": _FAULT}
_CREATE = _action("create", body=_NEW, made_with=st.sampled_from(["key", "id", "both"]), fault=_FAULT)
_EDIT = _action("edit", body=_CHANGES, **_GUARDED)
_DELETE = _action("delete", **_GUARDED)
_NAMES = st.tuples(st.sampled_from(["x", "y", "z"]), st.sampled_from(["x", "y", "z"]))
_WRITE = st.one_of(
    _CREATE,
    _CREATE,
    _EDIT,
    _EDIT,
    _action("complete", body=st.fixed_dictionaries({"completed": st.booleans()}), **_GUARDED),
    _DELETE,
    _DELETE,
    _action("rename tag", body=_NAMES, fault=_FAULT),
    _action("remove tag", body=_NAMES, fault=_FAULT),
)
_OTHER = st.one_of(
    _action("revive", which=_WHICH, fault=_FAULT),
    _action("flush", fault=_FAULT),
    _action("offline"),
    _action("online", fault=_FAULT),
    _action("online", fault=_FAULT),
    _action("crash"),
    _action("lose"),
)
_ACTION: st.SearchStrategy[Action] = st.integers(0, 9).flatmap(
    lambda n: _WRITE if n < 5 else _SYNC if n < 8 else _OTHER
)
_DISASTERS = ("none",) * 32 + ("kill", "cut", "cut", "age", "age", "restore", "restore")
_ROUND = st.builds(
    Round,
    st.dictionaries(st.integers(0, DEVICES - 1), _ACTION, min_size=1, max_size=DEVICES),
    st.sampled_from(_DISASTERS),
    st.integers(0, 12),
)
SCHEDULES: st.SearchStrategy[Schedule] = st.builds(
    Schedule,
    # A list without a drawn size would be short nearly always.
    st.integers(1, 30).flatmap(lambda rounds: st.lists(_ROUND, min_size=rounds, max_size=rounds)),
    st.sampled_from([0, 2, 5]),
    st.sampled_from([0, 20, 27, 30, 31]),
)
