"""A bearer token's claims, checked. Pure: keys and clock come as arguments."""

import re
import time
from collections.abc import Sequence
from typing import Any, Final

import jwt
import msgspec

MAX_TOKEN_BYTES: Final = 8192
LEEWAY_SECONDS: Final = 30
MAX_LIFETIME_SECONDS: Final = 7 * 24 * 3600
USER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TYPES: Final = ("JWT", "at+jwt")


class TokenRefused(Exception):
    """Why, for the log only: the client is told one thing for all."""


class Expected(msgspec.Struct, frozen=True):
    """What a token's claims must be; None is not checked."""

    issuer: str | None
    audience: str | None


def subject(token: str, keys: Sequence[jwt.PyJWK], expected: Expected, now: float) -> str:
    """The user that `token` speaks for.

    Beyond the signature and RFC 7519's claims this checks what the library does not: the token's size and kind
    (RFC 8725 §3.11), that times are numbers, and that its whole life is short.

    Raises:
        TokenRefused: for every reason alike.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused(f"longer than {MAX_TOKEN_BYTES} bytes; does its payload carry the whole user object?")
    if token.count(".") != 2:
        raise TokenRefused("not a JWT; is it Better Auth's session token?")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenRefused(f"unreadable header: {error}") from None
    if header.get("typ", "JWT") not in _TYPES or "cty" in header or "crit" in header:
        raise TokenRefused("a token of another kind")
    claims = _verified(token, keys, expected)
    _check_times(claims, now)
    user = claims["sub"]
    if not isinstance(user, str) or not USER_ID.fullmatch(user):
        raise TokenRefused("sub is no user id")
    return user


def _verified(token: str, keys: Sequence[jwt.PyJWK], expected: Expected) -> dict[str, Any]:
    required = ["exp", "sub"]
    required += ["iss"] if expected.issuer is not None else []
    required += ["aud"] if expected.audience is not None else []
    options: Any = {
        "require": required,
        "verify_aud": expected.audience is not None,
        "enforce_minimum_key_length": True,
    }
    refused: Exception | None = None
    for key in keys:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=expected.audience,
                issuer=expected.issuer,
                leeway=LEEWAY_SECONDS,
                options=options,
            )
        except jwt.InvalidSignatureError as error:
            refused = error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefused(str(error)) from None
    raise TokenRefused(str(refused or "no key"))


def _check_times(claims: dict[str, Any], now: float) -> None:
    """PyJWT takes strings, booleans and the far future."""
    expires, issued = claims["exp"], claims.get("iat", now)
    if type(expires) not in (int, float) or type(issued) not in (int, float):
        raise TokenRefused("exp or iat is not a number")
    if expires - now > MAX_LIFETIME_SECONDS or expires - issued > MAX_LIFETIME_SECONDS:
        raise TokenRefused("valid for longer than seven days")


def development_token(user_id: str, secret: bytes, issuer: str | None, audience: str | None, seconds: int) -> str:
    """An HS256 token that `subject` accepts, for trying things out: in production they come from Better Auth."""
    now = int(time.time())
    claims = {"sub": user_id, "iat": now, "exp": now + seconds, "iss": issuer, "aud": audience}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm="HS256")
