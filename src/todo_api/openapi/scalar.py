"""The page that shows the OpenAPI document: one pinned version of Scalar and no other script.

`scripts/fetch-scalar` reads VERSION and INTEGRITY and stores the script beside this module; it is never committed. If
it is not there, the browser gets the same bytes from a CDN.
"""

from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

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
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>todo_api</title>
<link rel="icon" href="data:,">
</head>
<body>
<script id="api-reference" data-url="/docs/openapi.json" data-configuration="{options}"></script>
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


def page(*, own: bool) -> str:
    """The HTML. Litestar's own page has inline scripts, which the policy would have to allow."""
    options = escape(msgspec.json.encode(_OPTIONS).decode())
    return _PAGE.format(options=options, source=_OWN if own else _CDN, integrity=INTEGRITY)


def docs_router() -> Router:
    """The router for Litestar's documents below `/docs`."""
    headers = {"Content-Security-Policy": policy(own=SCRIPT.exists())}
    return Router(
        "/docs", route_handlers=[], include_in_schema=False, response_headers=headers, opt={"any_query": True}
    )


class ScalarPage(OpenAPIRenderPlugin):
    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return page(own=SCRIPT.exists()).encode()

    def receive_router(self, router: Router) -> None:
        if SCRIPT.exists():
            router.register(scalar_js)


@get("/scalar.js", include_in_schema=False, sync_to_thread=True)
def scalar_js() -> Response[bytes]:
    return Response(
        SCRIPT.read_bytes(),
        media_type=MediaType.TEXT,
        headers={
            "Content-Type": "text/javascript; charset=utf-8",
            "Content-Encoding": "gzip",
            "Cache-Control": "public, max-age=31536000, immutable",
        },
    )
