"""The generators of clients: each generates a client, which is compiled and then used against the service."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.client import fresh_user, token_for

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
DOCUMENT: Final = ROOT / "tests/architecture/openapi.json"
OPERATIONS: Final[list[str]] = [
    operation["operationId"]
    for item in json.loads(DOCUMENT.read_text())["paths"].values()
    for operation in item.values()
]
DROVE: Final = {"created": "Buy milk", "listed": 1, "completed": True, "deleted": 204, "gone": True}
"""The output of each program in `drive`: it creates, lists, completes and deletes a task, and then gets 404."""

_WARNING: Final = re.compile(r"warn|deprecat|skipping|unsupported|missing", re.IGNORECASE)
_PROGRAMS: Final = Path(sys.executable).parent


class Modules(NamedTuple):
    """Where the Node packages are."""

    directory: Path = HERE / "node_modules"
    esbuild: Path = HERE / "node_modules/.bin/esbuild"


class Run(NamedTuple):
    """A generated client, before it is compiled and used."""

    operations: list[str]
    warnings: list[str]
    directory: Path


def call(*command: str | Path, directory: Path, environ: Mapping[str, str] | None = None) -> str:
    """Runs a program and returns its output, that of errors included.

    Raises:
        AssertionError: its exit status is not 0.
    """
    path = f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "CI": "true", **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def warnings_in(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if _WARNING.search(line)]


def with_packages(directory: Path, modules: Modules) -> Path:
    """`directory`, with the installed Node packages."""
    directory.mkdir()
    (directory / "node_modules").symlink_to(modules.directory)
    return directory


def drive_node(directory: Path, program: str, url: str, modules: Modules) -> None:
    """Compiles the generated sources and the program with `tsc --strict`, then runs the program."""
    for name in (f"drive/{program}.ts", "drive/given.d.ts", "tsconfig.json"):
        shutil.copy(HERE / name, directory)
    call(modules.directory / ".bin/tsc", directory=directory)
    bundle = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning", "--outfile=program.mjs"]
    assert call(modules.esbuild, f"{program}.ts", *bundle, directory=directory) == ""
    _check_output(call("node", "program.mjs", directory=directory, environ=_user(url)))


def drive_python(directory: Path, url: str) -> None:
    """Checks the types of the generated package and the program with `mypy --strict`, then runs the program.

    The generator's own `client.py` is the same for every document, and is not strict.
    """
    program = "openapi_python_client.py"
    shutil.copy(HERE / "drive" / program, directory)
    (directory / "mypy.ini").write_text("[mypy]\nstrict = true\n[mypy-todo_client.client]\nignore_errors = true\n")
    call(_PROGRAMS / "mypy", "--config-file=mypy.ini", "--no-incremental", program, directory=directory)
    _check_output(call(_PROGRAMS / "python", "-W", "error", program, directory=directory, environ=_user(url)))


def _user(url: str) -> dict[str, str]:
    user = fresh_user("generated")
    return {"API_URL": url, "API_USER": user, "API_TOKEN": token_for(user)}


def _check_output(output: str) -> None:
    answer: dict[str, Any] = json.loads(output)
    assert answer == DROVE, answer


def _named(directory: Path, form: str, suffix: str = ".ts") -> list[str]:
    """The operations whose name is in the generated files, in the given form (a regular expression)."""
    text = "\n".join(path.read_text() for path in sorted((directory / "generated").rglob(f"*{suffix}")))
    return [name for name in OPERATIONS if re.search(form.format(name), text, re.MULTILINE)]


def openapi_typescript(directory: Path, modules: Modules) -> Run:
    binary = modules.directory / ".bin/openapi-typescript"
    output = call(
        binary, DOCUMENT, "--default-non-nullable", "false", "--output", "generated/schema.ts", directory=directory
    )
    return Run(_named(directory, r"^    {}: \{{$"), warnings_in(output), directory)


def hey_api(directory: Path, modules: Modules) -> Run:
    configuration = {
        "input": str(DOCUMENT),
        "output": "generated",
        "plugins": ["@hey-api/client-fetch", "@hey-api/typescript", "zod", {"name": "@hey-api/sdk", "validator": True}],
    }
    (directory / "openapi-ts.config.mjs").write_text(f"export default {json.dumps(configuration)};\n")
    output = call(modules.directory / ".bin/openapi-ts", directory=directory)
    return Run(_named(directory, r"^export const {} = "), warnings_in(output), directory)


def orval(directory: Path, modules: Modules, url: str) -> Run:
    outputs = {
        "client": {"target": "generated/client.ts", "client": "fetch", "baseUrl": url},
        "zod": {"target": "generated/zod.ts", "client": "zod"},
    }
    configuration = {name: {"input": str(DOCUMENT), "output": output} for name, output in outputs.items()}
    (directory / "orval.config.mjs").write_text(f"export default {json.dumps(configuration)};\n")
    output = call(modules.directory / ".bin/orval", "--config", "orval.config.mjs", directory=directory)
    return Run(_named(directory, r"^export const {} = async "), warnings_in(output), directory)


def openapi_python_client(directory: Path) -> Run:
    target = directory / "todo_client"
    output = call(
        _PROGRAMS / "openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none", "--output-path", target,
        "--fail-on-warning", directory=directory,
    )  # fmt: skip
    modules = {path.stem for path in target.glob("api/*/*.py")}
    operations = [name for name in OPERATIONS if re.sub(r"([A-Z])", r"_\1", name).lower() in modules]
    return Run(operations, warnings_in(output), directory)


def openapi_generator(directory: Path, program: Path) -> Run:
    output = call(
        program, "generate", "--input-spec", DOCUMENT, "--generator-name", "typescript-fetch", "--output", "generated",
        directory=directory,
    )  # fmt: skip
    return Run(_named(directory, r"^    async {}\("), warnings_in(output), directory)
