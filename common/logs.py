"""Logging for every package: an event's name and its fields, on standard error."""

import logging
import sys

import structlog

from common.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Configure logging by LOG_LEVEL and LOG_FORMAT; standard output is reserved for results."""
    json, console = structlog.processors.JSONRenderer, structlog.dev.ConsoleRenderer
    renderer = json() if settings.log_format == "json" else console(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
