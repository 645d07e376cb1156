"""Measures the verification of a token, and the lookup of a cached one: `python -m benchmarks.micro.tokens`."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import jwt

from tests.support.forge import claims, signed
from tests.support.issuer import new_key, public
from todo_api.auth.keys import published_keys, shared_secrets
from todo_api.auth.tokens import ExpectedClaims, read_header, verified
from todo_api.auth.verifier import Verifier

SECRET = b"a-secret-for-the-bench-0123456789abcdef"
EXPECTED = ExpectedClaims("http://issuer", "todo-api")
ROUNDS = 2000


def microseconds(work: Callable[[], Any]) -> float:
    """CPU time of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS):
            work()
        best = min(best, (time.process_time() - began) / ROUNDS)
    return best * 1e6


def cached(token: str) -> float:
    verifier = Verifier(shared_secrets([SECRET]), None, EXPECTED)
    asyncio.run(verifier.verify(token))
    return microseconds(lambda: verifier.cached(token))


def verifying(token: str, key: jwt.PyJWK) -> Callable[[], Any]:
    return lambda: (read_header(token), verified(token, [key], EXPECTED, time.time()))


def main() -> None:
    payload = claims("http://issuer", "ann")
    shared = signed({"alg": "HS256", "typ": "JWT"}, payload, SECRET)
    print(f"HS256       {microseconds(verifying(shared, shared_secrets([SECRET])[0])):6.1f} µs")
    for alg in ("EdDSA", "ES256", "ES512", "RS256", "PS256"):
        private = new_key(alg)
        keys = published_keys(json.dumps({"keys": [public(private, alg, kid="k")]}).encode())
        token = signed({"alg": alg, "kid": "k"}, payload, private, alg)
        print(f"{alg:11} {microseconds(verifying(token, keys['k'])):6.1f} µs")
    print(f"cached  {cached(shared):6.1f} µs")


if __name__ == "__main__":
    main()
