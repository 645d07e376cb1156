"""Only usable keys of an issuer are accepted."""

import json
from typing import Any

import pytest

from tests.support.issuer import private_keys, public
from todo_api.auth.keys import MAX_KEYS, NoUsableKey, published_keys


def jwks(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_only_usable_keys_are_taken() -> None:
    ed, rsa, ec = (private_keys()[alg] for alg in ("EdDSA", "RS256", "ES256"))
    good = public(ed, "EdDSA", kid="good")
    without_alg = {**public(rsa, "RS256", kid="no alg")}
    del without_alg["alg"]
    published = jwks(
        good,
        public(ed, "EdDSA", kid="good", x="AAAA"),
        without_alg,
        public(rsa, "PS256", kid="PS256", use="sig"),
        public(ed, "EdDSA", kid="for encryption", use="enc"),
        public(ed, "EdDSA", kid="with its private half", d="AAAA"),
        public(ed, "EdDSA", kid="broken", x="AAAA"),
        public(ed, "EdDSA", kid=7),
        public(ed, "EdDSA", kid=""),
        public(ed, "EdDSA", kid="k" * 300),
        public(ed, "EdDSA"),
        public(rsa, "RS512", kid="RS512"),
        public(rsa, "RS256", kid="says HS256") | {"alg": "HS256"},
        public(ed, "EdDSA", kid="says ES256") | {"alg": "ES256"},
        public(ed, "EdDSA", kid="says none") | {"alg": "none"},
        public(ec, "ES256", kid="alg a list") | {"alg": ["ES256"]},
        public(ec, "ES256", kid="not on the curve", x="AAAA"),
        public(rsa, "RS256", kid="weak", n="AQAB" * 40),
        public(rsa, "RS256", kid="huge", n="_" * 5000),
        {"kty": "oct", "alg": "HS256", "k": "c2VjcmV0" * 6, "kid": "oct"},
        {"kty": ["OKP"], "kid": "x"},
        "text",
        None,
    )
    assert set(published_keys(published)) == {"good", "no alg", "PS256"}
    assert published_keys(published)["no alg"].algorithm_name == "RS256"
    published = jwks(*(public(ed, "EdDSA", kid=f"k{number}") for number in range(100)))
    assert len(published_keys(published)) == MAX_KEYS
    assert published_keys(jwks()) == {}
    published = jwks("text")
    with pytest.raises(NoUsableKey):
        published_keys(published)
