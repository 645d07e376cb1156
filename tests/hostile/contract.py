"""Schemathesis over the whole document, with all its checks: examples, coverage, fuzzing and stateful."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.client import fresh_user, token_for

_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_CASES = re.compile(r"(\d+) generated")


def schemathesis(url: str, directory: Path, examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """A run as a fresh user, whose id every generated path has: with another it would see 403 only."""
    user = fresh_user("fuzz")
    (directory / "schemathesis.toml").write_text(f'[parameters]\n"path.user_id" = "{user}"\n')
    return subprocess.run(
        [
            _SCHEMATHESIS, "--config-file", directory / "schemathesis.toml", "run", f"{url}/openapi.json",
            "--header", f"Authorization: Bearer {token_for(user)}",
            "--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--max-examples", str(examples),
            "--seed", str(seed), "--continue-on-failure", "--generation-database", "none", "--no-color",
        ],
        cwd=directory,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def cases_of(done: subprocess.CompletedProcess[str]) -> int:
    found = _CASES.search(done.stdout)
    return int(found[1]) if found else 0
