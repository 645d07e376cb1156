"""Tries all generators and linters on the OpenAPI document, and writes docs/generators.md."""

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.openapi.generators import tools
from tests.support.service import running

PAGE: Final = tools.ROOT / "docs/generators.md"
_NODE_PROGRAMS: Final = ("openapi-typescript", "hey-api", "orval", "openapi-generator")
_OPENAPI_GENERATOR: Final = tools.ROOT / ".generators/bin/openapi-generator-cli"
_HEAD: Final = """# Generators

Tools that read the OpenAPI document. `make generators` installs them, runs them and writes this page; it fails if a
required tool fails. `make test` runs openapi-typescript and openapi-python-client.

- **operations**: those for which the tool generated code, of all in the document.
- **warnings**: lines of its output that say that something is missing, skipped or not supported.
- **compiles**: `tsc --strict` for TypeScript, `mypy --strict` for Python, with the program that uses the client. The
  file `client.py` of openapi-python-client is the same for every document; mypy leaves it out.
- **works**: the program creates a task, lists it, completes it and deletes it, and gets 404 `task_not_found`. It
  narrows the error by `code`. With zod the generated schemas check the bodies: they accept a title with U+2028 at its
  end, and refuse blank titles, long ones and those with NUL.

"""
_NOTES: Final = """
The pinned versions are in `tests/openapi/generators/package-lock.json`, in `requirements.txt` beside it and in
`pdm.lock`.

zod's `max` and patterns count UTF-16 units, so that a character outside the Basic Multilingual Plane, such as an emoji,
counts twice. The service counts it once, so zod refuses a title of 101 emoji.

openapi-generator needs Java and is not required. Its warnings are that its support for OpenAPI 3.1 is beta, and
`Failed to get the schema name: null`, which stops nothing.
"""


class Row(NamedTuple):
    tool: str
    version: str
    generate: Callable[[Path], tools.Run]
    drive: Callable[[Path], None]
    required: bool = True


def rows(url: str) -> list[Row]:
    """The generators, for a service at `url`."""
    modules = tools.Modules()
    node = {name: partial(tools.drive_node, program=name, url=url, modules=modules) for name in _NODE_PROGRAMS}
    return [
        Row(
            "openapi-typescript, openapi-fetch",
            f"{_node_version('openapi-typescript')}, {_node_version('openapi-fetch')}",
            partial(tools.openapi_typescript, modules=modules),
            node["openapi-typescript"],
        ),
        Row(
            "@hey-api/openapi-ts, client and zod",
            f"{_node_version('@hey-api/openapi-ts')}, zod {_node_version('zod')}",
            partial(tools.hey_api, modules=modules),
            node["hey-api"],
        ),
        Row(
            "orval, fetch and zod",
            f"{_node_version('orval')}, zod {_node_version('zod')}",
            partial(tools.orval, modules=modules, url=url),
            node["orval"],
        ),
        Row(
            "openapi-python-client",
            version("openapi-python-client"),
            tools.openapi_python_client,
            partial(tools.drive_python, url=url),
        ),
        Row(
            "openapi-generator, typescript-fetch",
            _openapi_generator_version(),
            partial(tools.openapi_generator, program=_OPENAPI_GENERATOR),
            node["openapi-generator"],
            required=False,
        ),
    ]


def _openapi_generator_version() -> str:
    return next(
        line.partition("==")[2]
        for line in (tools.HERE / "requirements.txt").read_text().splitlines()
        if line.startswith("openapi-generator-cli==")
    )


def _node_version(package: str) -> str:
    manifest: dict[str, Any] = json.loads((tools.Modules().directory / package / "package.json").read_text())
    installed: str = manifest["version"]
    return installed


def attempt(row: Row, directory: Path) -> tuple[str, bool]:
    """A line of the table, and whether the tool did all of it."""
    if row.tool.startswith("openapi-generator") and not shutil.which("java"):
        return f"| {row.tool} | {row.version} | not run: Java is not installed | | | |", not row.required
    tools.with_packages(directory, tools.Modules())
    try:
        run = row.generate(directory)
    except AssertionError as error:
        print(f"{row.tool}: {error}", file=sys.stderr)
        return f"| {row.tool} | {row.version} | failed | | | |", not row.required
    warnings = "; ".join(dict.fromkeys(run.warnings))
    try:
        row.drive(directory)
        works = "yes"
    except AssertionError as error:
        print(f"{row.tool}: {error}", file=sys.stderr)
        works = "no"
    good = works == "yes" and not warnings and run.operations == tools.OPERATIONS
    if warnings:
        print(f"{row.tool}: {warnings}", file=sys.stderr)
    count = f"{len(run.operations)} of {len(tools.OPERATIONS)}"
    line = f"| {row.tool} | {row.version} | {count} | {len(run.warnings)} | {works} | {works} |"
    return line, good or not row.required


def lint(directory: Path) -> list[tuple[str, bool]]:
    """Redocly's and Spectral's lines of the table of linters, and whether they found nothing."""
    binaries = tools.Modules().directory / ".bin"
    shutil.copy(tools.HERE / ".spectral.yaml", directory)
    commands: dict[tuple[str, str], list[str | Path]] = {
        ("@redocly/cli", "recommended"): [binaries / "redocly", "lint", "--extends", "recommended", tools.DOCUMENT],
        ("@stoplight/spectral-cli", "spectral:oas"): [
            *(binaries / "spectral", "lint", "--ruleset", ".spectral.yaml", "--fail-severity", "hint", tools.DOCUMENT),
        ],
    }
    lines = []
    for (tool, rules), command in commands.items():
        try:
            warnings = tools.warnings_in(tools.call(*command, directory=directory))
        except AssertionError as error:
            warnings = str(error).splitlines()
        print(*(f"{tool}: {line}" for line in warnings), sep="\n", file=sys.stderr, end="\n" if warnings else "")
        lines.append((f"| {tool} | {_node_version(tool)} | {rules} | {len(warnings)} |", not warnings))
    return lines


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="todo-api-generators-") as name:
        home = Path(name)
        home.chmod(0o755)
        with running(home, {"TODO_API_HOME": str(home / "data")}) as service:
            results = [attempt(row, home / str(number)) for number, row in enumerate(rows(service.url))]
        linted = lint(home)
    node = tools.call("node", "--version", directory=tools.HERE).strip().removeprefix("v")
    PAGE.write_text(
        _HEAD
        + f"{datetime.now(UTC):%Y-%m-%d}: Node {node}, Python {platform.python_version()}.\n\n"
        + "| generator | version | operations | warnings | compiles | works |\n|---|---|---|---|---|---|\n"
        + "".join(f"{line}\n" for line, _ in results)
        + "\n| linter | version | rules | warnings |\n|---|---|---|---|\n"
        + "".join(f"{line}\n" for line, _ in linted)
        + _NOTES
    )
    return 0 if all(good for _, good in (*results, *linted)) else 1


if __name__ == "__main__":
    sys.exit(main())
