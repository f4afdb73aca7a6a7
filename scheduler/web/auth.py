"""Access control: actions need the token, as `Authorization: Bearer` or through a login kept in a signed cookie.

A form carries a value that only our page knows, and its Origin must be ours, so another site's page cannot act in a
visitor's name. On an address other than loopback, actions are off until SCHEDULER_TOKEN is set.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from common.private_files import create_file
from common.settings import Settings

COOKIE = "claude_analytics_session"
SESSION_SECONDS = 30 * 86_400
_REPORT_SECONDS = 86_400
_MOST_FAILURES, _FAILURE_SECONDS = 10, 60.0


class Failures:
    """The wrong tokens of the last minute."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=_MOST_FAILURES)

    def add(self) -> None:
        """Count one more."""
        self._moments.append(time.monotonic())

    def are_too_many(self) -> bool:
        """Return whether every token is rejected for now."""
        return len(self._moments) == _MOST_FAILURES and self._moments[0] >= time.monotonic() - _FAILURE_SECONDS


class Gate:
    """Checks credentials. One per application."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.is_loopback = is_loopback(settings.scheduler_host)
        self.token_file = folder / "token"
        configured = settings.scheduler_token.get_secret_value() if settings.scheduler_token else None
        self._token = configured or (_generated(self.token_file) if self.is_loopback else None)
        self._failures = Failures()

    @property
    def can_act(self) -> bool:
        """False when actions are off for everybody."""
        return self._token is not None

    def log_in(self, given: str) -> str | None:
        """Return the cookie for the right token, else None. Raises 429 after ten wrong tokens within a minute."""
        if not self._is_token(given):
            return None
        return self._signed("session", SESSION_SECONDS)

    def is_logged_in(self, request: Request) -> bool:
        """True for a request with a valid cookie."""
        return self._is_valid("session", request.cookies.get(COOKIE, ""))

    def may_see_details(self, request: Request) -> bool:
        """Return whether a request may read what quotes transcripts: always on loopback, elsewhere with the token."""
        return self.is_loopback or self.is_logged_in(request) or self._bears_token(request)

    def require_details(self, request: Request) -> None:
        """Raise 401 for a request that may not read what quotes transcripts."""
        if not self.may_see_details(request):
            raise HTTPException(401, "log in first")

    def report_key(self) -> str:
        """A name for the folder of the report and its files, good for a day.

        The report runs as a stranger to this origin, so that no cookie comes with what it asks for: its address has to
        say that it was handed to somebody who may see it.
        """
        return self._signed("report", _REPORT_SECONDS)

    def opens_report(self, key: str) -> bool:
        """True for a key that `report_key` made, and that has not expired."""
        return self._is_valid("report", key)

    def form_key(self, request: Request) -> str:
        """Return the value that a form must send back."""
        return self._sign("form", request.cookies.get(COOKIE, ""))

    def require_api(self, request: Request) -> None:
        """Raise 401 for a request without the bearer token, 403 if actions are off."""
        self._require_possible()
        if not self._bears_token(request):
            raise HTTPException(401, "expected Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    def require_form(self, request: Request, key: str) -> None:
        """Raise 401 or 403 for a form that was not sent from our page by a person who logged in."""
        self._require_possible()
        if not self.is_logged_in(request):
            raise HTTPException(401, "log in first")
        if not self._is_same_origin(request) or not hmac.compare_digest(key.encode(), self.form_key(request).encode()):
            raise HTTPException(403, "this form did not come from this page; load the page again")

    def check_host(self, request: Request) -> None:
        """Raise 400 on loopback for other host names: any site could point its name here and read (DNS rebinding)."""
        host = request.headers.get("host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # a bracket without its other
            name = host
        if self.is_loopback and not is_loopback(name):
            raise HTTPException(400, f"expected a loopback name in the Host header, found {name!r}")

    def _require_possible(self) -> None:
        if not self.can_act:
            raise HTTPException(403, "actions are off on this address until SCHEDULER_TOKEN is set")

    def _bears_token(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self._is_token(given)

    def _is_token(self, given: str) -> bool:
        """Compare with the token, and count wrong ones. Raises 429 after too many."""
        if self._failures.are_too_many():
            raise HTTPException(429, "too many wrong tokens; try again in a minute", {"Retry-After": "60"})
        if self._token is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            return True
        self._failures.add()
        return False

    def _is_same_origin(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).netloc == request.headers.get("host")

    def _signed(self, purpose: str, seconds: int) -> str:
        expires = str(int(time.time()) + seconds)
        return f"{expires}.{self._sign(purpose, expires)}"

    def _is_valid(self, purpose: str, value: str) -> bool:
        """Return whether a signed value is valid; the signature is checked before the number is parsed."""
        expires, _, signature = value.partition(".")
        if self._token is None or not hmac.compare_digest(signature.encode(), self._sign(purpose, expires).encode()):
            return False
        return int(expires) >= time.time()

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new((self._token or "").encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _generated(path: Path) -> str:
    """Return the token of this machine's user, which is created once and readable only by its owner."""
    if not path.exists():
        create_file(path, secrets.token_urlsafe(32).encode())
    return path.read_text(encoding="utf-8").strip()
