"""Origins that no browser sends, and secrets that can be guessed."""

import re
from pathlib import Path
from random import Random

import pytest

from tests.config.test_settings import PRODUCTION
from tests.support.service import SECRET
from todo_api.config.environment import SettingsError
from todo_api.config.settings import load_settings


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("https://app.example:443", "write 'https://app.example', since browsers leave this port out"),
        ("http://localhost:80", "write 'http://localhost', since browsers leave this port out"),
        ("http://localhost:03000", "write 'http://localhost:3000', as browsers send it"),
    ],
)
def test_the_message_has_the_origin_that_browsers_send(tmp_path: Path, origin: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^ALLOWED_ORIGINS has {re.escape(repr(origin))}: {re.escape(message)}$"):
        load_settings({"ALLOWED_ORIGINS": origin}, tmp_path)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example",
        "https://app.example:8443",
        "https://[2001:db8::1]:8443",
        "https://xn--tschss-3ya1d.example",
    ],
)
def test_origins_that_browsers_send_are_accepted(tmp_path: Path, origin: str) -> None:
    assert load_settings({**PRODUCTION, "ALLOWED_ORIGINS": origin}, tmp_path).allowed_origins == {origin}


def test_an_origin_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({**PRODUCTION, "ALLOWED_ORIGINS": "https://ann:xyzzy@app.example"}, tmp_path)
    assert "xyzzy" not in str(refused.value)


def published_secrets() -> list[str]:
    """Each secret that a document or a manifest of this repository prints."""
    root = Path(__file__).parents[2]
    pages = [*root.glob("*.md"), *root.glob("docs/*.md"), root / ".env.example", root / "deploy/compose.yaml"]
    text = "\n".join(page.read_text() for page in pages)
    return re.findall(r"BETTER_AUTH_SECRET(?:=|:-)([^\s,}`]{32,})", text)


def test_production_refuses_published_secrets(tmp_path: Path) -> None:
    examples = {*published_secrets(), "better-auth-secret-12345678901234567890"}
    assert len(examples) >= 3
    for secret in examples:
        with pytest.raises(SettingsError, match=r"^BETTER_AUTH_SECRET [^\n]+ public[^\n]+$"):
            load_settings({**PRODUCTION, "BETTER_AUTH_SECRET": f"{SECRET},{secret}"}, tmp_path)


@pytest.mark.parametrize(
    "secret",
    ["a" * 32, "ab" * 16, "secret" * 6, "change-me-" * 4, "0123456789" * 4, "0123456789abcdef" * 4,
     "abcdefghijklmnopqrstuvwxyz0123456789", "x" * 40 + "1234"],
)  # fmt: skip
def test_production_refuses_secrets_without_entropy(tmp_path: Path, secret: str) -> None:
    with pytest.raises(SettingsError, match=r"^BETTER_AUTH_SECRET [^\n]+ guessed: [^\n]+$"):
        load_settings({**PRODUCTION, "BETTER_AUTH_SECRET": secret}, tmp_path)
    assert load_settings({"BETTER_AUTH_SECRET": secret}, tmp_path).secrets == (secret.encode(),)


def test_production_accepts_random_secrets_of_every_alphabet(tmp_path: Path) -> None:
    chance = Random(1)
    for alphabet in ("0123456789", "0123456789abcdef", "abcdefghijklmnopqrstuvwxyz"):
        for _ in range(200):
            secret = "".join(chance.choices(alphabet, k=32))
            assert load_settings({**PRODUCTION, "BETTER_AUTH_SECRET": secret}, tmp_path).secrets == (secret.encode(),)
