"""`python -m tests.standin_metabase --port 3000`: the stand-in as a server, until it is ended."""

import argparse
import os

import uvicorn

from tests.standin_metabase.app import make_app
from tests.standin_metabase.application_db import ApplicationDb, Content, restore
from tests.standin_metabase.state import State


def main() -> None:
    parser = argparse.ArgumentParser(description="A server that answers like Metabase, for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    given = parser.parse_args()
    serve(given.port, given.host)


def serve(port: int, host: str = "127.0.0.1", content: Content | None = None) -> None:
    """Answer until the process is ended, beginning with this content if there is some."""
    state = State()
    restore(state, content or {})
    if os.environ.get("MB_DB_TYPE") == "postgres":
        kept = ApplicationDb()
        kept.load(state)
        state.keep, state.is_kept = kept.save, kept.answers
    uvicorn.run(make_app(state), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
