"""The servers of the appliance as processes: MongoDB's protocol, the REST catalog and S3, each behind a relay."""

import subprocess
import time
from pathlib import Path
from typing import Any

from common.catalog import CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES, open_catalog
from tests.faults.network import Relay
from tests.integration.conftest import start_mongo
from tests.integration.weed import Weed, free_port

_AWAY_SECONDS = 0.3


class Servers:
    """Both servers. `settings` reach them through the relays."""

    def __init__(self, folder: Path) -> None:
        self._mongo_folder, self._weed_folder = folder / "mongo", folder / "weed"
        for path in (self._mongo_folder, self._weed_folder):
            path.mkdir(parents=True)
        self._mongo_port = free_port()
        self._mongo: subprocess.Popen[bytes] = start_mongo(self._mongo_folder, self._mongo_port)
        self._weed = Weed(self._weed_folder)
        self._weed.wait()
        ports = self._weed.ports
        self._relays = [Relay(port) for port in (self._mongo_port, ports["s3.port.iceberg"], ports["s3.port"])]

    def settings(self, database: str) -> dict[str, Any]:
        """Return the settings of a run over an empty database and an empty catalog."""
        catalog = open_catalog(self._weed.settings)
        for name in (CONVERSATIONS, DEAD_LETTERS, TRANSCRIPT_FILES):
            if catalog.table_exists(name):
                catalog.drop_table(name)
        mongo, iceberg, s3 = (f"127.0.0.1:{relay.port}" for relay in self._relays)
        key, secret = self._weed.settings.s3_access_key_id, self._weed.settings.s3_secret_access_key
        assert key is not None
        assert secret is not None
        return {
            "mongo_uri": f"mongodb://{mongo}",
            "mongo_database": database,
            "iceberg_rest_uri": f"http://{iceberg}",
            "iceberg_oauth2_server_uri": f"http://{iceberg}/v1/oauth/tokens",
            "s3_endpoint": f"http://{s3}",
            "s3_access_key_id": key.get_secret_value(),
            "s3_secret_access_key": secret.get_secret_value(),
        }

    def cut(self, choice: int) -> None:
        """Cut one connection, or all, for a moment."""
        relays = [self._relays[choice % 4]] if choice % 4 < len(self._relays) else self._relays
        for relay in relays:
            relay.cut()
        time.sleep(_AWAY_SECONDS)
        for relay in relays:
            relay.mend()

    def restart(self, choice: int) -> None:
        """Kill one server and start it again over what it had stored."""
        if choice % 2:
            self._mongo.kill()
            self._mongo.wait(60)
            self._mongo = start_mongo(self._mongo_folder, self._mongo_port)
        else:
            self._weed.process.kill()
            self._weed.process.wait(60)
            self._weed.start()
            self._weed.wait()

    def close(self) -> None:
        """End both."""
        for relay in self._relays:
            relay.close()
        self._mongo.terminate()
        self._mongo.wait(60)
        self._weed.close()
