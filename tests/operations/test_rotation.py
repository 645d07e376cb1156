"""The secret is rotated without signing anybody out: the steps of docs/operations.md, "A new secret"."""

from pathlib import Path

from tests.support.client import fresh_user
from tests.support.production import in_production, somebody
from tests.support.service import Service

OLD = "the-old-secret-0123456789abcdefghijklmn"
NEW = "the-new-secret-0123456789abcdefghijklmn"


def statuses(service: Service, user: str) -> tuple[int, int]:
    """The status for a token that is signed with the old secret, and for one that is signed with the new secret."""
    with somebody(service, user, OLD) as before, somebody(service, user, NEW) as after:
        return before.get("tasks").status_code, after.get("tasks").status_code


def test_a_new_secret_signs_nobody_out(database_url: str, tmp_path: Path) -> None:
    user = fresh_user("ann")
    steps = {OLD: (200, 401), f"{OLD},{NEW}": (200, 200), NEW: (401, 200)}
    for secrets, expected in steps.items():
        with in_production(tmp_path, database_url, BETTER_AUTH_SECRET=secrets) as service:
            assert statuses(service, user) == expected
    for secret in (OLD, NEW):
        assert secret not in (tmp_path / "service.log").read_text()
