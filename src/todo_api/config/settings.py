"""Settings: the only reader of the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, cast

import msgspec
from dotenv import dotenv_values

from todo_api.config import environment as read

VARIABLES: Final = (
    "ENVIRONMENT",
    "DATABASE_URL",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_URL",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_JWKS_URL",
    "ALLOWED_ORIGINS",
    "HOST",
    "PORT",
    "WEB_CONCURRENCY",
    "LOG_LEVEL",
    "DB_POOL_SIZE",
    "DB_MAX_OVERFLOW",
    "DRAIN_SECONDS",
    "TODO_API_HOME",
    "RATE_LIMIT",
    "DOCS_ENABLED",
    "METRICS_TOKEN",
    "SERVER_TIMING",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)
"""Every variable that is read; the README's table and `.env.example` list the same."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - in a container, that is the point


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    production: bool
    database_url: str | None
    """None: the embedded PostgreSQL in `home`."""
    secrets: tuple[bytes, ...]
    """HS256 keys, raw bytes; the first one signs development tokens. Empty in production when there is a `jwks_url`."""
    jwt_issuer: str | None
    jwt_audience: str | None
    jwks_url: str | None
    allowed_origins: frozenset[str]
    host: str
    port: int
    workers: int
    log_level: LogLevel
    db_pool_size: int
    db_max_overflow: int
    drain_seconds: int
    home: Path
    rate_limit: tuple[int, int] | None
    """Requests a second and burst, of each user in each worker."""
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
    production = read.one_of(values, "ENVIRONMENT", "development", "production") == "production"
    home = Path(values.get("TODO_API_HOME", ".todo-api"))
    home = home if home.is_absolute() else directory / home
    issuer = read.better_auth_origin(values, production=production)
    jwks_url = read.jwks_url(values, issuer, production=production)
    return Settings(
        production=production,
        database_url=read.database_url(values, required=production),
        secrets=read.secrets(values, home, production=production, required=production and jwks_url is None),
        jwt_issuer=read.claim(values, "JWT_ISSUER", issuer, required=production),
        jwt_audience=read.claim(values, "JWT_AUDIENCE", None, required=production),
        jwks_url=jwks_url,
        allowed_origins=read.origins(values, production=production),
        host=values.get("HOST", _EVERY_ADDRESS if production else "127.0.0.1"),
        port=read.integer(values, "PORT", default=8000, low=1, high=65535),
        workers=read.integer(values, "WEB_CONCURRENCY", default=1, low=1, high=256),
        log_level=cast(LogLevel, read.one_of(values, "LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")),
        db_pool_size=read.integer(values, "DB_POOL_SIZE", default=5, low=1, high=1000),
        db_max_overflow=read.integer(values, "DB_MAX_OVERFLOW", default=10, low=0, high=1000),
        drain_seconds=read.integer(values, "DRAIN_SECONDS", default=5 if production else 0, low=0, high=60),
        home=home,
        rate_limit=read.rate_limit(values),
        docs_enabled=read.one_of(values, "DOCS_ENABLED", "true", "false") == "true",
        metrics_token=read.metrics_token(values),
        server_timing=read.one_of(values, "SERVER_TIMING", "false", "true") == "true",
        tracing_endpoint=read.tracing_endpoint(values),
    )
