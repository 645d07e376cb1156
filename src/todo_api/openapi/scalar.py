"""The page that shows the OpenAPI document: one pinned version of Scalar and no other script.

`scripts/fetch-scalar` reads VERSION and INTEGRITY and stores the script beside this module; it is never committed. If
it is not there, the browser gets the same bytes from a CDN, and the page says what to do if that fails. The file is
looked up for each request, so that a new one needs no restart.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.response import Redirect
from litestar.types import HTTPScope

from todo_api.errors import NotFound

VERSION: Final = "1.46.4"
INTEGRITY: Final = "sha384-BbTs28WithFYxTDCiH0YPK5tv3MflhBVpABoMjfb9UqXa/hegSE9I4THoddKejMF"
SCRIPT: Final = Path(__file__).with_name("scalar.js.gz")

_CDN: Final = f"https://cdn.jsdelivr.net/npm/@scalar/api-reference@{VERSION}/dist/browser/standalone.js"
_OWN: Final = f"/docs/scalar.js?v={VERSION}"
_OPTIONS: Final = {
    "agent": {"disabled": True},
    "mcp": {"disabled": True},
    "defaultOpenAllTags": True,
    "hideClientButton": True,
    "proxyUrl": "",
    "showDeveloperTools": "never",
    "telemetry": False,
    "withDefaultFonts": False,
}
"""Turns off all of Scalar's connections to its makers. The page's Content-Security-Policy would block them too."""
_LOOPBACK: Final = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
_LOCAL_HOST: Final = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE)
_HELP: Final = """
<style>body:has(.scalar-app) #help {{ display: none }}</style>
<p id="help">The browser loads this page's script from {cdn}. If nothing appears here, it cannot.
Run <code>make docs-assets</code> once where the service runs, and load this page again.
The document itself is at <a href="/docs/openapi.json">/docs/openapi.json</a>.</p>"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>todo_api</title>
<link rel="icon" href="data:,">
</head>
<body>
<script id="api-reference"{url} data-configuration="{options}"></script>{help}
<script src="{source}" integrity="{integrity}" crossorigin="anonymous"></script>
</body>
</html>
"""


def policy(*, own: bool) -> str:
    """The Content-Security-Policy of the page; the document beside it has it as well.

    `own`: the script is stored here, not on the CDN.
    """
    return (
        f"default-src 'none'; script-src {"'self'" if own else _CDN}; style-src 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Login(msgspec.Struct, frozen=True):
    """A user and a token for the fields of the page. The token is for development: the page shows it."""

    user: str
    token: str


def page(*, own: bool, login: Login | None = None, document: bytes = b"") -> str:
    """The HTML. Litestar's own page has inline scripts, which the policy would have to allow.

    With `login`, the page has a copy of `document` in which the parameter `user_id` has this user as its example.
    Scalar has no option for that, and the published document has no user of development.
    """
    options: dict[str, Any] = dict(_OPTIONS)
    if login is not None:
        options["authentication"] = {
            "preferredSecurityScheme": "bearer",
            "securitySchemes": {"bearer": {"token": login.token}},
        }
        options["content"] = msgspec.json.decode(document)
        _set_example(options["content"], login.user)
    return _PAGE.format(
        url="" if login else ' data-url="/docs/openapi.json"',
        options=escape(msgspec.json.encode(options).decode()),
        help="" if own else _HELP.format(cdn=_CDN),
        source=_OWN if own else _CDN,
        integrity=INTEGRITY,
    )


def _set_example(part: Any, user: str) -> None:
    if isinstance(part, dict):
        if (part.get("in"), part.get("name")) == ("path", "user_id"):
            part["example"] = user
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _set_example(inner, user)


def is_local(scope: HTTPScope) -> bool:
    """Whether the client is on this machine, and names this machine as the host.

    A page of another site whose name is made to point to 127.0.0.1 (DNS rebinding) sends its own name as the host.
    """
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return (
        scope["client"] is not None
        and scope["client"][0] in _LOOPBACK
        and all(_LOCAL_HOST.fullmatch(host) for host in hosts)
    )


def docs_router() -> Router:
    """The router for Litestar's documents below `/docs`."""
    return Router(
        "/docs", route_handlers=[], include_in_schema=False, after_request=_add_policy, opt={"any_query": True}
    )


def _add_policy(response: Response[Any]) -> Response[Any]:
    response.headers["Content-Security-Policy"] = policy(own=SCRIPT.exists())
    return response


class ScalarPage(OpenAPIRenderPlugin):
    """The page at `/docs`. With `login`, clients on this machine get it filled with a user and a fresh token."""

    def __init__(self, document: Callable[[Litestar], bytes], login: Callable[[], Login] | None) -> None:
        super().__init__(path="/")
        self.document = document
        self.login = login

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        login = self.login() if self.login is not None and is_local(request.scope) else None
        return page(own=SCRIPT.exists(), login=login, document=self.document(request.app)).encode()

    def receive_router(self, router: Router) -> None:
        router.register(scalar_js)


@get("/scalar.js", include_in_schema=False, sync_to_thread=True)
def scalar_js() -> Response[bytes]:
    if not SCRIPT.exists():
        raise NotFound
    return Response(
        SCRIPT.read_bytes(),
        media_type=MediaType.TEXT,
        headers={
            "Content-Type": "text/javascript; charset=utf-8",
            "Content-Encoding": "gzip",
            "Cache-Control": "public, max-age=31536000, immutable",
        },
    )


@get("/", include_in_schema=False, sync_to_thread=False, opt={"any_query": True})
def to_docs() -> Redirect:
    return Redirect("/docs")
