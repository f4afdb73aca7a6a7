"""The token that enrols a machine: the receiver's address, its certificate, and a word that works once."""

import base64
import binascii
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import UsageError

_PREFIX = "enrol-"


class Invitation(BaseModel):
    """The content of a token."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    url: str
    certificate: str | None
    """The SHA-256 fingerprint of the receiver's certificate; None if a certificate authority signed it."""
    secret: str

    def token(self) -> str:
        """Return it as one word."""
        return _PREFIX + base64.urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> "Invitation":
        """Parse a token. Raises UsageError, without quoting the text, if it is not a token."""
        try:
            word = token.strip().removeprefix(_PREFIX)
            found = cls.model_validate_json(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
        except (binascii.Error, ValidationError, ValueError):
            raise UsageError("expected the token that `machines invite` printed, found another text") from None
        return found.model_copy(update={"url": checked_url(found.url)})


def checked_url(url: str) -> str:
    """Return a receiver's address without a slash at its end. Raises UsageError unless it is https://HOST[:PORT]."""
    parts = urlsplit(url)
    try:
        valid = parts.scheme == "https" and parts.hostname and (parts.port or 443)
    except ValueError:
        valid = False
    if not valid or parts.username or parts.query or parts.fragment:
        raise UsageError(f"expected the receiver's address, https://HOST:PORT, found {url!r}")
    return url.rstrip("/")
