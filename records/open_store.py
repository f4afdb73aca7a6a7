"""Opens the record store that the settings name: MongoDB where MONGO_URI is set, else SQLite in the data directory."""

from common.paths import DataPaths
from common.settings import Settings
from records.sqlite_store import SqliteStore
from records.store import RecordStore


def open_store(settings: Settings, appname: str = "claude-analytics", attempts: int = 3) -> RecordStore:
    """Return the record store; the caller closes it. A call to a server that is away is tried so many times.

    Raises SettingsError for an address that is not one, StoreError for a file that is not a record store. MongoDB is
    connected to when it is first used.
    """
    if settings.mongo_uri is None:
        return SqliteStore(DataPaths.of(settings).records)
    # Imports that take a third of the time of a command's start, and without MongoDB nothing needs them.
    from common.mongo import mongo_client  # noqa: PLC0415
    from records.mongo_store import MongoStore  # noqa: PLC0415

    uri = settings.mongo_uri.get_secret_value()
    client = mongo_client(uri, appname, serverSelectionTimeoutMS=5000)
    return MongoStore(client[settings.mongo_database], attempts)
