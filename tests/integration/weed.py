"""SeaweedFS as the appliance runs it, on free loopback ports: Iceberg REST catalog and S3 store in one process."""

import json
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


class Weed:
    """One server over one folder; it may be stopped and started again on the same ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = {name: free_port() for name in _PORTS}
        self.log = folder / "weed.log"
        self._key, self._secret = secrets.token_hex(8), secrets.token_urlsafe(16)
        catalog = f"http://127.0.0.1:{self.ports['s3.port.iceberg']}"
        self.settings: Settings = load_settings(
            data_dir=folder / "data",
            iceberg_rest_uri=catalog,
            iceberg_oauth2_server_uri=f"{catalog}/v1/oauth/tokens",
            s3_endpoint=f"http://127.0.0.1:{self.ports['s3.port']}",
            s3_access_key_id=self._key,
            s3_secret_access_key=self._secret,
        )
        self.start()

    def start(self) -> None:
        """Start the server."""
        keys = {"accessKey": self._key, "secretKey": self._secret}
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        known = {"identities": [{"name": "loader", "actions": rights, "credentials": [keys]}]}
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps(known), encoding="utf-8")
        options = [f"-{name}={port}" for name, port in self.ports.items()]
        command = [str(Path(sys.executable).with_name("weed")), "mini", f"-dir={self._folder}", "-ip=127.0.0.1"]
        command += ["-ip.bind=127.0.0.1", "-tableBucket=iceberg-tables", "-master.telemetry=false"]
        command += ["-webdav=false", "-admin.ui=false", f"-s3.config={identities}", *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait(self) -> None:
        """Return when a table's metadata was written and read: the catalog answers before its volumes do."""
        deadline = time.monotonic() + 120
        while True:
            try:
                open_table(open_catalog(self.settings), CONVERSATIONS).refresh()
            except (OSError, RESTError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(120)


@contextmanager
def rest_catalog(folder: Path) -> Iterator[Settings]:
    """The settings that reach a server which was started here and has answered a read."""
    weed = Weed(folder)
    try:
        weed.wait()
        yield weed.settings
    finally:
        weed.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
