"""The HTTP server of the loader and the vault: a stop ends the running step first."""

from types import FrameType

import uvicorn

from loader.http_service import Work


class Server(uvicorn.Server):
    """uvicorn waits for running requests before it stops: this one tells the running step to end first."""

    def __init__(self, config: uvicorn.Config, work: Work) -> None:
        super().__init__(config)
        self.work = work

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called on SIGTERM and SIGINT."""
        self.work.stopping.set()
        super().handle_exit(sig, frame)
