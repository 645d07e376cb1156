"""A browser, a page of the guide's front end, and the API on another origin."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.better_auth.frontend import BetterAuth, chromium, missing, project, require_node
from tests.better_auth.test_better_auth import settings_of_the_guide
from tests.house.test_troubleshooting import IN_THE_BROWSER, printed
from tests.service import free_port, running
from todo_api.scalar import SCRIPT


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def seen(database_url: str, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    require_node()
    if not SCRIPT.exists():
        missing("Scalar's script is not here: `make docs-assets`")
    browser = chromium()
    with project("published-keys") as directory:
        better_auth = BetterAuth(directory, free_port())
        settings = settings_of_the_guide(better_auth, "published-keys") | {"DATABASE_URL": database_url}
        settings["PORT"] = better_auth.api.rpartition(":")[2]
        try:
            with running(tmp_path_factory.mktemp("service"), settings):
                yield json.loads(better_auth.run("browser.js", CHROMIUM=browser, PICTURES=str(pictures)))
        finally:
            better_auth.stop()


def test_the_page_signs_in_and_works_across_origins(seen: dict[str, Any]) -> None:
    assert seen["tasks"] == [["Call Bob", "done"], ["Buy milk", ""]]
    assert seen["said"].startswith("2 tasks of ")
    assert seen["complaints"] == []
    assert seen["from_the_page"] == 200


def test_the_browser_refuses_another_origin(seen: dict[str, Any]) -> None:
    assert seen["from_elsewhere"] == "TypeError: Failed to fetch"
    (words, _) = seen["browsers_words"]
    assert printed(IN_THE_BROWSER).fullmatch(words)
    assert "http://localhost:" in words


def test_scalar_shows_every_operation_and_sends_a_request(seen: dict[str, Any]) -> None:
    assert seen["operations"] >= 10
    assert seen["operations_not_shown"] == []
    assert (seen["sent"], seen["sent_to"]) == (200, seen["tasks_url"])


def test_nobody_else_is_asked_for_anything(seen: dict[str, Any]) -> None:
    assert seen["outside"] == []
    assert seen["docs_complaints"] == []


@pytest.mark.parametrize("name", ["page", "docs"])
def test_there_is_a_picture_to_look_at(seen: dict[str, Any], pictures: Path, name: str) -> None:
    picture = (pictures / f"{name}.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1200, 800)
    assert len(picture) > 10_000
