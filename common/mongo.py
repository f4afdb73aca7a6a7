"""A MongoDB client from its address."""

from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from common.settings import SettingsError


def mongo_client(uri: str, appname: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """Return a client that connects when it is first used.

    Raises SettingsError for an invalid address, without quoting it: it contains a password.
    """
    try:
        return MongoClient(uri, appname=appname, **options)
    except (PyMongoError, ValueError) as error:
        expected = "mongodb://USER:PASSWORD@HOST:PORT/, percent-encoded where USER or PASSWORD hold one of :/?#[]@%"
        raise SettingsError(f"MONGO_URI: expected {expected}, found an invalid one ({type(error).__name__})") from None
