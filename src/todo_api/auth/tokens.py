"""A bearer token's claims, checked. Pure: keys and clock come as arguments."""

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any, Final, Never

import jwt
import msgspec

MAX_TOKEN_BYTES: Final = 8192
LEEWAY_SECONDS: Final = 30
MAX_LIFETIME_SECONDS: Final = 7 * 24 * 3600
USER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TYPES: Final = ("JWT", "at+jwt")
_CHANGES_MEANING: Final = {"cty", "crit", "b64"}


class InvalidToken(Exception):
    """Why, for the log only: the client is told one thing for all."""


class ExpectedClaims(msgspec.Struct, frozen=True):
    """What a token's claims must be; None is not checked."""

    issuer: str | None
    audience: str | None


class Header(msgspec.Struct, frozen=True):
    """What a token says of itself. It may help to find a key; it never says how the key is used."""

    alg: str
    kid: str | None


class Verified(msgspec.Struct, frozen=True):
    user: str
    expires: float
    """Unix time."""


def read_header(token: str) -> Header:
    """The header of what may be a token for us: its size, shape and kind (RFC 8725 §3.11) are checked first.

    Raises:
        InvalidToken: for every reason alike.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"longer than {MAX_TOKEN_BYTES} bytes; does its payload carry the whole user object?")
    if token.count(".") != 2:
        raise InvalidToken("not a JWT; is it Better Auth's session token?")
    header = _json(token.split(".", maxsplit=1)[0], "header")
    if header.get("typ", "JWT") not in _TYPES or not _CHANGES_MEANING.isdisjoint(header):
        raise InvalidToken("a token of another kind")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or not isinstance(kid, str | None) or ("kid" in header and kid is None):
        raise InvalidToken("alg or kid is no text")
    return Header(alg, kid)


def verified(token: str, keys: Sequence[jwt.PyJWK], expected: ExpectedClaims, now: float) -> Verified:
    """Whom `token` speaks for, and until when.

    Signature, issuer and audience are the library's work. Times are ours: the library takes strings, booleans, the far
    future and a clock of its own; so is the payload's JSON, in which it takes UTF-16 and the last of two equal names.

    Raises:
        InvalidToken: for every reason alike.
    """
    _check_signature(token, keys, expected)
    claims = _json(token.split(".")[1], "payload")
    expires = _check_times(claims, now)
    user = claims["sub"]
    if not isinstance(user, str) or not USER_ID.fullmatch(user):
        raise InvalidToken("sub is no user id")
    return Verified(user, expires)


def _json(segment: str, what: str) -> dict[str, Any]:
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"unreadable {what}: {error}") from None
    if not isinstance(value, dict):
        raise InvalidToken(f"the {what} is no object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name twice")
    return value


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _check_signature(token: str, keys: Sequence[jwt.PyJWK], expected: ExpectedClaims) -> None:
    """The algorithm is the key's, whatever the token says (RFC 8725 §3.1)."""
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


def _check_times(claims: dict[str, Any], now: float) -> float:
    expires, issued, begins = claims["exp"], claims.get("iat", now), claims.get("nbf", now)
    if any(type(moment) not in (int, float) for moment in (expires, issued, begins)):
        raise InvalidToken("exp, iat or nbf is not a number")
    if expires <= now - LEEWAY_SECONDS:
        raise InvalidToken("expired")
    if issued > now + LEEWAY_SECONDS or begins > now + LEEWAY_SECONDS:
        raise InvalidToken("not valid yet; do the clocks differ?")
    # Compared, not subtracted: an integer of 400 digits has no float.
    if expires > now + MAX_LIFETIME_SECONDS or issued < now - MAX_LIFETIME_SECONDS - LEEWAY_SECONDS:
        raise InvalidToken("valid for longer than seven days")
    if expires - issued > MAX_LIFETIME_SECONDS:
        raise InvalidToken("valid for longer than seven days")
    return float(expires)


def development_token(user_id: str, secret: bytes, issuer: str | None, audience: str | None, seconds: int) -> str:
    """An HS256 token that is accepted, for trying things out: in production they come from Better Auth."""
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + seconds, "iss": issuer, "aud": audience}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm="HS256")
