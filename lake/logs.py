"""One way to log in every room: an event's name and its fields, on standard error."""

import logging
import sys

import structlog

from lake.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Log from LOG_LEVEL on, as LOG_FORMAT says; standard output stays free for results."""
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
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
