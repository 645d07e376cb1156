"""How the value of each setting is read: every function takes the environment, and says what is wrong in one line."""

import os
import re
import secrets as random
from base64 import b64decode
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import InvalidKeyError
from jwt.algorithms import HMACAlgorithm

MINIMUM_SECRET_BYTES: Final = 32
_EXAMPLE_SECRET: Final = "the-value-that-better-auth-has-32-bytes-or-more"  # noqa: S105 - it is refused
_KEY_MATERIAL = re.compile(r"-----BEGIN |^ssh-|^\s*\{")


class SettingsError(Exception):
    """A value that stops the start: one line that names the variable and says what to do."""


def one_of(values: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = values.get(name, default)
    if value not in (default, *others):
        raise SettingsError(f"{name} is {value!r}: set it to one of {', '.join((default, *others))}")
    return value


def integer(values: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    value = values.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise SettingsError(f"{name} is {value!r}: set it to a whole number from {low} to {high}")
    return int(value)


def rate_limit(values: Mapping[str, str]) -> tuple[int, int] | None:
    value = values.get("RATE_LIMIT", "50/100")
    if value == "off":
        return None
    if not (parts := re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", value)):
        raise SettingsError(f"RATE_LIMIT is {value!r}: set it to requests a second and burst, like 50/100, or to off")
    return int(parts[1]), int(parts[2])


def claim(values: Mapping[str, str], name: str, default: str | None, *, required: bool) -> str | None:
    value = values.get(name, default)
    if required and value is None:
        what = {"JWT_ISSUER": "iss", "JWT_AUDIENCE": "aud"}[name]
        raise SettingsError(f"{name} is missing: in production, set it to the `{what}` that Better Auth's tokens carry")
    return value


def better_auth_origin(values: Mapping[str, str], *, production: bool) -> str | None:
    """Better Auth's own `BETTER_AUTH_URL`; its tokens carry the origin as `iss`, without a slash at the end."""
    url = values.get("BETTER_AUTH_URL")
    if url is None:
        return None
    parts = _web_address("BETTER_AUTH_URL", url, production=production)
    if parts.path not in ("", "/") or parts.query:
        raise SettingsError(
            f"BETTER_AUTH_URL is {url!r}: write scheme://host[:port] without a path; "
            "if the keys are not at /api/auth/jwks there, set JWT_JWKS_URL too"
        )
    return f"{parts.scheme}://{parts.netloc}".lower()


def jwks_url(values: Mapping[str, str], issuer: str | None, *, production: bool) -> str | None:
    url = values.get("JWT_JWKS_URL")
    if url is None:
        return None if issuer is None else f"{issuer}/api/auth/jwks"
    _web_address("JWT_JWKS_URL", url, production=production)
    return url


def _web_address(name: str, url: str, *, production: bool) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and not (parts.username or parts.password or parts.fragment)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https") or re.search(r"[^!-~]", url):
        raise SettingsError(f"{name} is no web address: write it like https://app.example, without user and password")
    if production and parts.scheme != "https":
        raise SettingsError(f"{name} is {url!r}: in production only https is allowed")
    return parts


def _split(address: str) -> SplitResult | None:
    """None where it is no address at all."""
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def database_url(values: Mapping[str, str], *, required: bool) -> str | None:
    url = values.get("DATABASE_URL")
    if url is None:
        if required:
            raise SettingsError("DATABASE_URL is missing: in production, set it to the URL from Neon's console")
        return None
    if not re.match(r"postgres(?:ql)?://", url):
        raise SettingsError("DATABASE_URL is not a PostgreSQL URL: it must begin with postgresql:// or postgres://")
    return url


def secrets(values: Mapping[str, str], home: Path, *, production: bool, required: bool) -> tuple[bytes, ...]:
    value = values.get("BETTER_AUTH_SECRET")
    if value is None:
        if required:
            raise SettingsError(
                "BETTER_AUTH_SECRET is missing: set it to the secret that Better Auth has, "
                "or set BETTER_AUTH_URL to verify with Better Auth's public keys"
            )
        if production:
            return ()
        value = _development_secret(home)
    return tuple(_secret(secret) for secret in value.split(","))


def _secret(text: str) -> bytes:
    if text == _EXAMPLE_SECRET:
        raise SettingsError(
            "BETTER_AUTH_SECRET is the example of our documents, which everybody knows: "
            "make one with `openssl rand -base64 32` and give it to Better Auth too"
        )
    if text != text.strip():
        raise SettingsError("BETTER_AUTH_SECRET has white space around a secret: remove it")
    try:
        secret = text.encode()
    except UnicodeEncodeError:
        raise SettingsError("BETTER_AUTH_SECRET is not UTF-8: Better Auth reads it as text") from None
    if len(secret) < MINIMUM_SECRET_BYTES:
        raise SettingsError(
            f"BETTER_AUTH_SECRET has a secret shorter than {MINIMUM_SECRET_BYTES} bytes: "
            "make one with `openssl rand -base64 32` and give it to Better Auth too"
        )
    if _is_key_material(text):
        raise SettingsError("BETTER_AUTH_SECRET holds a key file: it takes the shared secret, not a PEM, DER or JWK")
    return secret


def _is_key_material(text: str) -> bool:
    """A public key as a shared secret would let everybody sign."""
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(text)
    except InvalidKeyError:
        return True
    try:
        load_der_public_key(b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return _KEY_MATERIAL.search(text) is not None
    return True


def metrics_token(values: Mapping[str, str]) -> str | None:
    token = values.get("METRICS_TOKEN")
    if token is not None and not re.fullmatch(r"[!-~]{16,256}", token):
        raise SettingsError("METRICS_TOKEN is not 16 to 256 printable characters: make one with `openssl rand -hex 16`")
    return token


def tracing_endpoint(values: Mapping[str, str]) -> str | None:
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
            new.write(random.token_urlsafe(32))
    except FileExistsError:
        pass  # made by an earlier start
    except OSError as error:
        raise SettingsError(f"TODO_API_HOME is {home}, which cannot be written: {error.strerror}") from None
    return file.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def origins(values: Mapping[str, str], *, production: bool) -> frozenset[str]:
    listed = values.get("ALLOWED_ORIGINS", "" if production else "http://localhost:3000")
    origins = [origin.strip() for origin in listed.split(",") if origin.strip()]
    for origin in origins:
        if origin in ("*", "null"):
            raise SettingsError(f"ALLOWED_ORIGINS has {origin}: list the exact origins of your front ends")
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise SettingsError(
                f"ALLOWED_ORIGINS has {origin!r}, which is no origin: write scheme://host[:port] without a path"
            )
        if origin != origin.lower():
            raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: browsers send origins in lower case, so write it so")
        if production and parts.scheme != "https":
            raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: in production only https origins are allowed")
    return frozenset(origins)
