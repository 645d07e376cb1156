"""Logs: readable text in development, JSON lines in production, the same events in both.

Logs contain no data of clients or rows, and no text can forge a line. An exception is logged as its type and stack. Its
message is logged only if it describes the code or the system: messages of drivers and parsers quote values.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from structlog.dev import ConsoleRenderer
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.types import EventDict, Processor

from todo_api.config.settings import Settings
from todo_api.observability.context import request_context

_SAFE_MESSAGES: Final = (OSError, RuntimeError, TypeError, AttributeError, ImportError)
_MAX_CAUSES: Final = 8
_POSTGRES_FIELDS: Final = ("sqlstate", "constraint_name", "table_name", "column_name")
_TIME: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure(settings: Settings) -> None:
    """Configures our own loggers, the libraries' and the server's, for this process."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    if settings.production:
        renderer: Processor = structlog.processors.JSONRenderer(serializer=_json)
        as_text: Processor = structlog.processors.JSONRenderer(serializer=lambda line, **_: _json(line).decode())
    else:
        renderer = as_text = ConsoleRenderer(colors=sys.stderr.isatty(), repr_native_str=True)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[add_log_level, add_logger_name, ExtraAdder(), add_request_id, _TIME],
            processors=[_one_line, _stack, ProcessorFormatter.remove_processors_meta, as_text],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(capture=True)
    server = logging.getLogger("_granian")
    server.handlers, server.propagate = [], True
    server.setLevel(level if settings.production else max(level, logging.WARNING))
    structlog.configure(
        processors=[structlog.processors.add_log_level, _TIME, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if settings.production
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _json(line: Mapping[str, Any], **_: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=str)


def add_request_id(_: Any, __: str, line: EventDict) -> EventDict:
    """structlog processor: adds the id of the current request, unless the line has one."""
    context = request_context.get()
    if context is not None and context.request_id:
        line.setdefault("request_id", context.request_id)
    return line


def _one_line(_: Any, __: str, line: EventDict) -> EventDict:
    line["event"] = escaped(str(line["event"]))
    return line


def escaped(text: str) -> str:
    """`text` with unprintable characters as Python escapes, so that it cannot forge a line or control a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _stack(_: Any, __: str, line: EventDict) -> EventDict:
    caught = line.pop("exc_info", None)
    error = caught[1] if isinstance(caught, tuple) else caught
    if isinstance(error, BaseException):
        line["exception"] = stack(error)
    return line


def stack(error: BaseException) -> str:
    """The stacks of `error` and its causes, newest first, without the values that messages quote."""
    parts: list[str] = []
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            break
        parts += [f"{_describe(cause)}\n", *traceback.format_tb(cause.__traceback__)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "".join(parts)


def _describe(error: BaseException) -> str:
    name = type(error).__qualname__
    if isinstance(error, asyncpg.PostgresError):
        fields = [f"{field}={value}" for field in _POSTGRES_FIELDS if (value := getattr(error, field, None))]
        return f"{name}: {' '.join(fields)}"
    return f"{name}: {escaped(str(error))}" if isinstance(error, _SAFE_MESSAGES) else name
