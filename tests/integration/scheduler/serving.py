"""A runner as its own process, for tests that end it: FOLDER PROJECT PORT. Its extract never ends by itself."""

import sys
from pathlib import Path

from scheduler.serve import serve
from scheduler.service import Service
from scheduler.web import create_app
from tests.integration.scheduler.small import CountingLoader, make_runner, make_settings


def main(folder: Path, project: Path, port: int) -> None:
    """Serve until a signal."""
    settings = make_settings(folder, schedule="off", maintenance_schedule="off", scheduler_token="token")
    runner = make_runner(settings, project)
    assert isinstance(runner.parts.loader, CountingLoader)
    runner.parts.loader.gate.clear()
    service = Service(runner, settings)
    serve(create_app(service, settings), service, "127.0.0.1", port)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
