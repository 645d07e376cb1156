"""A bad setting stops the start with one line that names it."""

import re
from pathlib import Path

import pytest

from tests.cli.program import todo_api
from tests.service import SECRET
from todo_api.config import SettingsError, load_settings

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://u:p@db.example/todo?sslmode=require&channel_binding=require",
    "BETTER_AUTH_SECRET": SECRET,
    "JWT_ISSUER": "https://app.example",
    "JWT_AUDIENCE": "todo-api",
    "ALLOWED_ORIGINS": "https://app.example",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DATABASE_URL", "mysql://u@h/d"),
        ("BETTER_AUTH_SECRET", "short"),
        ("BETTER_AUTH_SECRET", f"{SECRET},short"),
        ("BETTER_AUTH_SECRET", f"{SECRET}, {SECRET}"),
        ("BETTER_AUTH_SECRET", "-----BEGIN PUBLIC KEY----- " + "A" * 40),
        ("BETTER_AUTH_SECRET", '{"kty": "oct"; "k": "AAAAAAAAAAAAAAAAAAAAAAAAA"}'),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "null"),
        ("ALLOWED_ORIGINS", "http://localhost:3000/"),
        ("ALLOWED_ORIGINS", "localhost:3000"),
        ("ALLOWED_ORIGINS", "https://App.example"),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WEB_CONCURRENCY", "-1"),
        ("LOG_LEVEL", "loud"),
        ("DB_POOL_SIZE", "0"),
        ("DB_MAX_OVERFLOW", "x"),
        ("RATE_LIMIT", "50"),
        ("RATE_LIMIT", "0/10"),
        ("RATE_LIMIT", "none"),
        ("DOCS_ENABLED", "yes"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} [^\n]+$"):
        load_settings({"BETTER_AUTH_SECRET": SECRET, name: value}, tmp_path)


@pytest.mark.parametrize("name", ["DATABASE_URL", "BETTER_AUTH_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"])
def test_production_needs(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is missing[^\n]+$"):
        load_settings({key: value for key, value in PRODUCTION.items() if key != name}, tmp_path)


def test_the_rate_limit_is_on_unless_switched_off(tmp_path: Path) -> None:
    assert load_settings(PRODUCTION, tmp_path).rate_limit == (50, 100)
    assert load_settings({**PRODUCTION, "RATE_LIMIT": "5/1"}, tmp_path).rate_limit == (5, 1)
    assert load_settings({**PRODUCTION, "RATE_LIMIT": "off"}, tmp_path).rate_limit is None


def test_production_refuses_http_origins(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS"):
        load_settings({**PRODUCTION, "ALLOWED_ORIGINS": "http://app.example"}, tmp_path)


def test_production_does_not_read_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9999\n")
    settings = load_settings(PRODUCTION, tmp_path)
    assert (settings.production, settings.host, settings.port) == (True, "0.0.0.0", 8000)
    assert not (tmp_path / ".todo-api").exists()


def test_the_file_is_read_in_development_and_never_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f'PORT=9999\nHOST="::1"\nBETTER_AUTH_SECRET={SECRET}\nALLOWED_ORIGINS=\n')
    settings = load_settings({"PORT": "9000"}, tmp_path)
    assert (settings.port, settings.host) == (9000, "::1")
    assert settings.allowed_origins == {"http://localhost:3000"}


def test_the_development_secret_is_made_once(tmp_path: Path) -> None:
    first, second = load_settings({}, tmp_path), load_settings({}, tmp_path)
    assert first.secrets == second.secrets
    assert len(first.secrets[0]) >= 32


def test_settings_show_no_secret(tmp_path: Path) -> None:
    assert SECRET not in repr(load_settings(PRODUCTION, tmp_path))


def test_the_program_says_it_in_one_line_and_without_the_secret(tmp_path: Path) -> None:
    for command in (["run"], ["token", "ann"], ["database", "upgrade"], ["--help"]):
        done = todo_api(tmp_path, *command, BETTER_AUTH_SECRET="too-short-but-secret")
        assert done.returncode == 1
        assert re.fullmatch(r"todo-api: BETTER_AUTH_SECRET [^\n]+\n", done.stderr)
        assert "too-short" not in done.stdout + done.stderr
