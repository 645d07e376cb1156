"""The record of the versions of the database functions, in `function_versions.json`.

`python -m tests.architecture.function_versions` records the present version again. It refuses if that was released.
"""

import hashlib
import json
from pathlib import Path
from typing import Final, TypedDict

from tests.architecture.function_source import definitions
from todo_api.db.functions import FILES, VERSION

RECORD: Final = Path(__file__).with_suffix(".json")


class Version(TypedDict):
    release: str | None
    """The first release of the service that has it. None: not released yet."""
    sha256: str
    """Of all definitions, without the comments between them."""


def versions() -> dict[str, Version]:
    """By the number of the version."""
    found: dict[str, Version] = json.loads(RECORD.read_text())
    return found


def digest(files: tuple[Path, ...] = FILES) -> str:
    texts = [text for file in files for text in definitions(file.read_text())]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def complaint(recorded: dict[str, Version], version: int, sha256: str) -> str:
    """Says what to do if the functions are not those that were recorded. Empty if they are."""
    known = recorded.get(str(version))
    if known and known["sha256"] == sha256:
        return ""
    if known and known["release"]:
        return (
            f"the functions changed, and version {version} was released with {known['release']}: "
            f"raise VERSION in src/todo_api/db/functions.py"
        )
    return "the functions changed: run `python -m tests.architecture.function_versions`"


def record() -> None:
    recorded = versions() if RECORD.exists() else {}
    known = recorded.get(str(VERSION))
    if known and known["release"] and known["sha256"] != digest():
        raise SystemExit(complaint(recorded, VERSION, digest()))
    recorded[str(VERSION)] = known or {"release": None, "sha256": ""}
    recorded[str(VERSION)]["sha256"] = digest()
    RECORD.write_text(json.dumps(recorded, indent=2) + "\n")


if __name__ == "__main__":
    record()
