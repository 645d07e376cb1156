"""The table of contents: what the service is made of."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from litestar import Litestar
from litestar.types import ASGIApp

from todo_api.auth.jwks import Jwks
from todo_api.auth.keys import shared_secrets
from todo_api.auth.middleware import AuthenticationMiddleware
from todo_api.auth.tokens import ExpectedClaims
from todo_api.auth.verifier import Verifier
from todo_api.config.environment import SettingsError
from todo_api.config.settings import Settings, load_settings
from todo_api.db.database import Database
from todo_api.features.health import HealthController
from todo_api.features.tags.controller import TagController
from todo_api.features.tasks.controller import TaskController
from todo_api.http.exceptions import ExceptionMiddleware
from todo_api.http.headers import ResponseHeadersMiddleware
from todo_api.http.rate_limit import RateLimit
from todo_api.http.request import StrictRequest
from todo_api.http.request_limits import RequestLimitsMiddleware
from todo_api.http.shutdown import Drain
from todo_api.observability.metrics import Metrics, MetricsMiddleware
from todo_api.observability.middleware import (
    ObservabilityMiddleware,
    Pseudonyms,
    ServerTimingMiddleware,
    export_traces,
    publish_metrics,
)
from todo_api.openapi import document as docs

_FOLLOW_SECONDS: Final = 0.5


def create_app(settings: Settings | None = None) -> Litestar:
    """The ASGI app. Nothing is opened before its lifespan starts."""
    settings = settings or load_settings(os.environ, Path.cwd())
    jwks = Jwks(settings.jwks_url) if settings.jwks_url else None
    metrics = Metrics() if settings.metrics_token is not None else None
    app = Litestar(
        route_handlers=[TaskController, TagController, HealthController, *docs.routes(enabled=settings.docs_enabled)],
        request_class=StrictRequest,
        lifespan=[_database(settings, metrics), _issuer(jwks)],
        openapi_config=docs.config() if settings.docs_enabled else None,
        logging_config=None,
    )
    expected = ExpectedClaims(issuer=settings.jwt_issuer, audience=settings.jwt_audience)
    throttle = RateLimit(*settings.rate_limit) if settings.rate_limit else None
    router = ExceptionMiddleware(app.asgi_router)
    admitted: ASGIApp = ServerTimingMiddleware(router) if settings.server_timing else router
    guard: ASGIApp = AuthenticationMiddleware(
        throttle.limit_authenticated(admitted) if throttle else admitted,
        Verifier(shared_secrets(settings.secrets), jwks, expected),
    )
    counted = throttle.limit_anonymous(guard) if throttle else guard
    page = (
        MetricsMiddleware(counted, metrics, settings.metrics_token) if metrics and settings.metrics_token else counted
    )
    app.state.drain = drain = Drain(settings.drain_seconds)
    app.state.observe = app.asgi_handler = ObservabilityMiddleware(
        ResponseHeadersMiddleware(
            RequestLimitsMiddleware(page), settings.allowed_origins, drain, secure=settings.production
        ),
        Pseudonyms(settings.secrets[0] if settings.secrets else (settings.database_url or "").encode()),
        metrics,
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
            async with (
                publish_metrics(metrics, database.connections),
                export_traces(app.state.observe, settings.tracing_endpoint),
            ):
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
