"""The machines that may send: invited with a token that works once, enrolled with a token that only they have.

Tokens are stored as hashes. Every request reads this file, so a revocation takes effect at the next request.
"""

import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from common.errors import AnalyticsError, UsageError
from common.private_files import make_folder

SCHEMA = """
create table if not exists machines (
    name text primary key,
    person text,
    invitation text unique, -- sha256 of the token, as the next one
    invited_until real,
    token text unique,
    enrolled_at real,
    revoked_at real,
    seen_at real
)
"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SEEN_EVERY = 30.0


class MachineError(AnalyticsError):
    """The machine's request is not allowed."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; moments are seconds since 1970."""

    name: str
    person: str | None
    invited_until: float | None
    enrolled_at: float | None
    revoked_at: float | None
    seen_at: float | None

    @property
    def status(self) -> str:
        """The machine's current status."""
        if self.revoked_at is not None:
            return "revoked"
        if self.enrolled_at is not None:
            return "enrolled"
        return "invited" if (self.invited_until or 0) > time.time() else "invitation expired"


class Holder(NamedTuple):
    """The sender of a request."""

    name: str
    person: str | None


class Machines:
    """The file of all machines; safe to use from several processes and threads."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        with self._connected() as connection:
            connection.execute(SCHEMA)
        path.chmod(0o600)

    def invite(self, name: str, person: str | None, hours: float) -> str:
        """Return a token that enrols a machine under this name, once, within these hours.

        Inviting a machine again replaces an unused invitation; an enrolled machine can send until the new one is used.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"machine: expected up to 63 letters, digits, dots, - and _, found {name!r}")
        invitation = secrets.token_urlsafe(24)
        with self._connected() as connection:
            connection.execute(
                "insert into machines (name, person, invitation, invited_until) values (?, ?, ?, ?) on conflict (name)"
                " do update set person = coalesce(excluded.person, person), invitation = excluded.invitation,"
                " invited_until = excluded.invited_until",
                [name, person, _hashed(invitation), time.time() + hours * 3600],
            )
        return invitation

    def enrol(self, invitation: str, token: str) -> Machine:
        """Accept the token that a machine generated; repeating the call has the same result.

        Raises MachineError if the invitation is unknown, was used for another token, or has expired.
        """
        given, hashed = _hashed(invitation), _hashed(token)
        with self._connected() as connection:
            row = connection.execute(
                "select name, invitation, invited_until, token from machines where invitation = ?", [given]
            ).fetchone()
            if row is None or not hmac.compare_digest(row[1], given):
                raise MachineError("this invitation is not known, or was used; ask for another")
            name, _, until, known = row
            if until is None and known != hashed:
                raise MachineError("this invitation is not known, or was used; ask for another")
            if until is not None and until < time.time():
                raise MachineError("this invitation has expired; ask for another")
            connection.execute(
                "update machines set token = ?, enrolled_at = coalesce(enrolled_at, ?), revoked_at = null,"
                " invited_until = null where name = ?",
                [hashed, time.time(), name],
            )
        return next(machine for machine in self.all() if machine.name == name)

    def holder(self, token: str) -> Holder | None:
        """Return the machine with this token; None if there is none, or if it was revoked."""
        given, now = _hashed(token), time.time()
        with self._connected() as connection:
            row = connection.execute(
                "select name, token, revoked_at, seen_at, person from machines where token = ?", [given]
            ).fetchone()
            if row is None or not hmac.compare_digest(row[1], given) or row[2] is not None:
                return None
            if row[3] is None or now - row[3] >= _SEEN_EVERY:
                connection.execute("update machines set seen_at = ? where name = ?", [now, row[0]])
        return Holder(row[0], row[4])

    def revoke(self, name: str) -> None:
        """Revoke this machine, including an unused invitation."""
        with self._connected() as connection:
            done = connection.execute(
                "update machines set revoked_at = ?, invitation = null, invited_until = null where name = ?",
                [time.time(), name],
            )
            if done.rowcount != 1:
                known = ", ".join(machine.name for machine in self.all()) or "none"
                raise UsageError(f"machine: expected an invited machine ({known}), found {name!r}")

    def all(self) -> list[Machine]:
        """Return every machine, by name."""
        with self._connected() as connection:
            columns = "name, person, invited_until, enrolled_at, revoked_at, seen_at"
            return [Machine(*row) for row in connection.execute(f"select {columns} from machines order by name")]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=30)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise AnalyticsError(f"{self._path}: {error}; check that it is writable") from error


def _hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()
