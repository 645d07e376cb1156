"""The background work of metrics and traces, as context managers of the app's lifespan."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

from todo_api.observability.metrics import Metrics
from todo_api.observability.middleware import ObservabilityMiddleware

_SAMPLE_SECONDS: Final = 1.0


@asynccontextmanager
async def export_traces(observe: ObservabilityMiddleware, endpoint: str | None) -> AsyncIterator[None]:
    """Exports traces while the block runs. Imports `tracing` only then: its libraries are an optional extra."""
    if endpoint is None:
        yield
        return
    tracing = import_module("todo_api.observability.tracing").Tracing(endpoint)
    observe.trace = tracing
    try:
        yield
    finally:
        observe.trace = None
        await asyncio.to_thread(tracing.close)


@asynccontextmanager
async def publish_metrics(
    metrics: Metrics | None, connections: Callable[[], tuple[int, int, int]]
) -> AsyncIterator[None]:
    """Publishes this worker's pool and events each second while the block runs, and at its end.

    `connections` gives the open and idle connections, and the limit.
    """
    if metrics is None:
        yield
        return
    metrics.open()

    async def sample() -> None:
        while True:
            metrics.sample(*connections())
            await asyncio.sleep(_SAMPLE_SECONDS)

    sampler = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampler.cancel()
        metrics.sample(*connections())
