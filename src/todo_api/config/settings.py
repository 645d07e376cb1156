"""Settings: the only reader of the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, cast

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, field
from msgspec.inspect import BoolType, IntType, LiteralType, StructType, type_info

from todo_api.config import environment as read
from todo_api.config.environment import SettingsError

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """The encoded name of a field is its variable. The defaults are those of development."""

    environment: Literal["development", "production"] = "development"
    database_url: str | None = None
    """None: the embedded PostgreSQL in `home`."""
    secrets: tuple[bytes, ...] = field(name="BETTER_AUTH_SECRET", default=())
    """HS256 keys, raw bytes; the first one signs development tokens. Empty in production when there is a `jwks_url`."""
    better_auth_url: str | None = None
    """An origin in lower case, without a slash at the end."""
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwks_url: str | None = field(name="JWT_JWKS_URL", default=None)
    allowed_origins: frozenset[str] = frozenset({"http://localhost:3000"})
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=256)] = field(name="WEB_CONCURRENCY", default=1)
    log_level: LogLevel = "INFO"
    db_pool_size: Annotated[int, Meta(ge=1, le=1000)] = 5
    db_max_overflow: Annotated[int, Meta(ge=0, le=1000)] = 10
    drain_seconds: Annotated[int, Meta(ge=0, le=60)] = 0
    home: Path = field(name="TODO_API_HOME")
    rate_limit: tuple[int, int] | None = (50, 100)
    """Requests a second and burst, of each user in each worker. None: no limit."""
    history_days: Annotated[int, Meta(ge=7, le=3650)] = 30
    """Days for which the log of changes is kept. A create with an id of the client's may be repeated for seven days."""
    trash_days: Annotated[int, Meta(ge=0, le=3650)] = 30
    """Days for which a deleted task can be restored. 0: it is deleted for good at once."""
    max_tasks: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    """Tasks of each user."""
    events_poll_seconds: tuple[float, float] = (0.5, 5.0)
    """Shortest and longest pause between two looks for changes that other workers made."""
    docs_enabled: bool = True
    metrics_token: str | None = None
    """None: no metrics are kept."""
    server_timing: bool = False
    tracing_endpoint: str | None = field(name="OTEL_EXPORTER_OTLP_ENDPOINT", default=None)
    """None: no traces."""

    @property
    def production(self) -> bool:
        return self.environment == "production"

    def __repr__(self) -> str:
        """Short, so that no log line can carry a secret or the database's password."""
        return f"Settings(production={self.production}, host={self.host!r}, port={self.port})"


_TYPES: Final = {setting.encode_name: setting.type for setting in cast("StructType", type_info(Settings)).fields}
VARIABLES: Final = tuple(_TYPES)
"""The variables that are read; the README's table and `.env.example` list the same in the same order."""

_STRICT: Final = {IntType: str.isdecimal, BoolType: ("true", "false").__contains__, LiteralType: str.isascii}
"""msgspec's lax mode would also take 8e1 for 80 and 1 for true, and would fail on a lone surrogate."""
_RULES: Final = {
    "DATABASE_URL": read.database_url,
    "BETTER_AUTH_SECRET": read.secrets,
    "BETTER_AUTH_URL": read.better_auth_origin,
    "JWT_JWKS_URL": read.jwks_url,
    "ALLOWED_ORIGINS": read.origins,
    "RATE_LIMIT": read.rate_limit,
    "EVENTS_POLL_SECONDS": read.poll_seconds,
    "METRICS_TOKEN": read.metrics_token,
    "OTEL_EXPORTER_OTLP_ENDPOINT": read.tracing_endpoint,
}
_PRODUCTION: Final[dict[str, object]] = {
    "ALLOWED_ORIGINS": frozenset(),
    "HOST": "0.0.0.0",  # noqa: S104 - a container must listen on every address
    "DRAIN_SECONDS": 5,
}
_NEEDED_IN_PRODUCTION: Final = {
    "DATABASE_URL": "the URL from Neon's console",
    "JWT_ISSUER": "the `iss` that Better Auth's tokens carry",
    "JWT_AUDIENCE": "the `aud` that Better Auth's tokens carry",
}


def load_settings(environ: Mapping[str, str], directory: Path) -> Settings:
    """Settings from `environ` and, in development, from `directory`/.env, which never wins over `environ`.

    Raises:
        SettingsError: a value is missing or bad.
    """
    texts = _not_blank(environ)
    if texts.get("ENVIRONMENT") != "production":
        texts = _not_blank(dotenv_values(directory / ".env", interpolate=False)) | texts
    values: dict[str, object] = {name: _RULES[name](text) if name in _RULES else text for name, text in texts.items()}
    values["TODO_API_HOME"] = directory / texts.get("TODO_API_HOME", ".todo-api")
    if origin := values.get("BETTER_AUTH_URL"):
        values = {"JWT_ISSUER": origin, "JWT_JWKS_URL": f"{origin}/api/auth/jwks"} | values
    if texts.get("ENVIRONMENT") == "production":
        read.refuse_http(texts)
        values = _PRODUCTION | values
        for name, value in _NEEDED_IN_PRODUCTION.items():
            if name not in values:
                raise SettingsError(f"{name} is missing: in production, set it to {value}")
        if "BETTER_AUTH_SECRET" not in values and "JWT_JWKS_URL" not in values:
            raise SettingsError(
                "BETTER_AUTH_SECRET is missing: set it to the secret that Better Auth has, "
                "or set BETTER_AUTH_URL to verify with Better Auth's public keys"
            )
    settings = _converted(values)
    if settings.production:
        read.refuse_guessable(settings.secrets)
    if not settings.production and not settings.secrets:
        return msgspec.structs.replace(settings, secrets=read.secrets(read.development_secret(settings.home)))
    return settings


def _not_blank(texts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name in VARIABLES if (text := texts.get(name)) and text.strip()}


def _converted(values: Mapping[str, object]) -> Settings:
    for name, value in values.items():
        if isinstance(value, str) and not _STRICT.get(type(_TYPES[name]), bool)(value):
            raise _unusable(name, values)
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _unusable(str(error).rpartition("$.")[2].rstrip("`"), values) from None


def _unusable(name: str, values: Mapping[str, object]) -> SettingsError:
    match _TYPES[name]:
        case IntType(ge=low, le=high):
            expected = f"a whole number from {low} to {high}"
        case LiteralType(values=choices):
            expected = f"one of {', '.join(map(str, choices))}"
        case _:
            expected = "true or false"
    return SettingsError(f"{name} is {values[name]!r}: set it to {expected}")
