"""Settings: the only reader of the environment."""

import os
import re
import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

MINIMUM_SECRET_BYTES: Final = 32
VARIABLES: Final = (
    "ENVIRONMENT",
    "DATABASE_URL",
    "BETTER_AUTH_SECRET",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "ALLOWED_ORIGINS",
    "HOST",
    "PORT",
    "WEB_CONCURRENCY",
    "LOG_LEVEL",
    "DB_POOL_SIZE",
    "DB_MAX_OVERFLOW",
    "TODO_API_HOME",
    "DOCS_ENABLED",
    "METRICS_TOKEN",
    "SERVER_TIMING",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)
"""Every variable that is read; the README's table and `.env.example` list the same."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - in a container, that is the point
_KEY_MATERIAL = re.compile(r"-----BEGIN |^ssh-|^\s*\{")


class SettingsError(Exception):
    """A value that stops the start: one line that names the variable and says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    production: bool
    database_url: str | None
    """None: the embedded PostgreSQL in `home`."""
    secrets: tuple[bytes, ...]
    """HS256 keys, raw bytes; the first one signs development tokens."""
    jwt_issuer: str | None
    jwt_audience: str | None
    allowed_origins: frozenset[str]
    host: str
    port: int
    workers: int
    log_level: LogLevel
    db_pool_size: int
    db_max_overflow: int
    home: Path
    docs_enabled: bool
    metrics_token: str | None
    """None: no metrics are kept."""
    server_timing: bool
    tracing_endpoint: str | None
    """None: no traces."""

    def __repr__(self) -> str:
        """Short, so that no log line can carry a secret or the database's password."""
        return f"Settings(production={self.production}, host={self.host!r}, port={self.port})"


def load_settings(environ: Mapping[str, str], directory: Path) -> Settings:
    """Settings from `environ` and, in development, from `directory`/.env, which never wins over `environ`.

    Raises:
        SettingsError: a value is missing or bad.
    """
    values = {name: value for name, value in environ.items() if value.strip()}
    if values.get("ENVIRONMENT") != "production":
        on_file = dotenv_values(directory / ".env", interpolate=False)
        values = {name: value for name, value in on_file.items() if value and value.strip()} | values
    production = _one_of(values, "ENVIRONMENT", "development", "production") == "production"
    home = Path(values.get("TODO_API_HOME", ".todo-api"))
    home = home if home.is_absolute() else directory / home
    return Settings(
        production=production,
        database_url=_database_url(values, required=production),
        secrets=_secrets(values, home, required=production),
        jwt_issuer=_claim(values, "JWT_ISSUER", required=production),
        jwt_audience=_claim(values, "JWT_AUDIENCE", required=production),
        allowed_origins=_origins(values, production=production),
        host=values.get("HOST", _EVERY_ADDRESS if production else "127.0.0.1"),
        port=_integer(values, "PORT", default=8000, low=1, high=65535),
        workers=_integer(values, "WEB_CONCURRENCY", default=1, low=1, high=256),
        log_level=cast(LogLevel, _one_of(values, "LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")),
        db_pool_size=_integer(values, "DB_POOL_SIZE", default=5, low=1, high=1000),
        db_max_overflow=_integer(values, "DB_MAX_OVERFLOW", default=10, low=0, high=1000),
        home=home,
        docs_enabled=_one_of(values, "DOCS_ENABLED", "true", "false") == "true",
        metrics_token=_metrics_token(values),
        server_timing=_one_of(values, "SERVER_TIMING", "false", "true") == "true",
        tracing_endpoint=_tracing_endpoint(values),
    )


def _one_of(values: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = values.get(name, default)
    if value not in (default, *others):
        raise SettingsError(f"{name} is {value!r}: set it to one of {', '.join((default, *others))}")
    return value


def _integer(values: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    value = values.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise SettingsError(f"{name} is {value!r}: set it to a whole number from {low} to {high}")
    return int(value)


def _claim(values: Mapping[str, str], name: str, *, required: bool) -> str | None:
    if required and name not in values:
        what = {"JWT_ISSUER": "iss", "JWT_AUDIENCE": "aud"}[name]
        raise SettingsError(f"{name} is missing: in production, set it to the `{what}` that Better Auth's tokens carry")
    return values.get(name)


def _database_url(values: Mapping[str, str], *, required: bool) -> str | None:
    url = values.get("DATABASE_URL")
    if url is None:
        if required:
            raise SettingsError("DATABASE_URL is missing: in production, set it to the URL from Neon's console")
        return None
    if urlsplit(url).scheme not in ("postgres", "postgresql"):
        raise SettingsError("DATABASE_URL is not a PostgreSQL URL: it must begin with postgresql:// or postgres://")
    return url


def _secrets(values: Mapping[str, str], home: Path, *, required: bool) -> tuple[bytes, ...]:
    value = values.get("BETTER_AUTH_SECRET")
    if value is None:
        if required:
            raise SettingsError("BETTER_AUTH_SECRET is missing: set it to the secret that Better Auth has")
        value = _development_secret(home)
    for secret in value.split(","):
        if secret != secret.strip():
            raise SettingsError("BETTER_AUTH_SECRET has white space around a secret: remove it")
        if len(secret.encode()) < MINIMUM_SECRET_BYTES:
            raise SettingsError(
                f"BETTER_AUTH_SECRET has a secret shorter than {MINIMUM_SECRET_BYTES} bytes: "
                "make one with `openssl rand -base64 32` and give it to Better Auth too"
            )
        if _KEY_MATERIAL.search(secret):
            raise SettingsError("BETTER_AUTH_SECRET holds a key file: it takes the shared secret, not a PEM or a JWK")
    return tuple(secret.encode() for secret in value.split(","))


def _metrics_token(values: Mapping[str, str]) -> str | None:
    token = values.get("METRICS_TOKEN")
    if token is not None and not re.fullmatch(r"[!-~]{16,256}", token):
        raise SettingsError("METRICS_TOKEN is not 16 to 256 printable characters: make one with `openssl rand -hex 16`")
    return token


def _tracing_endpoint(values: Mapping[str, str]) -> str | None:
    url = values.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if url is not None and find_spec("opentelemetry") is None:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT is set without OpenTelemetry: install todo-api[tracing]")
    if url is not None and not re.fullmatch(r"https?://[!-~]+", url):
        raise SettingsError(f"OTEL_EXPORTER_OTLP_ENDPOINT is {url!r}: write it like http://collector:4318")
    return url


def _development_secret(home: Path) -> str:
    """Made once and kept in the data directory, so that tokens outlive a restart."""
    file = home / "better-auth-secret"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with open(file, "x", opener=_private) as new:
            new.write(secrets.token_urlsafe(32))
    except FileExistsError:
        pass  # made by an earlier start
    except OSError as error:
        raise SettingsError(f"TODO_API_HOME is {home}, which cannot be written: {error.strerror}") from None
    return file.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _origins(values: Mapping[str, str], *, production: bool) -> frozenset[str]:
    listed = values.get("ALLOWED_ORIGINS", "" if production else "http://localhost:3000")
    origins = [origin.strip() for origin in listed.split(",") if origin.strip()]
    for origin in origins:
        if origin in ("*", "null"):
            raise SettingsError(f"ALLOWED_ORIGINS has {origin}: list the exact origins of your front ends")
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise SettingsError(
                f"ALLOWED_ORIGINS has {origin!r}, which is no origin: write scheme://host[:port] without a path"
            )
        if origin != origin.lower():
            raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: browsers send origins in lower case, so write it so")
        if production and parts.scheme != "https":
            raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: in production only https origins are allowed")
    return frozenset(origins)
