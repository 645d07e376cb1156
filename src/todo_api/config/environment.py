"""The rules of settings that are more than a type: URLs, secrets, origins.

Each function takes the text of one variable. A bad text raises SettingsError.
"""

import os
import re
import secrets as random
from base64 import b64decode
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import InvalidKeyError
from jwt.algorithms import HMACAlgorithm

MINIMUM_SECRET_BYTES: Final = 32
_EXAMPLE_SECRET: Final = "the-value-that-better-auth-has-32-bytes-or-more"  # noqa: S105 - it is refused
_PUBLISHED_SECRETS: Final = frozenset(
    {
        b"only-for-this-machine-0123456789abcdef",  # deploy/compose.yaml
        b"better-auth-secret-12345678901234567890",  # Better Auth's own default
        b"a-string-secret-at-least-256-bits-long",  # the example at jwt.io
    }
)
_LEAST_PAIRS: Final = 16
_LEAST_STEPS: Final = 5
"""In 100 000 random secrets of 32 decimal digits, the least were 17 different pairs and 8 different steps."""
_HOST: Final = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]*:[0-9a-f:.]*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_KEY_MATERIAL = re.compile(r"-----BEGIN |^ssh-|^\s*\{")


class SettingsError(Exception):
    """One line that names the variable and says what is wrong and what to do. It stops the start."""


def rate_limit(text: str) -> tuple[int, int] | None:
    if text == "off":
        return None
    if not (parts := re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", text)):
        raise SettingsError(f"RATE_LIMIT is {text!r}: set it to requests a second and burst, like 50/100, or to off")
    return int(parts[1]), int(parts[2])


def poll_seconds(text: str) -> tuple[float, float]:
    parts = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)/([0-9]{1,3}(?:\.[0-9]{1,2})?)", text)
    if not parts or not 0.05 <= float(parts[1]) <= float(parts[2]):
        raise SettingsError(
            f"EVENTS_POLL_SECONDS is {text!r}: set it to the shortest and the longest pause in seconds, like 0.5/5"
        )
    return float(parts[1]), float(parts[2])


def better_auth_origin(url: str) -> str:
    """Better Auth's own `BETTER_AUTH_URL`; its tokens carry the origin as `iss`, without a slash at the end."""
    parts = _web_address("BETTER_AUTH_URL", url)
    if parts.path not in ("", "/") or parts.query:
        raise SettingsError(
            f"BETTER_AUTH_URL is {url!r}: write scheme://host[:port] without a path; "
            "if the keys are not at /api/auth/jwks there, set JWT_JWKS_URL too"
        )
    return f"{parts.scheme}://{parts.netloc}".lower()


def jwks_url(url: str) -> str:
    _web_address("JWT_JWKS_URL", url)
    return url


def refuse_http(texts: Mapping[str, str]) -> None:
    """In production tokens, keys and origins are safe over TLS only."""
    for name in ("BETTER_AUTH_URL", "JWT_JWKS_URL", "ALLOWED_ORIGINS"):
        for address in texts.get(name, "").split(","):
            if address.strip().lower().startswith("http:"):
                raise SettingsError(f"{name} has {address.strip()!r}: in production only https is allowed")


def _web_address(name: str, url: str) -> SplitResult:
    parts = _split(url)
    if (
        not parts
        or parts.scheme not in ("http", "https")
        or re.search(r"[^!-~]", url)
        or "@" in parts.netloc
        or parts.fragment
    ):
        raise SettingsError(
            f"{name} is not a web address: write it like https://app.example, without user and password"
        )
    return parts


def _split(address: str) -> SplitResult | None:
    """None for a text without a host or with a bad port."""
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def database_url(url: str) -> str:
    if not re.match(r"postgres(?:ql)?://", url):
        raise SettingsError("DATABASE_URL is not a PostgreSQL URL: it must begin with postgresql:// or postgres://")
    return url


