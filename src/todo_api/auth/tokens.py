"""Checks a bearer token and its claims. Does no I/O: keys and time are arguments."""

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Never

import jwt
import msgspec

MAX_TOKEN_BYTES: Final = 8192
LEEWAY_SECONDS: Final = 30
MAX_LIFETIME_SECONDS: Final = 7 * 24 * 3600
JUST_EXPIRED_SECONDS: Final = 3600
"""For so long a token that has expired is refused with `ExpiredToken`."""
USER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TYPES: Final = ("JWT", "at+jwt")
_CHANGES_MEANING: Final = {"cty", "crit", "b64"}


class InvalidToken(Exception):
    """The token is refused. The message is for the log only: clients get the same answer for every reason."""


class ExpiredToken(InvalidToken):
    """The token has expired within the last hour, and is good otherwise. Its user is known, but not authenticated."""

    def __init__(self, user: str) -> None:
        super().__init__("expired")
        self.user = user


class ExpectedClaims(msgspec.Struct, frozen=True):
    """Required values of the claims `iss` and `aud`; None: not checked."""

    issuer: str | None
    audience: str | None


class Header(msgspec.Struct, frozen=True):
    """A token's own header. It may select a key, but never how the key is used."""

    alg: str
    kid: str | None


class Verified(msgspec.Struct, frozen=True):
    user: str
    issued: datetime
    """Its `iat`, without the fraction of a second. Without `iat`: seven days before it expires, the earliest possible.
    """
    expires: float
    """Unix time."""


def read_header(token: str) -> Header:
    """The header of `token`, after checks of size, shape and type (RFC 8725 §3.11). The signature is not verified.

    Raises:
        InvalidToken: any of these is wrong.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"longer than {MAX_TOKEN_BYTES} bytes; does its payload carry the whole user object?")
    if token.count(".") != 2:
        raise InvalidToken("not a JWT; is it Better Auth's session token?")
    header = _json(token.split(".", maxsplit=1)[0], "header")
    if header.get("typ", "JWT") not in _TYPES or not _CHANGES_MEANING.isdisjoint(header):
        raise InvalidToken("a token of another type")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or not isinstance(kid, str | None) or ("kid" in header and kid is None):
        raise InvalidToken("alg or kid is not text")
    return Header(alg, kid)


def verified(token: str, keys: Sequence[jwt.PyJWK], expected: ExpectedClaims, now: float) -> Verified:
    """The user of `token`, when it was issued, and when it expires. `now` is Unix time.

    PyJWT checks signature, issuer and audience. Times are checked here: PyJWT accepts strings, booleans and the far
    future, and uses its own clock. The payload is parsed here: PyJWT accepts UTF-16 and the last of two equal names.

    Raises:
        ExpiredToken: only the expiry is wrong, and it was within the last hour.
        InvalidToken: any of these is wrong.
    """
    _check_signature(token, keys, expected)
    claims = _json(token.split(".")[1], "payload")
    issued, expires = _check_times(claims, now)
    user = claims["sub"]
    if not isinstance(user, str) or not USER_ID.fullmatch(user):
        raise InvalidToken("sub is not a user id")
    if expires <= now - LEEWAY_SECONDS:
        raise ExpiredToken(user)
    return Verified(user, datetime.fromtimestamp(int(issued), UTC), expires)


def _json(segment: str, part: str) -> dict[str, Any]:
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"unreadable {part}: {error}") from None
    if not isinstance(value, dict):
        raise InvalidToken(f"the {part} is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a repeated name")
    return value


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number")


def _check_signature(token: str, keys: Sequence[jwt.PyJWK], expected: ExpectedClaims) -> None:
    """Tries each key with the key's own algorithm, not the token's (RFC 8725 §3.1)."""
    required = ["exp", "sub"]
    required += ["iss"] if expected.issuer is not None else []
    required += ["aud"] if expected.audience is not None else []
    options: Any = {
        "require": required,
        "verify_aud": expected.audience is not None,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "enforce_minimum_key_length": True,
    }
    refused: Exception | None = None
    for key in keys:
        try:
            jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=expected.audience,
                issuer=expected.issuer,
                options=options,
            )
        except jwt.InvalidSignatureError as error:
            refused = error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidToken(str(error)) from None
        else:
            return
    raise InvalidToken(str(refused or "no key of ours"))


def _check_times(claims: dict[str, Any], now: float) -> tuple[float, float]:
    """When the token was issued, and its expiry, which may have been within the last hour."""
    expires, issued, begins = claims["exp"], claims.get("iat", now), claims.get("nbf", now)
    if any(type(moment) not in (int, float) for moment in (expires, issued, begins)):
        raise InvalidToken("exp, iat or nbf is not a number")
    oldest = now - LEEWAY_SECONDS - JUST_EXPIRED_SECONDS
    if expires <= oldest:
        raise InvalidToken("expired")
    if issued > now + LEEWAY_SECONDS or begins > now + LEEWAY_SECONDS:
        raise InvalidToken("not valid yet; do the clocks differ?")
    # Compared, not subtracted: an integer of 400 digits has no float.
    if expires > now + MAX_LIFETIME_SECONDS or issued < oldest - MAX_LIFETIME_SECONDS:
        raise InvalidToken("valid for longer than seven days")
    if expires - issued > MAX_LIFETIME_SECONDS:
        raise InvalidToken("valid for longer than seven days")
    return float(claims.get("iat", expires - MAX_LIFETIME_SECONDS)), float(expires)


DEVELOPMENT_USER: Final = "ann"
DEVELOPMENT_TOKEN_SECONDS: Final = 12 * 3600


def development_token(user_id: str, secret: bytes, issuer: str | None, audience: str | None, seconds: int) -> str:
    """A valid HS256 token for `seconds`, for trials in development. In production Better Auth issues tokens."""
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + seconds, "iss": issuer, "aud": audience}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm="HS256")
