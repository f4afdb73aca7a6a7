"""`python -m tests.standin_metabase --port 3000`: the stand-in as a server, until it is ended."""

import argparse

import uvicorn

from tests.standin_metabase.app import make_app


def main() -> None:
    parser = argparse.ArgumentParser(description="A server that answers like Metabase, for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    given = parser.parse_args()
    uvicorn.run(make_app(), host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
