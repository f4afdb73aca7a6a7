"""The HTTP server of the loader and the vault: a stop ends the running step first."""

from types import FrameType

import uvicorn

from loader.http_service import Work


class Server(uvicorn.Server):
    """A uvicorn server that ends the running step before it stops: uvicorn waits for running requests."""

    def __init__(self, config: uvicorn.Config, work: Work) -> None:
        super().__init__(config)
        self.work = work

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT."""
        self.work.stopping.set()
        super().handle_exit(sig, frame)
