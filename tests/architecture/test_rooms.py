"""The layout of the code: which folders there are, how long a file may be, and what an `__init__.py` holds.

Imports between folders are checked by the contracts in pyproject.toml, imports inside functions by ruff (PLC0415).
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SERVICE: Final = ROOT / "src/todo_api"
TREES: Final = ("src", "tests", "benchmarks", "migrations", "scripts")
_GENERATED: Final = {"node_modules", ".build", "__pycache__"}
FOLDERS: Final = {"cli", "features", "openapi", "http", "auth", "db", "observability", "config"}
TEST_FOLDERS: Final = {"security", "concurrency", "cluster", "resilience", "operations", "architecture", "support"}
"""Folders of `tests/` beside those that are named as the service's."""
LONGEST: Final = 250
"""Lines of a file of Python or of functions."""
MEDIAN: Final = 80
"""Lines of the service's Python files; the empty `__init__.py` files are not counted."""


def python_files(*trees: str) -> Iterator[Path]:
    for tree in trees:
        for directory, directories, names in (ROOT / tree).walk():
            directories[:] = sorted(set(directories) - _GENERATED)
            yield from (directory / name for name in sorted(names) if name.endswith(".py"))


FILES: Final = list(python_files(*TREES))


def lines(path: Path) -> int:
    return path.read_text().count("\n")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_top_level_has_ten_rooms() -> None:
    entries = {entry for entry in SERVICE.iterdir() if entry.name not in _GENERATED}
    files = {entry.name for entry in entries if entry.is_file()}
    named = {"app.py", "errors.py", "error_bodies.py", "error_response.py", "sqlstates.py", "unavailable.py"}
    assert files == {"__init__.py", *named}
    assert {entry.name for entry in entries if entry.is_dir()} == FOLDERS


def test_the_tests_have_the_same_rooms() -> None:
    folders = {entry.name for entry in (ROOT / "tests").iterdir() if entry.is_dir()} - _GENERATED
    assert TEST_FOLDERS <= folders <= TEST_FOLDERS | FOLDERS


def test_no_file_is_longer_than_250_lines() -> None:
    files = [*FILES, *SERVICE.rglob("*.sql")]
    assert {name_of(path): lines(path) for path in files if lines(path) > LONGEST} == {}


def test_the_median_of_the_service_is_below_80_lines() -> None:
    assert statistics.median(map(lines, python_files("src"))) < MEDIAN


def test_only_the_top_init_has_content() -> None:
    assert [name_of(path) for path in FILES if path.name == "__init__.py" and lines(path)] == [
        "src/todo_api/__init__.py"
    ]


def test_no_import_is_for_the_type_checker_only() -> None:
    """A cycle of imports is solved by moving code down, not by hiding it."""
    hidden = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case (
                    ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING") | ast.alias(name="TYPE_CHECKING")
                ):
                    hidden.append(name_of(path))
                case _:
                    pass
    assert hidden == []
