"""Runs a `todo-api` command until it ends."""

import subprocess
from pathlib import Path

from tests.support.service import PROGRAM, environment


def todo_api(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=directory,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=300,  # It is for a command that hangs. On a machine with much else to do, a start can take a minute.
        check=False,
    )
