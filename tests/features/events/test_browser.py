"""A page in a real browser reads a stream with `fetch`, sleeps, wakes, and misses nothing."""

import json
from pathlib import Path

from tests.auth.better_auth import frontend
from tests.support.client import fresh_user
from tests.support.service import SECRET, free_port, running

HERE = Path(__file__).parent


def test_a_page_that_slept_continues_with_the_last_id_and_misses_nothing(database_url: str, tmp_path: Path) -> None:
    """The processes of the browser are stopped. First its connection ends meanwhile, then its token."""
    frontend.require_node()
    origin = f"http://127.0.0.1:{free_port()}"
    environ = {
        "PACKAGES": str(frontend.HERE),
        "CHROMIUM": frontend.chromium(),
        "SECRET": SECRET,
        "USER": fresh_user("ann"),
        "ORIGIN": origin,
    }
    with running(tmp_path, {"DATABASE_URL": database_url, "ALLOWED_ORIGINS": origin}) as service:
        environ["API_PORT"] = str(service.port)
        seen = json.loads(frontend.node("node", HERE / "browser.mjs", directory=HERE, environ=environ))
    assert (seen["awake"], seen["after_a_lost_connection"]) == (3, 6)
    assert (seen["after_the_token"], seen["at_the_end"]) == (8, 9)
    assert seen["lost"] >= 1
    assert "token_expired" in seen["ends"]
    assert seen["opened"] >= 3
    assert set(seen["statuses"]) == {200}
    assert min(seen["slept_ms"]) > 2000, "the page did not sleep"
