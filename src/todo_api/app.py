"""The wiring of the service: routes, middleware, lifespan."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from litestar import Litestar
from litestar.types import ASGIApp

from todo_api.auth.jwks import Jwks
from todo_api.auth.keys import shared_secrets
from todo_api.auth.middleware import PUBLIC, PUBLIC_IN_DEVELOPMENT, AuthenticationMiddleware
from todo_api.auth.tokens import DEVELOPMENT_TOKEN_SECONDS, DEVELOPMENT_USER, ExpectedClaims, development_token
from todo_api.auth.verifier import Verifier
from todo_api.config.environment import SettingsError
from todo_api.config.limits import Limits
from todo_api.config.settings import Settings, load_settings
from todo_api.db.database import Database
from todo_api.errors import MAX_BODY_BYTES
from todo_api.features.account.controller import AccountController
from todo_api.features.batch.controller import BatchController
from todo_api.features.changes.controller import ChangeController
from todo_api.features.events.controller import EventController
from todo_api.features.events.pages import Pages
from todo_api.features.health import HealthController
from todo_api.features.history.controller import HistoryController
from todo_api.features.limits.controller import LimitController
from todo_api.features.tags.controller import TagController
from todo_api.features.tags.write_controller import TagWriteController
from todo_api.features.tasks.controller import TaskController
from todo_api.features.trash.controller import TrashController
from todo_api.features.undo.controller import UndoController
from todo_api.http.event_stream import OpenStreams
from todo_api.http.exceptions import ExceptionMiddleware, handle_exception
from todo_api.http.headers import ResponseHeadersMiddleware
from todo_api.http.parameters import refuse_unknown_parameters
from todo_api.http.path import EncodedSlashMiddleware
from todo_api.http.rate_limit import AnonymousRateLimitMiddleware, RateLimit, UserRateLimitMiddleware
from todo_api.http.request import StrictRequest
from todo_api.http.request_limits import RequestLimitsMiddleware
from todo_api.http.shutdown import Drain
from todo_api.observability.lifespan import export_traces, publish_metrics
from todo_api.observability.metrics import Metrics
from todo_api.observability.metrics_middleware import MetricsMiddleware
from todo_api.observability.middleware import ObservabilityMiddleware, Pseudonyms
from todo_api.observability.server_timing import ServerTimingMiddleware
from todo_api.openapi import document as docs
from todo_api.openapi.scalar import Login

_FOLLOW_SECONDS: Final = 0.5


Middleware = Callable[[ASGIApp], ASGIApp]


def create_app(settings: Settings | None = None) -> Litestar:
    """Returns the ASGI app. It opens no connections before its lifespan starts."""
    settings = settings or load_settings(os.environ, Path.cwd())
    jwks = Jwks(settings.jwks_url) if settings.jwks_url else None
    metrics = Metrics() if settings.metrics_token is not None else None
    app = Litestar(
        route_handlers=[
            TaskController,
            TagController,
            TagWriteController,
            BatchController,
            TrashController,
            HistoryController,
            UndoController,
            ChangeController,
            EventController,
            LimitController,
            AccountController,
            HealthController,
            *docs.routes(enabled=settings.docs_enabled, production=settings.production),
        ],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        guards=[refuse_unknown_parameters],
        exception_handlers={Exception: handle_exception},
        lifespan=[_database(settings, metrics), _issuer(jwks)],
        openapi_config=docs.config(_login(settings)) if settings.docs_enabled else None,
        logging_config=None,
    )
    app.state.drain = Drain(settings.drain_seconds)
    app.asgi_handler = app.asgi_router
    for layer in reversed(_middleware(settings, jwks, metrics, app.state.drain)):
        app.asgi_handler = layer(app.asgi_handler)
    app.state.observe = app.asgi_handler
    return app


def _middleware(settings: Settings, jwks: Jwks | None, metrics: Metrics | None, drain: Drain) -> list[Middleware]:
    """The ASGI middleware, outermost first. None stands for one that the settings turn off."""
    pseudonyms = Pseudonyms(settings.secrets[0] if settings.secrets else (settings.database_url or "").encode())
    claims = ExpectedClaims(issuer=settings.jwt_issuer, audience=settings.jwt_audience)
    verifier = Verifier(shared_secrets(settings.secrets), jwks, claims)
    limit = RateLimit(*settings.rate_limit) if settings.rate_limit else None
    public = PUBLIC_IN_DEVELOPMENT if settings.docs_enabled and not settings.production else PUBLIC
    origins, token = settings.allowed_origins, settings.metrics_token
    layers: list[Middleware | None] = [
        partial(ObservabilityMiddleware, pseudonyms=pseudonyms, metrics=metrics),
        partial(ResponseHeadersMiddleware, allowed_origins=origins, drain=drain, secure=settings.production),
        RequestLimitsMiddleware,
        EncodedSlashMiddleware,
        partial(MetricsMiddleware, metrics=metrics, token=token) if metrics and token else None,
        partial(AnonymousRateLimitMiddleware, limit=limit) if limit else None,
        partial(AuthenticationMiddleware, verifier=verifier, public=public),
        partial(UserRateLimitMiddleware, limit=limit) if limit else None,
        ServerTimingMiddleware if settings.server_timing else None,
        ExceptionMiddleware,
    ]
    return [layer for layer in layers if layer is not None]


def _login(settings: Settings) -> Callable[[], Login] | None:
    """Makes the user and the token that fill `/docs`. None in production."""
    if settings.production:
        return None
    secret, issuer, audience = settings.secrets[0], settings.jwt_issuer, settings.jwt_audience
    return lambda: Login(
        DEVELOPMENT_USER,
        development_token(DEVELOPMENT_USER, secret, issuer, audience, DEVELOPMENT_TOKEN_SECONDS),
    )


def _database(settings: Settings, metrics: Metrics | None) -> Any:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if settings.database_url is None:
            raise SettingsError("DATABASE_URL is unset: `todo-api run` starts the embedded PostgreSQL")
        database = Database(
            settings.database_url,
            pool_size=settings.db_pool_size,
            max_overflow=settings.db_max_overflow,
            poll_seconds=settings.events_poll_seconds,
        )
        await database.open()
        app.state.database = database
        app.state.limits = Limits(settings.max_tasks, (settings.history_days, settings.trash_days))
        app.state.rate = settings.rate_limit
        app.state.streams = OpenStreams(app.state.drain)
        app.state.pages = Pages(database)
        app.state.drain.on_begin.append(database.revisions.stop)
        app.state.drain.listen()
        follower = asyncio.create_task(_follow_parent(app.state.drain))
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


async def _follow_parent(drain: Drain) -> None:
    """Stops this worker gracefully after its parent process was killed, which cannot stop it any more."""
    parent = multiprocessing.parent_process()
    while parent is None or os.getppid() == parent.pid:  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(_FOLLOW_SECONDS)
    drain.begin()
    os.kill(os.getpid(), signal.SIGTERM)
