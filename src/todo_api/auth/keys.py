"""The keys that verify tokens. The algorithm is the key's, never the token's (RFC 8725 §3.1)."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Any, Final

import jwt
import msgspec

MAX_KEYS: Final = 32
_MAX_KID: Final = 256
_RSA_BITS: Final = range(2048, 8193)
_ALGORITHMS: Final = {
    ("OKP", "Ed25519"): ("EdDSA",),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-521"): ("ES512",),
    ("RSA", None): ("RS256", "PS256"),
}
"""(kty, crv) → algorithms of such a key; the first is used if the key has no `alg` (RFC 7518, RFC 8037)."""


class NoUsableKey(Exception):
    """The issuer's answer has no key that can be used."""


def shared_secrets(secrets: Iterable[bytes]) -> tuple[jwt.PyJWK, ...]:
    """HS256 keys from the secrets that are shared with Better Auth."""
    return tuple(
        jwt.PyJWK({"kty": "oct", "alg": "HS256", "k": urlsafe_b64encode(secret).rstrip(b"=").decode()})
        for secret in secrets
    )


def published_keys(jwks: bytes) -> dict[str, jwt.PyJWK]:
    """The usable keys of an issuer's JWK Set, by `kid`. Others are ignored (RFC 7517 §5).

    An empty set gives an empty dict: the issuer has withdrawn all keys.

    Raises:
        NoUsableKey: the answer is not a JWK Set, or it has keys and none is usable.
    """
    try:
        answer = msgspec.json.decode(jwks)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoUsableKey("the answer is not JSON") from None
    listed = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise NoUsableKey("the answer is not a JWK Set")
    keys: dict[str, jwt.PyJWK] = {}
    for member in listed[:MAX_KEYS]:
        if (key := _usable(member)) is not None:
            keys.setdefault(member["kid"], key)
    if listed and not keys:
        raise NoUsableKey("the JWK Set has no usable key")
    return keys


def _usable(member: Any) -> jwt.PyJWK | None:
    """`member` as a key, if it is public, for signatures, has a `kid`, and its type and strength are allowed."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig" or "d" in member:
        return None
    kid, kty, crv = member.get("kid"), member.get("kty"), member.get("crv")
    if not (isinstance(kid, str) and 0 < len(kid) <= _MAX_KID and isinstance(kty, str) and isinstance(crv, str | None)):
        return None
    algorithms = _ALGORITHMS.get((kty, crv), ())
    algorithm = member.get("alg", algorithms[0] if algorithms else None)
    if algorithm not in algorithms:
        return None
    try:
        key = jwt.PyJWK(member, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None
    return key if kty != "RSA" or key.key.key_size in _RSA_BITS else None
