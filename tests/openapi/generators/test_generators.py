"""Generators make a client with every operation from the OpenAPI document, without warnings, and the client works.

`make generators` tries more generators and writes docs/generators.md.
"""

from pathlib import Path

from tests.auth.better_auth.frontend import CLIENT, require_node
from tests.auth.better_auth.frontend import HERE as BETTER_AUTH
from tests.openapi.generators.tools import (
    OPERATIONS,
    Modules,
    drive_node,
    drive_python,
    openapi_python_client,
    openapi_typescript,
    with_packages,
)
from tests.support.service import Service


def test_openapi_typescript_and_openapi_fetch(service: Service, tmp_path: Path) -> None:
    require_node()
    modules = Modules(CLIENT / "node_modules", BETTER_AUTH / "node_modules/.bin/esbuild")
    run = openapi_typescript(with_packages(tmp_path / "client", modules), modules)
    assert (run.operations, run.warnings) == (OPERATIONS, [])
    drive_node(run.directory, "openapi-typescript", service.url, modules)


def test_openapi_python_client(service: Service, tmp_path: Path) -> None:
    run = openapi_python_client(tmp_path)
    assert (run.operations, run.warnings) == (OPERATIONS, [])
    drive_python(run.directory, service.url)
