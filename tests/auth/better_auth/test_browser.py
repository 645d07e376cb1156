"""A browser with a page of the guide's front end, and the API on another origin. One test: a browser starts slowly."""

import json
import re
import struct
from pathlib import Path

from tests.architecture.test_troubleshooting import IN_THE_BROWSER, printed
from tests.auth.better_auth.frontend import BetterAuth, chromium, missing, project, require_node
from tests.auth.better_auth.test_better_auth import settings_of_the_guide
from tests.support.service import free_port, running
from todo_api.openapi.scalar import SCRIPT

PREFLIGHT = re.compile(r"method='OPTIONS' .* status=204")


def test_a_page_works_on_one_origin_and_across_origins_another_is_refused_and_scalar_sends_a_request(
    database_url: str, tmp_path: Path
) -> None:
    require_node()
    if not SCRIPT.exists():
        missing("Scalar's script is not here: `make docs-assets`")
    browser = chromium()
    with project("published-keys") as directory:
        better_auth = BetterAuth(directory, free_port())
        settings = settings_of_the_guide(better_auth, "published-keys") | {"DATABASE_URL": database_url}
        settings |= {"PORT": better_auth.api.rpartition(":")[2], "ALLOWED_ORIGINS": better_auth.url}
        try:
            with running(tmp_path, settings) as service:
                seen = json.loads(better_auth.run("browser.js", CHROMIUM=browser, PICTURES=str(tmp_path)))
                log = service.log.read_text()
        finally:
            better_auth.stop()

    for shown in (seen["same_origin"], seen["across_origins"]):
        assert shown["tasks"] == [["Call Bob", "done"], ["Buy milk", ""]]
        assert shown["said"].startswith("2 tasks of ")
        assert shown["said_to_the_next"].startswith("0 tasks of ")
        assert shown["complaints"] == []
    assert len(PREFLIGHT.findall(log)) == 4, "across origins, one for each URL: two lists, a task, its completion"
    assert seen["from_the_page"] == 200

    assert seen["from_elsewhere"] == "TypeError: Failed to fetch"
    words = seen["browsers_words"][0]
    assert printed(IN_THE_BROWSER).fullmatch(words)
    assert "from origin 'http://localhost:" in words

    assert seen["operations"] >= 10
    assert seen["operations_not_shown"] == []
    assert (seen["sent"], seen["sent_to"]) == (200, seen["tasks_url"])
    assert seen["docs_complaints"] == []

    assert seen["outside"] == [], "no request goes to another origin"
    for picture in ("page.png", "docs.png"):
        assert struct.unpack(">II", (tmp_path / picture).read_bytes()[16:24]) == (1200, 800)
