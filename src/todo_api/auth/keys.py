"""The keys that tokens are verified with."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable

import jwt


def shared_secrets(secrets: Iterable[bytes]) -> tuple[jwt.PyJWK, ...]:
    """HS256 keys from the raw bytes shared with Better Auth. The algorithm belongs to the key, never to the token."""
    return tuple(
        jwt.PyJWK({"kty": "oct", "alg": "HS256", "k": urlsafe_b64encode(secret).rstrip(b"=").decode()})
        for secret in secrets
    )
