"""Structured logs: one JSON object a line, with the trace id of what is being handled."""

import logging
import re
import secrets
import sys
from contextlib import suppress
from contextvars import ContextVar
from typing import TextIO, cast

import structlog

TRACE: ContextVar[str] = ContextVar("trace", default="")
TODAY: ContextVar[str] = ContextVar("today", default="")
_TRACE_FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def new_trace() -> str:
    """A W3C `traceparent` for work that no caller started."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def is_trace(text: str) -> bool:
    """True for a well-formed `traceparent`."""
    return _TRACE_FORM.fullmatch(text) is not None


def trace_id() -> str:
    """The 32-digit trace id now in force, empty outside any."""
    parts = TRACE.get().split("-")
    return parts[1] if len(parts) == 4 else ""


def _with_trace(
    _logger: object, _name: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if TRACE.get():
        entry["trace_id"] = trace_id()
    return entry


class _Output:
    """Standard output. A line that it cannot take (its disk is full) must not fail who wrote it."""

    def write(self, text: str) -> None:
        """Write what can be written."""
        with suppress(OSError):
            sys.stdout.write(text)

    def flush(self) -> None:
        """Give it to the system."""
        with suppress(OSError):
            sys.stdout.flush()


def configure(*, service: str, level: str) -> None:
    """Send every log line of this process to standard output as JSON."""
    logging.basicConfig(level=level, format="%(message)s", force=True)
    for noisy in ("uvicorn.access", "aiokafka", "httpx", "httpx2", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Output())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def log() -> structlog.stdlib.BoundLogger:
    """The process's logger."""
    return structlog.get_logger()
