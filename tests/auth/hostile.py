"""Hostile and good tokens for the Authorization header. Each name is the id of its test."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.client import fresh_user
from tests.support.forge import claims, segment, signed
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.service import OTHER_SECRET

Make = Callable[[Issuer], str]
JWT: Final = {"alg": "HS256", "typ": "JWT"}
USER: Final = fresh_user("ann")
CLAIMS: Final = ("exp", "iat", "sub", "iss", "aud")


def shared(issuer: Issuer, header: Any = JWT, **changed: Any) -> str:
    """A valid HS256 token, except for the claims in `changed`."""
    return signed(header, claims(issuer.url, USER, **changed))


def changed(claim: str, value: Any) -> Make:
    return lambda issuer: shared(issuer, **{claim: value})


def raw(issuer: Issuer, change: Callable[[str], str | bytes], header: Any = JWT) -> str:
    """A valid token whose payload's JSON went through `change`."""
    changed = change(json.dumps(claims(issuer.url, USER)))
    return signed(header, changed if isinstance(changed, bytes) else changed.encode())


def published(issuer: Issuer, alg: str, header: Any = None, **changed: Any) -> str:
    """A token signed with the issuer's own key of that algorithm."""
    return signed(
        {"alg": alg, "kid": alg, **(header or {})}, claims(issuer.url, USER, **changed), issuer.private[alg], alg
    )


def confused(issuer: Issuer, form: str, alg: str = "EdDSA", **header: Any) -> str:
    """HS256 with a public key as the secret, made by hand since the library refuses to make one."""
    public = issuer.private[alg].public_key()
    forms = {
        "PEM": lambda: public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": lambda: public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw": lambda: public.public_bytes(Encoding.Raw, PublicFormat.Raw),
    }
    text = f"{segment({'alg': 'HS256', 'typ': 'JWT', **header})}.{segment(claims(issuer.url, USER))}"
    return f"{text}.{segment(hmac.digest(forms[form](), text.encode(), hashlib.sha256))}"


def now() -> int:
    return int(time.time())