def secrets(text: str) -> tuple[bytes, ...]:
    return tuple(_secret(secret) for secret in text.split(","))


def _secret(text: str) -> bytes:
    if text == _EXAMPLE_SECRET:
        raise SettingsError(
            "BETTER_AUTH_SECRET is the example from the documentation, which is public: "
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
        raise SettingsError("BETTER_AUTH_SECRET is a key file: set it to the shared secret, not to a PEM, DER or JWK")
    return secret


def refuse_guessable(secrets: Iterable[bytes]) -> None:
    """In production a secret must be random: with a secret that can be guessed, everybody could sign tokens."""
    for secret in secrets:
        reason = "an example that is public" if secret in _PUBLISHED_SECRETS else "not random, so it can be guessed"
        if secret in _PUBLISHED_SECRETS or _is_repetitive(secret):
            raise SettingsError(
                f"BETTER_AUTH_SECRET has a secret that is {reason}: "
                "make one with `openssl rand -base64 32` and give it to Better Auth too"
            )


def _is_repetitive(secret: bytes) -> bool:
    """Whether the bytes repeat (`aaaa…`, `secretsecret…`) or count (`0123456789…`)."""
    pairs = set(pairwise(secret))
    return len(pairs) < _LEAST_PAIRS or len({after - before for before, after in pairs}) < _LEAST_STEPS


def _is_key_material(text: str) -> bool:
    """With a public key as shared secret, everybody could sign tokens."""
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(text)
    except InvalidKeyError:
        return True
    try:
        load_der_public_key(b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return _KEY_MATERIAL.search(text) is not None
    return True


def metrics_token(token: str) -> str:
    if not re.fullmatch(r"[!-~]{16,256}", token):
        raise SettingsError("METRICS_TOKEN is not 16 to 256 printable characters: make one with `openssl rand -hex 16`")
    return token


def tracing_endpoint(url: str) -> str:
    if find_spec("opentelemetry") is None:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT is set without OpenTelemetry: install todo-api[tracing]")
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise SettingsError(f"OTEL_EXPORTER_OTLP_ENDPOINT is {url!r}: write it like http://collector:4318")
    return url


def development_secret(home: Path) -> str:
    """The secret in the data directory, made at the first start, so that tokens are valid after a restart.

    Raises:
        SettingsError: the directory cannot be written.
    """
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


def origins(text: str) -> frozenset[str]:
    return frozenset(_origin(origin.strip()) for origin in text.split(",") if origin.strip())


def _origin(origin: str) -> str:
    """`origin`, if it is written as browsers send it (RFC 6454 §6.2): they never send any other form."""
    if origin in ("*", "null"):
        raise SettingsError(f"ALLOWED_ORIGINS has {origin}: list the exact origins of your front ends")
    parts = _split(origin)
    if parts is not None and "@" in parts.netloc:
        raise SettingsError(
            "ALLOWED_ORIGINS has an origin with a user, which browsers leave out: write scheme://host[:port]"
        )
    if parts is None or parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
        raise SettingsError(
            f"ALLOWED_ORIGINS has {origin!r}, which is not an origin: write scheme://host[:port] without a path"
        )
    if origin != origin.lower():
        raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: write it in lower case, as browsers send it")
    if not _HOST.fullmatch(parts.hostname or ""):
        raise SettingsError(
            f"ALLOWED_ORIGINS has {origin!r}, whose host browsers never send: list exact hosts without wildcards, "
            "and write a host with other letters than a to z in its form with xn--"
        )
    sent = f"{parts.scheme}://{parts.netloc.rpartition(':')[0]}"
    if parts.netloc.endswith(":") or parts.port == _DEFAULT_PORTS[parts.scheme]:
        raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: write {sent!r}, since browsers leave this port out")
    if parts.port is not None and not parts.netloc.endswith(f":{parts.port}"):
        raise SettingsError(f"ALLOWED_ORIGINS has {origin!r}: write '{sent}:{parts.port}', as browsers send it")
    return origin
