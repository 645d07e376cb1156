"""The table of contents: what the service is made of."""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from todo_api import docs
from todo_api.auth.jwks import Jwks
from todo_api.auth.keys import shared_secrets
from todo_api.auth.middleware import Guard
from todo_api.auth.tokens import Expected
from todo_api.auth.verifier import Verifier
from todo_api.config import Settings, SettingsError, load_settings
from todo_api.db.engine import Database
from todo_api.drain import Drain
from todo_api.edge import Edge
from todo_api.errors import (
    ApiError,
    BodyTooLarge,
    FieldError,
    InvalidInput,
    MethodNotAllowed,
    NoSuchPath,
    OurBug,
    Unavailable,
    from_database,
    respond,
)
from todo_api.framing import Framing
from todo_api.health import HealthController
from todo_api.metrics import Metrics, MetricsPage
from todo_api.observe import Admitted, Observe, Pseudonyms, sampled, traced
from todo_api.requests import StrictRequest, refuse_unknown_parameters
from todo_api.tags.controller import TagController
from todo_api.tasks.controller import TaskController
from todo_api.throttle import Throttle

MAX_BODY_BYTES: Final = 64 * 1024
AnyRequest = Request[Any, Any, Any]
_FOLLOW_SECONDS: Final = 0.5
_LOG: Final = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Litestar:
    """The ASGI app. Nothing is opened before its lifespan starts."""
    settings = settings or load_settings(os.environ, Path.cwd())
    jwks = Jwks(settings.jwks_url) if settings.jwks_url else None
    metrics = Metrics() if settings.metrics_token is not None else None
    app = Litestar(
        route_handlers=[TaskController, TagController, HealthController, *docs.routes(enabled=settings.docs_enabled)],
        request_class=StrictRequest,
        before_request=refuse_unknown_parameters,
        request_max_body_size=MAX_BODY_BYTES,
        lifespan=[_database(settings, metrics), _issuer(jwks)],
        openapi_config=docs.config() if settings.docs_enabled else None,
        exception_handlers={
            ApiError: _refuse,
            Unavailable: _refuse_database,
            HTTPException: _refuse_http,
            asyncpg.PostgresError: _refuse_database,
            Exception: _refuse_bug,
        },
        logging_config=None,
    )
    expected = Expected(issuer=settings.jwt_issuer, audience=settings.jwt_audience)
    throttle = Throttle(*settings.rate_limit) if settings.rate_limit else None
    admitted = Admitted(app.asgi_handler)
    guard: ASGIApp = Guard(
        throttle.behind(admitted) if throttle else admitted,
        Verifier(shared_secrets(settings.secrets), jwks, expected),
    )
    counted = throttle.around(guard) if throttle else guard
    page = MetricsPage(counted, metrics, settings.metrics_token) if metrics and settings.metrics_token else counted
    app.state.drain = drain = Drain(settings.drain_seconds)
    app.state.observe = app.asgi_handler = Observe(
        Edge(Framing(page), settings.allowed_origins, drain, secure=settings.production),
        Pseudonyms(settings.secrets[0] if settings.secrets else (settings.database_url or "").encode()),
        metrics,
        server_timing=settings.server_timing,
    )
    return app


def _database(settings: Settings, metrics: Metrics | None) -> Any:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if settings.database_url is None:
            raise SettingsError("DATABASE_URL is unset: `todo-api run` starts the embedded PostgreSQL")
        database = Database(
            settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
        )
        await database.open()
        app.state.database = database
        app.state.drain.listen()
        follower = asyncio.create_task(_follow_parent())
        try:
            async with sampled(metrics, database), traced(app.state.observe, settings.tracing_endpoint):
                yield
        finally:
            follower.cancel()
            await database.close()

    return lifespan


def _issuer(jwks: Jwks | None) -> Any:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        if jwks is None:
            yield
            return
        jwks.open()
        try:
            yield
        finally:
            await jwks.close()

    return lifespan


async def _follow_parent() -> None:
    """Ends this worker, gracefully, when the process that started it was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    while parent is None or os.getppid() == parent.pid:  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(_FOLLOW_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _refuse(_: AnyRequest, error: ApiError) -> Response[Any]:
    return respond(error)


def _refuse_http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What the framework itself refuses."""
    match error.status_code:
        case 404:
            return respond(NoSuchPath())
        case 405:
            allowed = {method.strip() for method in (error.headers or {})["allow"].split(",")}
            head = {"HEAD"} if "GET" in allowed else set()
            return respond(MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed | head))})
        case 413:
            return respond(BodyTooLarge())
        case 400:
            return respond(InvalidInput([FieldError(["body"], "A JSON object is needed", "missing")]))
        case _:
            return _refuse_bug(request, error)


def _refuse_database(request: AnyRequest, error: Exception) -> Response[Any]:
    refusal = from_database(error)
    _LOG.log(
        logging.ERROR if isinstance(refusal, OurBug) else logging.WARNING,
        "database: %s: %s",
        refusal.code,
        type(error.__cause__ or error).__name__,
        exc_info=error if isinstance(refusal, OurBug) else None,
        extra={"request_id": request.scope["state"]["request_id"]},
    )
    return respond(refusal)


def _refuse_bug(request: AnyRequest, error: Exception) -> Response[Any]:
    _LOG.error("unhandled", exc_info=error, extra={"request_id": request.scope["state"]["request_id"]})
    return respond(OurBug())
