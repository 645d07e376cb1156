"""`docs/performance.md`: programs write its parts, people write the text around them.

A part stands between `<!-- part NAME, written by PROGRAM -->` and `<!-- end -->`; a program replaces only its own part.
"""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import psutil

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/performance.md"
Part = Literal["side-by-side", "targets", "load", "growth", "history", "start"]


def write_part(part: Part, text: str, page: Path = PAGE) -> None:
    """Replaces the part's text.

    Raises:
        ValueError: the page has no such part, or two.
    """
    pattern = re.compile(rf"(<!-- part {part}\b[^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
    written, count = pattern.subn(lambda match: f"{match[1]}\n{text.strip()}\n\n{match[2]}", page.read_text())
    if count != 1:
        raise ValueError(f"{page.name} has {count} parts named {part}")
    page.write_text(written)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """A Markdown table. The first `words` columns are aligned left, the others, which are figures, right."""
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, rule, *rows))


def machine(postgres: str) -> str:
    """The machine that the figures were measured on. `postgres`: PostgreSQL's version."""
    cores = os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, Node {node.removeprefix('v') or 'none'}"
    )


def load_average() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def verdict(met: bool) -> str:
    return "met" if met else "**not met**"
