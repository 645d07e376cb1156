"""The wheel contains all that the service needs, in one package."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.architecture.test_documents import ROOT
from tests.support.service import environment
from todo_api.db import functions


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the content of the wheel, as if installed."""
    directory = tmp_path_factory.mktemp("wheel")
    build = "import sys; from pdm.backend import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, directory], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(directory / "installed")
    return directory / "installed"


def test_it_has_one_package(unpacked: Path) -> None:
    assert {entry.name for entry in unpacked.iterdir() if not entry.name.endswith(".dist-info")} == {"todo_api"}


def test_it_brings_its_migrations_and_functions(unpacked: Path, tmp_path: Path) -> None:
    """The command runs outside the checkout, with the wheel's package before the installed one on the path."""
    script = (
        "import todo_api, os, sys; assert todo_api.__file__.startswith(sys.argv[1]), todo_api.__file__\n"
        "sys.argv = ['todo-api', 'database', 'upgrade', '--sql']; from todo_api.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, unpacked],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(unpacked), DATABASE_URL="postgresql://offline/none"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE task_tags" in done.stdout
    # The functions come from the wheel as well, all of them.
    assert functions.script() in done.stdout
