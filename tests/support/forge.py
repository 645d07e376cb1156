"""Tokens made by hand, since a library refuses to make wrong ones."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt

from tests.support.service import SECRET

Part = dict[str, Any] | bytes
_SECRET = SECRET.encode()


def segment(part: Part) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(issuer: str, user: str, **changed: Any) -> dict[str, Any]:
    """Valid claims, with those in `changed` replaced; `...` leaves a claim out."""
    now = int(time.time())
    good = {"sub": user, "iat": now, "exp": now + 600, "iss": issuer, "aud": "todo-api"}
    return {name: value for name, value in {**good, **changed}.items() if value is not ...}


def signed(header: Part, payload: Part, key: Any = _SECRET, alg: str = "HS256") -> str:
    """Signed with `alg`, whatever the header says."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    algorithm: Any = jwt.get_algorithm_by_name(alg)
    return f"{signing_input}.{segment(algorithm.sign(signing_input.encode(), key))}"
