"""SeaweedFS as the appliance runs it, on free loopback ports: Iceberg REST catalog and S3 store in one process."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiceberg.exceptions import RESTError

from common.catalog import CONVERSATIONS, open_catalog, open_table
from common.settings import Settings, load_settings

_PORTS = ("master.port", "filer.port", "volume.port", "s3.port", "s3.port.iceberg")


@contextmanager
def rest_catalog(folder: Path) -> Iterator[Settings]:
    """The settings that reach a server which was started here and has answered a read."""
    ports = {name: _free_port() for name in _PORTS}
    key, secret = "tests", secrets.token_urlsafe(16)
    environment = os.environ | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    options = [f"-{name}={port}" for name, port in ports.items()]
    command = [str(Path(sys.executable).with_name("weed")), "mini", f"-dir={folder}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", "-tableBucket=iceberg-tables", "-master.telemetry=false"]
    command += ["-webdav=false", "-admin.ui=false", *options]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    catalog = f"http://127.0.0.1:{ports['s3.port.iceberg']}"
    settings = load_settings(
        data_dir=folder / "data",
        iceberg_rest_uri=catalog,
        iceberg_oauth2_server_uri=f"{catalog}/v1/oauth/tokens",
        s3_endpoint=f"http://127.0.0.1:{ports['s3.port']}",
        s3_access_key_id=key,
        s3_secret_access_key=secret,
    )
    try:
        _wait(settings, process)
        yield settings
    finally:
        process.terminate()
        process.wait(120)


def _wait(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    """The catalog answers before its volumes do: ready is when a table's metadata was written and read."""
    deadline = time.monotonic() + 120
    while True:
        try:
            open_table(open_catalog(settings), CONVERSATIONS).refresh()
        except (OSError, RESTError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
