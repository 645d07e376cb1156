"""The log names the origin of a refused preflight, so that operators see what ALLOWED_ORIGINS lacks."""

from pathlib import Path

import httpx
import pytest

from tests.support.production import in_production, line_of


@pytest.mark.parametrize(
    ("origin", "logged"),
    [
        ("https://app.example", "origin refused: 'https://app.example': is it in ALLOWED_ORIGINS?"),
        ("x" * 5000, f"origin refused: '{'x' * 199}: is it in ALLOWED_ORIGINS?"),
    ],
)
def test_a_refused_origin_is_in_the_log(database_url: str, tmp_path: Path, origin: str, logged: str) -> None:
    with in_production(tmp_path, database_url, ALLOWED_ORIGINS="https://other.example") as service:
        answer = httpx.options(
            f"{service.url}/api/ann/tasks", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
        assert "access-control-allow-origin" not in answer.headers
        line = line_of(service, answer.headers["x-request-id"], logged)
        assert line["level"] == "info"
