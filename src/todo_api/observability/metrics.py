"""Prometheus metrics that add up over all workers of the service.

Each worker writes files of its own into a shared directory (prometheus-client's multi-process mode), and any worker can
answer for all. The library chooses that mode at import. That is too early here: the parent process, from which the
workers are forked, has not read the settings then. So the mode is set when a worker opens its metrics.
"""

import os
from collections import Counter as Tally
from pathlib import Path
from typing import Final

import prometheus_client.values
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from todo_api.observability.context import worker_stats

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that prometheus-client reads; `cli/server.py` sets it."""
EVENTS: Final = {
    "retry": ("todo_api_retries", "Statements run again, by cause"),
    "database_error": ("todo_api_database_errors", "Statements that failed, by SQLSTATE class or exception"),
    "jwks_fetch": ("todo_api_jwks_fetches", "Fetches of Better Auth's keys, by outcome"),
    "rate_limited": ("todo_api_rate_limited", "Requests answered with 429"),
    "stream_event": ("todo_api_stream_events", "Events sent on streams, by name"),
}
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one worker."""

    def open(self) -> None:
        """Creates the files of this process. Must be called after the fork."""
        directory = Path(os.environ[DIRECTORY])
        self._directory = directory
        _delete_gauges_of_dead_workers(directory)
        prometheus_client.values.ValueClass = prometheus_client.values.MultiProcessValue()  # type: ignore[no-untyped-call] # the library's
        self._requests = Counter("todo_api_requests", "Requests", ["method", "route", "status"], registry=None)
        self._seconds = Histogram(
            "todo_api_request_seconds", "Time to answer", ["method", "route"], buckets=_BUCKETS, registry=None
        )
        self._database = Histogram(
            "todo_api_request_database_seconds",
            "Database time of a request that needed the database, waiting for a connection included",
            buckets=_BUCKETS,
            registry=None,
        )
        self._pool = Gauge(
            "todo_api_pool_connections", "Database connections", ["state"], registry=None, multiprocess_mode="livesum"
        )
        self._waiting = Gauge(
            "todo_api_pool_waiting", "Statements without a connection", registry=None, multiprocess_mode="livesum"
        )
        self._workers = Gauge("todo_api_workers", "Live workers", registry=None, multiprocess_mode="livesum")
        self._workers.set(1)
        self._streams = Gauge("todo_api_streams", "Open streams of events", registry=None, multiprocess_mode="livesum")
        lag = Histogram(
            "todo_api_stream_lag_seconds", "Time from a change to its event", buckets=_BUCKETS, registry=None
        )
        worker_stats.observe_lag = lag.observe
        self._events = {event: Counter(name, text, ["kind"], registry=None) for event, (name, text) in EVENTS.items()}
        self._published: Tally[tuple[str, str]] = Tally()
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float, database_seconds: float) -> None:
        """Counts one answered request. `route` is the route's template, so it has few values."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
        child[0].inc()
        child[1].observe(seconds)
        if database_seconds:
            self._database.observe(database_seconds)

    def sample(self, size: int, idle: int, limit: int) -> None:
        """Publishes this worker's events and its database connections: open, idle, and the limit."""
        in_use = size - idle
        for state, value in (("in_use", in_use), ("idle", idle), ("limit", limit)):
            self._pool.labels(state).set(value)
        self._waiting.set(max(0, worker_stats.in_flight - in_use))
        self._streams.set(worker_stats.streams)
        events = Tally(worker_stats.events)
        for (event, kind), count in (events - self._published).items():
            self._events[event].labels(kind).inc(count)
        self._published = events

    def text(self) -> bytes:
        """The metrics of all workers in Prometheus's text format."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._directory))  # type: ignore[no-untyped-call] # untyped in the library
        return generate_latest(registry)


def _delete_gauges_of_dead_workers(directory: Path) -> None:
    """Deletes the gauges of killed workers: they use no connection. Keeps their counters, so that sums do not fall."""
    for file in directory.glob("gauge_live*_*.db"):
        if not Path("/proc", file.stem.rpartition("_")[2]).exists():
            file.unlink(missing_ok=True)
