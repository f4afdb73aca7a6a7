"""Serves the receiver over TLS until a signal; received bodies are stored before it exits."""

from contextlib import closing

import structlog
import uvicorn

from collector.receiver.app import Receiver, create_app
from collector.receiver.certificate import certificate_of
from collector.receiver.commands import machines_of
from common.masking import Masker
from common.settings import Settings
from records import open_store

log = structlog.get_logger()

_MOST_CONNECTIONS = 2048


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the address is in use."""
    certificate, masker = certificate_of(settings), Masker.of(settings)
    with closing(open_store(settings, "claude-analytics-receiver")) as store:
        receiver = Receiver(store, machines_of(settings), masker.key.decode() if masker else None)
        config = uvicorn.Config(
            create_app(receiver),
            host=settings.receiver_host,
            port=settings.receiver_port,
            ssl_certfile=certificate,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=30,
        )
        log.info("listening", host=settings.receiver_host, port=settings.receiver_port)
        uvicorn.Server(config).run()
        receiver.worker.shutdown()
