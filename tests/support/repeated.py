"""Test modules that are collected a second time, with other fixtures."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

_TESTS: Final = Path(__file__).parents[1]
_FIXTURE: Final = type(pytest.fixture(lambda: None))


def repeat(folder: str, namespace: dict[str, Any], left_out: dict[str, str]) -> None:
    """Puts the tests and fixtures of all modules in `folder` into a module's `namespace`.

    A test is named for its module too, since two modules may have tests of the same name. `left_out`: the names of
    modules or tests that are not repeated, each with the reason.

    Raises:
        LookupError: two modules have different fixtures of the same name, or a name in `left_out` means nothing.
    """
    unknown = set(left_out)
    for path in sorted((_TESTS / folder).rglob("test_*.py")):
        if path.stem in left_out:
            unknown.discard(path.stem)
            continue
        for name, value in vars(
            import_module(".".join(("tests", *path.relative_to(_TESTS).with_suffix("").parts)))
        ).items():
            unknown.discard(name)
            if isinstance(value, _FIXTURE):
                if namespace.get(name, value) is not value:
                    raise LookupError(f"two modules in {folder} have a fixture {name}")
                namespace[name] = value
            elif name.startswith("test_") and name not in left_out:
                namespace[f"{path.stem}__{name.removeprefix('test_')}"] = value
    if unknown:
        raise LookupError(f"there is no {', '.join(unknown)} in {folder}")
