"""A token issuer over real HTTP. Tests hold its private keys and make it slow, wrong or unavailable."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support.service import free_port

Jwk = dict[str, Any]
AUDIENCE = "todo-api"


def new_key(alg: str) -> Any:
    match alg:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(65537, 2048)


@cache
def private_keys() -> dict[str, Any]:
    return {alg: new_key(alg) for alg in ("EdDSA", "ES256", "ES512", "RS256", "PS256")}


def public(private: Any, alg: str, **members: Any) -> Jwk:
    exported: Any = jwt.get_algorithm_by_name(alg)
    jwk = exported.to_jwk(private.public_key(), as_dict=True)
    kept = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    return kept | {"alg": alg} | members


class Issuer:
    """Serves `body` with `status` and `headers` at every path, after `delay` seconds."""

    def __init__(self) -> None:
        self.private = private_keys()
        self.status, self.delay, self.hits = 200, 0.0, 0
        self.headers: dict[str, str] = {}
        self.publish(*(public(key, alg, kid=alg) for alg, key in self.private.items()))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def start(self) -> None:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.hits += 1
                time.sleep(issuer.delay)
                try:
                    self.send_response(issuer.status)
                    for name, value in {"Content-Length": str(len(issuer.body)), **issuer.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(issuer.body)
                except ConnectionError:
                    # The client has given up, as it does when `delay` is long.
                    self.close_connection = True

            def log_request(self, *_: Any) -> None:
                """Writes nothing: the tests' output is for results."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()
    try:
        yield issuer
    finally:
        issuer.stop()