def with_payload(token: str, payload: dict[str, Any]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{segment(payload)}.{signature}"


def signed_with_nothing(issuer: Issuer) -> str:
    text = f"{segment(JWT)}.{segment(claims(issuer.url, USER))}"
    return f"{text}.{segment(hmac.digest(b'', text.encode(), hashlib.sha256))}"


ALGORITHMS: Final = ("EdDSA", "ES256", "ES512", "RS256", "PS256")

GOOD: Final[dict[str, Make]] = {
    "HS256": shared,
    "HS256, older secret": lambda i: signed(JWT, claims(i.url, USER), OTHER_SECRET.encode()),
    **{alg: partial(published, alg=alg) for alg in ALGORITHMS},
    "HS256, no typ": lambda i: shared(i, {"alg": "HS256"}),
    "typ at+jwt": lambda i: shared(i, {"alg": "HS256", "typ": "at+jwt"}),
    "HS256, kid a path": lambda i: shared(i, {**JWT, "kid": "../../etc/passwd"}),
    "HS256, kid SQL": lambda i: shared(i, {**JWT, "kid": "' or 1=1; --"}),
    "HS256, kid long": lambda i: shared(i, {**JWT, "kid": "k" * 4000}),
    "HS256, kid of a published key": lambda i: shared(i, {**JWT, "kid": "EdDSA"}),
    "jku": lambda i: shared(i, {**JWT, "jku": "http://127.0.0.1:9/jwks"}),
    "jwk": lambda i: shared(i, {**JWT, "jwk": {"kty": "oct", "k": "AAAA"}}),
    "expired 20 s ago, within the leeway": lambda i: shared(i, exp=now() - 20),
    "iat in 20 s, within the leeway": lambda i: shared(i, iat=now() + 20),
    "iat missing": changed("iat", ...),
    "iat missing, life of seven days from now": lambda i: shared(i, iat=..., exp=now() + 7 * 86400 - 5),
    "nbf in 20 s, within the leeway": lambda i: shared(i, nbf=now() + 20),
    "exp a float": lambda i: shared(i, exp=time.time() + 60.5),
    "aud a list with ours": lambda i: shared(i, aud=["other", AUDIENCE]),
    "life of seven days": lambda i: shared(i, exp=now() + 7 * 86400 - 5),
}

HOSTILE: Final[dict[str, Make]] = {
    # the algorithm
    "alg none, unsigned": lambda i: f"{segment({'alg': 'none'})}.{segment(claims(i.url, USER))}.",
    "alg none, signed": lambda i: shared(i, {"alg": "none"}),
    "alg nOnE": lambda i: shared(i, {"alg": "nOnE"}),
    "alg missing": lambda i: shared(i, {"typ": "JWT"}),
    "alg null": lambda i: shared(i, {"alg": None}),
    "alg a list": lambda i: shared(i, {"alg": ["HS256"]}),
    "alg an object": lambda i: shared(i, {"alg": {"a": "HS256"}}),
    "alg hs256": lambda i: shared(i, {"alg": "hs256"}),
    "alg HS384 with our secret": lambda i: signed({"alg": "HS384"}, claims(i.url, USER), alg="HS384"),
    "alg HS512 with our secret": lambda i: signed({"alg": "HS512"}, claims(i.url, USER), alg="HS512"),
    "alg RS512 with an RS256 key": lambda i: signed(
        {"alg": "RS512", "kid": "RS256"}, claims(i.url, USER), i.private["RS256"], "RS512"
    ),
    "alg PS256 with an RS256 key": lambda i: signed(
        {"alg": "PS256", "kid": "RS256"}, claims(i.url, USER), i.private["RS256"], "PS256"
    ),
    "alg says RS256, signed PS256": lambda i: signed(
        {"alg": "RS256", "kid": "PS256"}, claims(i.url, USER), i.private["PS256"], "PS256"
    ),
    "alg EdDSA, signed with our secret": lambda i: shared(i, {"alg": "EdDSA", "kid": "EdDSA"}),
    "public key as PEM secret": lambda i: confused(i, "PEM", kid="EdDSA"),
    "public key as DER secret": lambda i: confused(i, "DER", kid="EdDSA"),
    "public key as raw secret": lambda i: confused(i, "raw", kid="EdDSA"),
    "RSA public key as PEM secret": lambda i: confused(i, "PEM", "RS256", kid="RS256"),
    "public key as PEM secret, no kid": lambda i: confused(i, "PEM"),
    # the key
    "another secret": lambda i: signed(JWT, claims(i.url, USER), b"another-secret-0123456789abcdefghijkl"),
    "the empty secret": signed_with_nothing,
    "kid of another key": lambda i: signed(
        {"alg": "EdDSA", "kid": "ES256"}, claims(i.url, USER), i.private["EdDSA"], "EdDSA"
    ),
    "no kid, published algorithm": lambda i: signed({"alg": "EdDSA"}, claims(i.url, USER), i.private["EdDSA"], "EdDSA"),
    "kid unknown": lambda i: published(i, "EdDSA", {"kid": "nobody"}),
    "kid a path": lambda i: published(i, "EdDSA", {"kid": "../../etc/passwd"}),
    "kid SQL": lambda i: published(i, "EdDSA", {"kid": "' or 1=1; --"}),
    "kid long": lambda i: published(i, "EdDSA", {"kid": "k" * 4000}),
    "kid a number": lambda i: published(i, "EdDSA", {"kid": 1}),
    "kid a list": lambda i: published(i, "EdDSA", {"kid": ["EdDSA"]}),
    "kid null": lambda i: published(i, "EdDSA", {"kid": None}),
    "HS256, kid a number": lambda i: shared(i, {**JWT, "kid": 1}),
    # the header
    "crit unknown": lambda i: shared(i, {**JWT, "crit": ["x"], "x": 1}),
    "crit empty": lambda i: shared(i, {**JWT, "crit": []}),
    "crit b64, b64 true": lambda i: shared(i, {**JWT, "crit": ["b64"], "b64": True}),
    "crit b64, b64 false": lambda i: shared(i, {**JWT, "crit": ["b64"], "b64": False}),
    "b64 false": lambda i: shared(i, {**JWT, "b64": False}),
    "typ of a session cookie": lambda i: published(i, "EdDSA", {"typ": "better-auth.session-cache+jwt"}),
    "typ dpop+jwt": lambda i: shared(i, {"alg": "HS256", "typ": "dpop+jwt"}),
    "typ null": lambda i: shared(i, {"alg": "HS256", "typ": None}),
    "typ a list": lambda i: shared(i, {"alg": "HS256", "typ": ["JWT"]}),
    "cty JWT": lambda i: shared(i, {**JWT, "cty": "JWT"}),
    "alg twice": lambda i: signed(b'{"alg":"none","alg":"HS256"}', claims(i.url, USER)),
    "header a list": lambda i: signed(b'["HS256"]', claims(i.url, USER)),
    "header null": lambda i: signed(b"null", claims(i.url, USER)),
    "header not JSON": lambda i: signed(b"HS256", claims(i.url, USER)),
    "header UTF-16": lambda i: signed(json.dumps(JWT).encode("utf-16"), claims(i.url, USER)),
    "header with BOM": lambda i: signed(json.dumps(JWT).encode("utf-8-sig"), claims(i.url, USER)),
    "header deep": lambda i: signed(b"[" * 4000, claims(i.url, USER)),
    # claims
    **{f"{claim} missing": changed(claim, ...) for claim in CLAIMS if claim != "iat"},
    **{f"{claim} null": changed(claim, None) for claim in CLAIMS},
    "sub a number": lambda i: shared(i, sub=1),
    "sub a list": lambda i: shared(i, sub=[USER]),
    "sub empty": lambda i: shared(i, sub=""),
    "sub with a slash": lambda i: shared(i, sub=f"{USER}/x"),
    "sub with NUL": lambda i: shared(i, sub=f"{USER}\0"),
    "sub with a newline": lambda i: shared(i, sub=f"{USER}\n"),
    "sub with a lone surrogate": lambda i: shared(i, sub=f"{USER}\ud800"),
    "sub with U+FFFD": lambda i: shared(i, sub=f"{USER}\ufffd"),
    "sub in other digits": lambda i: shared(i, sub="٣٣"),
    "sub of 5 000 characters": lambda i: shared(i, sub="a" * 5000),
    "sub twice, victim first": lambda i: raw(i, lambda p: p.replace('{"sub"', '{"sub": "victim", "sub"')),
    "sub twice, victim last": lambda i: raw(i, lambda p: p.replace("}", ', "sub": "victim"}')),
    "expired a minute ago": lambda i: shared(i, exp=now() - 60),
    "exp 2^62": lambda i: shared(i, exp=2**62),
    "exp 1e300": lambda i: shared(i, exp=1e300),
    "exp Infinity": lambda i: shared(i, exp=float("inf")),
    "exp -Infinity": lambda i: shared(i, exp=float("-inf")),
    "exp NaN": lambda i: shared(i, exp=float("nan")),
    "exp 1e999": lambda i: raw(i, lambda p: p.replace('"exp": ', '"exp": 1e999, "x": ')),
    "exp of 5 000 digits": lambda i: raw(i, lambda p: p.replace('"exp": ', f'"exp": {"9" * 5000}, "x": ')),
    "exp a list": lambda i: shared(i, exp=[now() + 60]),
    "exp an object": lambda i: shared(i, exp={}),
    "exp text": lambda i: shared(i, exp=str(now() + 60)),
    "exp in Arabic digits": lambda i: shared(i, exp="".join(chr(0x660 + int(digit)) for digit in str(now() + 60))),
    "exp with underscores": lambda i: shared(i, exp=f"{now() + 60:_}"),
    "exp true": lambda i: shared(i, exp=True),
    "iat text": lambda i: shared(i, iat=str(now())),
    "iat true": lambda i: shared(i, iat=True),
    "iat in an hour": lambda i: shared(i, iat=now() + 3600),
    "iat ten years ago": lambda i: shared(i, iat=now() - 3650 * 86400),
    "nbf in an hour": lambda i: shared(i, nbf=now() + 3600),
    "nbf text": lambda i: shared(i, nbf=str(now())),
    "iat missing, life of eight days": lambda i: shared(i, iat=..., exp=now() + 8 * 86400),
    "life of a year": lambda i: shared(i, exp=now() + 365 * 86400),
    "aud another": lambda i: shared(i, aud="better-auth:session-cache"),
    "aud a list without ours": lambda i: shared(i, aud=["a", "b"]),
    "aud an object": lambda i: shared(i, aud={AUDIENCE: 1}),
    "aud empty": lambda i: shared(i, aud=""),
    "iss another": lambda i: shared(i, iss="http://127.0.0.1:1"),
    "iss with a slash at the end": lambda i: shared(i, iss=f"{i.url}/"),
    "iss a list": lambda i: shared(i, iss=[i.url]),
    "iss in capitals": lambda i: shared(i, iss=i.url.upper()),
    "iss empty": lambda i: shared(i, iss=""),
    # Better Auth's other tokens, signed with the same secret
    "e-mail verification": lambda i: signed(
        {"alg": "HS256"}, {"email": "a@example.com", "userId": USER, "iat": now(), "exp": now() + 3600}
    ),
    "session cookie": lambda i: signed(
        {"alg": "HS256"},
        {"session": {"token": "x" * 32, "userId": USER}, "user": {"id": USER}, "iat": now(), "exp": now() + 300},
    ),
    # the payload
    "payload UTF-16": lambda i: raw(i, lambda p: p.encode("utf-16")),
    "payload UTF-16 without BOM": lambda i: raw(i, lambda p: p.encode("utf-16-le")),
    "payload with BOM": lambda i: raw(i, lambda p: p.encode("utf-8-sig")),
    "payload not UTF-8": lambda i: raw(i, lambda p: p.encode().replace(b"}", b', "x": "\xff"}')),
    "payload a list": lambda i: raw(i, lambda p: f"[{p}]"),
    "payload text": lambda i: raw(i, json.dumps),
    "payload null": lambda i: raw(i, lambda _: "null"),
    "payload empty": lambda i: raw(i, lambda _: ""),
    "payload deep": lambda i: raw(i, lambda _: "[" * 5000),
    "payload deep inside": lambda i: raw(i, lambda p: p.replace("}", ', "x": ' + "[" * 4000)),
    "payload another's, signature kept": lambda i: with_payload(shared(i), claims(i.url, "victim")),
    # the shape
    "empty segments": lambda _: "..",
    "two segments": lambda i: shared(i).rpartition(".")[0],
    "four segments": lambda i: shared(i) + ".x",
    "five segments (JWE)": lambda i: shared(i) + ".x.y",
    "no signature": lambda i: shared(i).rpartition(".")[0] + ".",
    "half a signature": lambda i: shared(i)[:-20],
    "signature in another alphabet": lambda i: shared(i)[:-1] + "!",
    "a space inside": lambda i: shared(i).replace(".", ". "),
    "two tokens": lambda i: f"{shared(i)} {shared(i)}",
    "two tokens with a comma": lambda i: f"{shared(i)},{shared(i)}",
    "no-break space after": lambda i: shared(i) + "\xa0",
    "not ASCII": lambda i: "é" + shared(i),
    "quoted": lambda i: f'"{shared(i)}"',
    "nonsense": lambda _: "x",
    "opaque session token": lambda _: "x" * 32,
    "opaque session cookie": lambda _: f"{'x' * 32}.{'y' * 43}=",
    "longer than 8 KB": lambda i: shared(i, name="x" * 7000),
    "9 KB of dots": lambda _: "." * 9000,
}
