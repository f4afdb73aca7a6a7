"""Opens the configured record store: MongoDB if MONGO_URI is set, else SQLite in the data directory."""

from common.paths import DataPaths
from common.settings import Settings
from records.sqlite_store import SqliteStore
from records.store import RecordStore


def open_store(settings: Settings, appname: str = "claude-analytics", attempts: int = 3) -> RecordStore:
    """Return the record store; the caller closes it. `attempts` is how often a call to an unreachable server is tried.

    Raises SettingsError for an invalid address, StoreError for a file that is not a record store. MongoDB connects at
    the first use.
    """
    if settings.mongo_uri is None:
        return SqliteStore(DataPaths.of(settings).records)
    # These imports take a third of a command's start-up time, and are only needed with MongoDB.
    from common.mongo import mongo_client  # noqa: PLC0415
    from records.mongo_store import MongoStore  # noqa: PLC0415

    uri = settings.mongo_uri.get_secret_value()
    client = mongo_client(uri, appname, serverSelectionTimeoutMS=5000)
    return MongoStore(client[settings.mongo_database], attempts)
