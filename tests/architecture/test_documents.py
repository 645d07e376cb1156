"""The documents name things that exist, and every setting, route and command is documented."""

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from tests.architecture.test_contract import CONTRACT
from tests.support.performance_page import PAGE, Part, write_part
from tests.support.service import Service, environment
from todo_api.config.settings import VARIABLES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def test_the_settings_are_those_that_are_read() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)
    example = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert table == example == list(VARIABLES)


def test_the_routes_are_those_of_the_contract() -> None:
    table = set(re.findall(r"^\| `([A-Z]+) (/\S+)` \|", README, re.MULTILINE))
    contract = re.findall(
        r'^ {4}"(/[^"]*)": \{|^ {6}"(get|put|post|patch|delete)": \{', CONTRACT.read_text(), re.MULTILINE
    )
    path, routes = "", set()
    for new_path, method in contract:
        path = new_path or path
        if method:
            routes.add((method.upper(), path))
    assert table == routes


def test_the_commands_exist() -> None:
    for command in set(re.findall(r"`?todo-api ([a-z]+(?: upgrade)?)", README)):
        done = subprocess.run(
            [ROOT / ".venv/bin/todo-api", *command.split(), "--help"],
            env=environment(),
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, command


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README)) - {"alone"}
    assert named | set(re.findall(r"(?:`|^)make ([a-z-]+)", CONTRIBUTING.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", [CONTRIBUTING, *sorted(ROOT.glob("docs/**/*.md"))], ids=lambda page: page.name)
def test_the_files_that_pages_name_exist(page: Path) -> None:
    for name in re.findall(r"`((?:tests|src|docs|benchmarks|migrations)/[\w/.-]+)`", page.read_text()):
        assert (ROOT / name).exists(), name


def test_a_benchmark_replaces_its_part_of_the_page_and_leaves_the_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    for part in get_args(Part):
        write_part(part, f"figures of {part}", page)
    before, after = (re.split(r"(?s)-->\n.*?<!-- end -->", text) for text in (PAGE.read_text(), page.read_text()))
    assert before == after
    assert re.findall(r"<!-- part (\S+),", page.read_text()) == re.findall(
        r"^figures of (.+)$", page.read_text(), re.MULTILINE
    )


def blocks_of(section: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README.split(f"## {section}\n")[1].split("\n## ")[0], re.DOTALL)


def run(blocks: list[str], service: Service, directory: Path) -> list[str]:
    """The lines of output that are not empty, when the blocks run one after the other in one shell."""
    for block in blocks:
        assert "task.json" not in block or (ROOT / ".gitignore").read_text().count("task.json")
    (directory / ".venv").symlink_to(ROOT / ".venv")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(f"{block}\necho" for block in blocks)],
        cwd=directory,
        env=environment(TODO_API=service.url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_the_first_session_works_as_printed(service: Service, tmp_path: Path) -> None:
    blocks = blocks_of("A first session")
    assert len(blocks) == 8
    created, listed, searched, changed, completed, tags, deleted = run(blocks, service, tmp_path)
    assert '"title":"Buy milk"' in created
    assert '"total":' in listed
    assert '"title":"Buy milk"' in searched
    assert '"tags":["home","shopping"]' in changed
    assert '"completed":true' in completed
    assert '"name":"home"' in tags
    assert deleted == "204"


def test_conflict_and_retry_work_as_printed(service: Service, tmp_path: Path) -> None:
    blocks = blocks_of("No edit lost, no task twice")
    assert len(blocks) == 5
    answers = run([blocks_of("A first session")[0], *blocks], service, tmp_path)
    created, replayed, changed, refused, changed_again, known = answers
    assert '"title":"Buy bread"' in created
    assert replayed == created
    assert '"tags":["bakery"]' in changed
    assert '"changed":["tags"]' in refused
    assert '"code":"stale_version"' in refused
    assert '"title":"Buy rye bread"' in changed_again
    assert '"version":3' in changed_again
    assert known == "304"
