"""The HTTPS client for the receiver, which checks its certificate by the invitation's fingerprint."""

from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from collector.wire import WireError, decompress
from common.errors import AnalyticsError, PassingError
from records.file_state import FileState

_TIMEOUT = urllib3.Timeout(connect=10.0, read=180.0)
_MOST_SECONDS = 300.0


class RefusedError(AnalyticsError):
    """The receiver rejects the request."""


class RevokedError(AnalyticsError):
    """This machine may not send."""

    exit_code = 2


class AwayError(PassingError):
    """The receiver is unreachable, or is behind."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        """`seconds` is the requested wait."""
        super().__init__(message)
        self.seconds = seconds


class Client:
    """One receiver."""

    def __init__(self, url: str, certificate: str | None, token: str = "") -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        pinned: dict[str, Any] = {"assert_fingerprint": certificate, "cert_reqs": "CERT_NONE"} if certificate else {}
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, **pinned)

    def enrol(self, invitation: str, token: str) -> dict[str, Any]:
        """Register a token with an invitation's word; return the receiver's description of this machine."""
        body = orjson.dumps({"invitation": invitation, "token": token})
        answer: dict[str, Any] = orjson.loads(self._ask("POST", "/v1/enrol", body))
        return answer

    def deliver(self, content: bytes) -> list[FileState]:
        """Send a delivery, which is stored when this returns; return the receiver's states of files that are behind."""
        return _states(self._ask("POST", "/v1/deliveries", content), "behind")

    def files(self) -> list[FileState]:
        """Return the receiver's states of this machine's files."""
        return _states(self._ask("GET", "/v1/files", None), "files")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            answer = self._pool.request(method, self.url + path, body=body, headers=self._headers, redirect=False)
        except SSLError as error:
            raise AwayError(
                f"{self.url}: expected the certificate that the invitation named, or where it named none one that this"
                f" system trusts, found another ({_first_line(error)}); if it was changed, enrol this machine again"
            ) from None
        except HTTPError as error:
            raise AwayError(f"{self.url}: the receiver does not answer ({_first_line(error)})") from None
        if answer.status == 200:
            return answer.data
        raise _refusal(self.url, answer)


def _refusal(url: str, answer: urllib3.BaseHTTPResponse) -> AnalyticsError:
    reason = f"{url}: {answer.status}: {_reason(answer.data)}"
    if answer.status == 401:
        return RevokedError(f"{reason}; ask for an invitation")
    if answer.status in {408, 429, 500, 502, 503, 504}:
        return AwayError(reason, _seconds(answer.headers.get("Retry-After")))
    return RefusedError(reason)


def _seconds(retry_after: str | None) -> float | None:
    return min(float(retry_after), _MOST_SECONDS) if retry_after and retry_after.isdecimal() else None


def _reason(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["error"])[:300]
    except (ValueError, TypeError, KeyError):
        return "no claude-analytics receiver answered"


def _states(content: bytes, name: str) -> list[FileState]:
    try:
        return [FileState.from_document(document) for document in decompress(content)[name]]
    except (WireError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"expected a receiver of this version, found another answer ({error})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
