"""Helpers for erased accounts: users with tokens of any age, and a search for a text in all tables."""

import time
from typing import Any, Final

import httpx

from tests.architecture.test_migrations import run
from tests.support.client import Person
from tests.support.forge import claims, signed
from tests.support.service import Service

_TABLES: Final = """
    select table_name::text as name, bool_or(column_name = 'user_id') as of_users
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and table_type = 'BASE TABLE' group by 1
"""
FRESH: Final = 2
"""Seconds that a new token's `iat` is ahead, so that it is after the second of the erasure. 30 are accepted."""


def holding(service: Service, user: str, **changed: Any) -> Person:
    """The user with a token whose claims are `changed`. Without changes it was issued a minute ago."""
    payload = claims("", user, **{"iat": int(time.time()) - 60, **changed})
    return Person(service.url, user, {"Authorization": f"Bearer {signed({'alg': 'HS256'}, payload)}"})


def afresh(service: Service, person: Person) -> Person:
    """The user with a token that is issued now."""
    return holding(service, person.user_id, iat=int(time.time()) + FRESH)


def erase(person: Person, confirm: str | None = None) -> httpx.Response:
    body = {"confirm": person.user_id if confirm is None else confirm}
    return person.request("DELETE", f"/api/{person.user_id}", json=body)


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, "account_erased"), answer.text
    assert "Not authorized" in answer.json()["detail"]


def tables(url: str) -> dict[str, bool]:
    """The tables of the database, and whether they have a column `user_id`."""
    return dict(map(tuple, run(url, _TABLES)))


def found(url: str, text: str) -> dict[str, int]:
    """Table → its rows that contain the text in any column."""
    counts = {
        name: run(url, f"select count(*) from {name} t where t::text like '%{text}%'")[0][0] for name in tables(url)
    }
    return {name: count for name, count in counts.items() if count}
