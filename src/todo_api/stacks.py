"""A failure for the log: where and what, without the texts, which carry what clients sent."""

from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from typing import Final

_FACTS: Final = ("sqlstate", "constraint_name", "table_name", "column_name")
"""What PostgreSQL says of an error beside its text; names of ours, all of them."""


def stack(error: BaseException) -> str:
    """Types and frames of `error` and of what caused it. Exceptions' texts quote values: `Failing row contains …`."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        facts = [f"{name}={value}" for name in _FACTS if (value := getattr(current, name, None))]
        yield " ".join([f"{type(current).__module__}.{type(current).__qualname__}", *facts])
        for frame in extract_tb(current.__traceback__):
            yield f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}: {frame.line}"
        current = current.__cause__ or current.__context__
