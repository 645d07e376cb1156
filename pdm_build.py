"""Puts the migrations into the wheel, inside the package: a top-level `migrations` could collide with others."""

from pathlib import Path
from typing import Any


def pdm_build_update_files(context: Any, files: dict[str, Path]) -> None:
    if context.target == "wheel":
        root = Path(context.root)
        for path in (root / "migrations").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"todo_api/{path.relative_to(root).as_posix()}"] = path
