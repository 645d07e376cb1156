"""Runs Schemathesis over the whole OpenAPI document, with all phases and all checks."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.client import fresh_user, token_for

_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_CONFIGURATION = """
[parameters]
"path.user_id" = "{user}"
# Without this Schemathesis sends 0, which the pattern does not allow.
"header.If-Match" = "*"
"header.If-None-Match" = '"1"'

# A stale version is 412. The HTTP server itself refuses a head of more than 16 KiB, so also a path that is too long.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429, "5xx"]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 414, 415, 422, 428, 429, 431, "5xx"]

# A schema cannot say which cursors the service has issued, nor that `cursor` excludes `offset`.
[[operations]]
include-name = "GET /api/{{user_id}}/tasks"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 429, "5xx"]

[[operations]]
include-name = "GET /api/{{user_id}}/changes"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 410, 429, "5xx"]

[[operations]]
include-name = "GET /api/{{user_id}}/trash"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 429, "5xx"]

[[operations]]
include-name = "GET /api/{{user_id}}/tasks/{{task_id}}/history"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 429, "5xx"]

# A schema cannot say which writes the log still has. It counts 1.0 as an integer, and the service does not.
[[operations]]
include-name = "POST /api/{{user_id}}/undo"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 410, 429, "5xx"]

# A schema cannot say that no id may be named twice. `if_version` is not 1.0 either.
[[operations]]
include-name = "POST /api/{{user_id}}/batch"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 412, 429, "5xx"]

# A schema cannot say that the user id of the body is that of the path.
[[operations]]
include-name = "DELETE /api/{{user_id}}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 429, "5xx"]

# A schema cannot say that `id` and `user_id` of the body are those of the path.
[[operations]]
include-name = "PUT /api/{{user_id}}/tasks/{{task_id}}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 412, 429, "5xx"]
"""
_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {
    "NO_COLOR": "1",
    "COLUMNS": "120",
    "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
    "PYTHONPATH": str(_ROOT),
}
_CASES = re.compile(r"(\d+) generated")


def schemathesis(url: str, directory: Path, examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Runs as a fresh user, whose id is in every generated path: any other path is only 403."""
    user = fresh_user("fuzz")
    (directory / "schemathesis.toml").write_text(_CONFIGURATION.format(user=user))
    return subprocess.run(
        [
            _SCHEMATHESIS, "--config-file", directory / "schemathesis.toml", "run", f"{url}/openapi.json",
            "--header", f"Authorization: Bearer {token_for(user)}",
            "--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--max-examples", str(examples),
            # A stream has no end, so its answer would never be read. tests/features/events has its tests.
            "--exclude-operation-id", "streamEvents",
            "--seed", str(seed), "--continue-on-failure", "--generation-database", "none", "--no-color",
        ],
        cwd=directory,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def cases_of(done: subprocess.CompletedProcess[str]) -> int:
    match = _CASES.search(done.stdout)
    return int(match[1]) if match else 0
