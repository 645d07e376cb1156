"""Schemathesis over the whole document, with all its checks: examples, coverage, fuzzing and stateful."""

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
# Left alone it sends 0, whatever the pattern says.
"header.If-Match" = "*"
"header.If-None-Match" = '"1"'

# A version that is none any more is 412; a path that is too long may be refused by the server itself, as is all else in
# a head of more than 16 KiB.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429, "5xx"]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 414, 415, 422, 428, 429, 431, "5xx"]

# No schema can say which cursor is one of ours, nor that it stands instead of `offset`.
[[operations]]
include-name = "GET /api/{{user_id}}/tasks"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 429, "5xx"]
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
    """A run as a fresh user, whose id every generated path has: with another it would see 403 only."""
    user = fresh_user("fuzz")
    (directory / "schemathesis.toml").write_text(_CONFIGURATION.format(user=user))
    return subprocess.run(
        [
            _SCHEMATHESIS, "--config-file", directory / "schemathesis.toml", "run", f"{url}/openapi.json",
            "--header", f"Authorization: Bearer {token_for(user)}",
            "--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--max-examples", str(examples),
            "--seed", str(seed), "--continue-on-failure", "--generation-database", "none", "--no-color",
        ],
        cwd=directory,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def cases_of(done: subprocess.CompletedProcess[str]) -> int:
    found = _CASES.search(done.stdout)
    return int(found[1]) if found else 0
