"""Settings: defaults, rules, and one line for a bad value."""

import re
from pathlib import Path

import pytest

from tests.support.program import todo_api
from tests.support.service import SECRET
from todo_api.config.environment import SettingsError
from todo_api.config.settings import load_settings

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
        ("BETTER_AUTH_SECRET", "the-value-that-better-auth-has-32-bytes-or-more"),
        ("BETTER_AUTH_SECRET", f"{SECRET},short"),
        ("BETTER_AUTH_SECRET", f"{SECRET}, {SECRET}"),
        ("BETTER_AUTH_SECRET", "-----BEGIN PUBLIC KEY----- " + "A" * 40),
        ("BETTER_AUTH_SECRET", '{"kty": "oct"; "k": "AAAAAAAAAAAAAAAAAAAAAAAAA"}'),
        ("BETTER_AUTH_SECRET", '{"keys": [{"kty": "OKP"}], "and some more": 1234567890}'),
        ("BETTER_AUTH_SECRET", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"),
        ("BETTER_AUTH_SECRET", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="),
        ("BETTER_AUTH_SECRET", "\udcff" * 40),
        ("BETTER_AUTH_URL", "app.example"),
        ("BETTER_AUTH_URL", "ftp://app.example"),
        ("BETTER_AUTH_URL", "http://app.example/api/auth"),
        ("BETTER_AUTH_URL", "http://app.example?x=1"),
        ("BETTER_AUTH_URL", "http://user:password@app.example"),
        ("BETTER_AUTH_URL", "http://app.example:port"),
        ("BETTER_AUTH_URL", "http://"),
        ("JWT_JWKS_URL", "/api/auth/jwks"),
        ("JWT_JWKS_URL", "file:///etc/passwd"),
        ("JWT_JWKS_URL", "http://app.example/a b"),
        ("JWT_JWKS_URL", "http://app.example/jwks#x"),
        ("ALLOWED_ORIGINS", "http://[x"),
        ("ALLOWED_ORIGINS", "https://app.example:port"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "null"),
        ("ALLOWED_ORIGINS", "http://localhost:3000/"),
        ("ALLOWED_ORIGINS", "localhost:3000"),
        ("ALLOWED_ORIGINS", "https://App.example"),
        ("ALLOWED_ORIGINS", "https://*.app.example"),
        ("ALLOWED_ORIGINS", "https://app.example:443"),
        ("ALLOWED_ORIGINS", "http://app.example:80"),
        ("ALLOWED_ORIGINS", "http://app.example:"),
        ("ALLOWED_ORIGINS", "http://app.example:03000"),
        ("ALLOWED_ORIGINS", "https://ann@app.example"),
        ("ALLOWED_ORIGINS", "https://app.example/tasks"),
        ("ALLOWED_ORIGINS", "https://app.example?"),
        ("ALLOWED_ORIGINS", "https://tschüß.example"),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WEB_CONCURRENCY", "-1"),
        ("LOG_LEVEL", "loud"),
        ("DB_POOL_SIZE", "0"),
        ("DB_MAX_OVERFLOW", "x"),
        ("DB_MAX_OVERFLOW", "8e1"),
        ("DB_MAX_OVERFLOW", "80.0"),
        ("DB_MAX_OVERFLOW", "٣"),
        ("DB_MAX_OVERFLOW", "9" * 5000),
        ("DB_MAX_OVERFLOW", "\udcff"),
        ("LOG_LEVEL", "\udcff"),
        ("RATE_LIMIT", "50"),
        ("RATE_LIMIT", "0/10"),
        ("RATE_LIMIT", "none"),
        ("DOCS_ENABLED", "yes"),
        ("DOCS_ENABLED", "1"),
        ("DOCS_ENABLED", "True"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} [^\n]+$"):
        load_settings({"BETTER_AUTH_SECRET": SECRET, name: value}, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "8e1", "PORT is '8e1': set it to a whole number from 1 to 65535"),
        ("HISTORY_DAYS", "6", "HISTORY_DAYS is '6': set it to a whole number from 7 to 3650"),
        ("WEB_CONCURRENCY", "257", "WEB_CONCURRENCY is '257': set it to a whole number from 1 to 256"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud': set it to one of DEBUG, ERROR, INFO, WARNING"),
        ("SERVER_TIMING", "1", "SERVER_TIMING is '1': set it to true or false"),
    ],
)
def test_a_message_says_which_values_are_good(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        load_settings({name: value}, tmp_path)


@pytest.mark.parametrize("name", ["DATABASE_URL", "BETTER_AUTH_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"])
def test_production_requires(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is missing[^\n]+$"):
        load_settings({key: value for key, value in PRODUCTION.items() if key != name}, tmp_path)


WITH_KEYS = {**PRODUCTION, "BETTER_AUTH_URL": "https://App.example/"}


def test_better_auths_address_gives_issuer_and_keys(tmp_path: Path) -> None:
    needed = {name: value for name, value in WITH_KEYS.items() if name not in ("BETTER_AUTH_SECRET", "JWT_ISSUER")}
    settings = load_settings(needed, tmp_path)
    assert (settings.jwt_issuer, settings.jwks_url) == ("https://app.example", "https://app.example/api/auth/jwks")
    assert settings.secrets == ()
    chosen = {"JWT_ISSUER": "me", "JWT_JWKS_URL": "https://keys.example/k.json?a=b"}
    settings = load_settings(WITH_KEYS | chosen, tmp_path)
    assert (settings.jwt_issuer, settings.jwks_url) == ("me", "https://keys.example/k.json?a=b")
    assert settings.secrets == (SECRET.encode(),)


def test_in_development_a_secret_is_made_although_there_are_keys(tmp_path: Path) -> None:
    settings = load_settings({"BETTER_AUTH_URL": "http://localhost:3000"}, tmp_path)
    assert len(settings.secrets) == 1
    assert settings.jwks_url == "http://localhost:3000/api/auth/jwks"


@pytest.mark.parametrize("name", ["BETTER_AUTH_URL", "JWT_JWKS_URL"])
def test_production_refuses_keys_over_http(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} [^\n]+https"):
        load_settings({**WITH_KEYS, name: "http://app.example"}, tmp_path)


def test_production_requires_an_audience_with_keys_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^JWT_AUDIENCE is missing[^\n]+$"):
        load_settings({name: value for name, value in WITH_KEYS.items() if name != "JWT_AUDIENCE"}, tmp_path)


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


@pytest.mark.parametrize("password", ["p[ss", "[x]y"])
def test_a_password_may_have_brackets(tmp_path: Path, password: str) -> None:
    url = f"postgresql://u:{password}@db.example/todo"
    assert load_settings({**PRODUCTION, "DATABASE_URL": url}, tmp_path).database_url == url


def test_settings_show_no_secret(tmp_path: Path) -> None:
    assert SECRET not in repr(load_settings(PRODUCTION, tmp_path))


def test_every_command_prints_one_line_without_the_secret(tmp_path: Path) -> None:
    for command in (["run"], ["token", "ann"], ["database", "upgrade"], ["--help"]):
        done = todo_api(tmp_path, *command, BETTER_AUTH_SECRET="too-short-but-secret")
        assert done.returncode == 1
        assert re.fullmatch(r"todo-api: BETTER_AUTH_SECRET [^\n]+\n", done.stderr)
        assert "too-short" not in done.stdout + done.stderr
