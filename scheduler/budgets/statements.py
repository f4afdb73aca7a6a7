"""Closed monthly statements, a file for each version: the one place that knows what a month was closed at.

A version is written whole or not at all, never changed, and names the checksum of the version before it. A
restatement is a new version; the old one stays. Files that were damaged or removed by hand are a problem that says
so.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.errors import AnalyticsError
from common.private_files import LEFT_OVER, create_file

Statement = dict[str, Any]
_NAME = re.compile(r"(\d{4}-\d{2})\.v(\d+)\.json")
_HEAD = ("month", "version", "closed_at", "reason", "currency", "usd_rate", "rate_from", "amount_usd", "rules_digest")
_ROW = (
    *("team", "cost_centre", "project_id", "project_name", "model", "response_count", "unpriced_response_count"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cost_usd", "amount_usd"),
)
_LEFTOVER_SECONDS = 3600


class StatementError(AnalyticsError):
    """A closed statement cannot be read or written; the message says which and what to do."""


class Statements:
    """The folder of closed statements."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def latest(self, month: str) -> Statement | None:
        """Return the version that counts; None where the month is open. Raises StatementError for a damaged file."""
        versions = self.versions(month)
        return versions[-1] if versions else None

    def versions(self, month: str) -> list[Statement]:
        """Return every version of a month, the first one first. Raises StatementError for a damaged or missing file."""
        found: list[Statement] = []
        for number in self._numbers().get(month, []):
            if number != len(found) + 1:
                raise self._error(month, len(found) + 1, "expected this version before the next, found no file")
            statement = self._read(month, number)
            if statement["previous"] != (found[-1]["sha256"] if found else None):
                raise self._error(month, number, "does not follow from the version before it")
            found.append(statement)
        return found

    def months(self) -> list[str]:
        """Return the months that are closed, the first one first."""
        return sorted(self._numbers())

    def problem(self) -> str | None:
        """Return what is wrong with a file, in one line; None where all are as they were written."""
        for month in self.months():
            try:
                self.versions(month)
            except StatementError as error:
                return str(error)
        return None

    def add(self, statement: Statement) -> Statement:
        """Write a version and return it with its checksum. Raises StatementError where somebody else was faster."""
        month, version = statement["month"], statement["version"]
        before = self.versions(month)
        if version != len(before) + 1:
            raise StatementError(
                f"{month} is already at version {len(before)}: another command closed it first; check it again"
            )
        whole = statement | {"previous": before[-1]["sha256"] if before else None}
        whole["sha256"] = checksum(whole)
        self._remove_leftovers()
        content = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
        if not create_file(self._path(month, version), content.encode()):
            raise StatementError(f"{month} was just closed by another command; check it again")
        return whole

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the statements as the models read them: each version, and the rows and sources of the last one."""
        for month in self.months():
            try:
                versions = self.versions(month)
            except StatementError:  # which `problem` says
                continue
            for statement in versions:
                head = {name: statement[name] for name in _HEAD}
                yield "statement", head | {"month": f"{month}-01", "rows": len(statement["rows"])}
            key = {"month": f"{month}-01", "version": versions[-1]["version"]}
            for row in versions[-1]["rows"]:
                yield "row", key | {name: row[name] for name in _ROW}
            yield from (("source", key | source) for source in versions[-1]["sources"])

    def _numbers(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if name := _NAME.fullmatch(path.name):
                    found.setdefault(name[1], []).append(int(name[2]))
        return {month: sorted(numbers) for month, numbers in found.items()}

    def _path(self, month: str, version: int) -> Path:
        return self.folder / f"{month}.v{version}.json"

    def _read(self, month: str, version: int) -> Statement:
        damaged = self._error(month, version, "has been changed: its checksum differs")
        try:
            statement: Statement = json.loads(self._path(month, version).read_bytes())
            as_written = statement["sha256"] == checksum(statement)
            named = (statement["month"], statement["version"]) == (month, version)
        except OSError as error:
            raise self._error(month, version, f"cannot be read ({error.strerror})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise damaged from None
        if not (as_written and named):
            raise damaged
        return statement

    def _error(self, month: str, version: int, what: str) -> StatementError:
        return StatementError(f"{self._path(month, version)}: {what}; put the file back from a backup")

    def _remove_leftovers(self) -> None:
        """Delete what a killed close left beside the files."""
        for path in self.folder.glob(f"{LEFT_OVER}*"):
            with suppress(FileNotFoundError):  # another close has just ended
                if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    path.unlink()


def checksum(statement: Statement) -> str:
    """Return the SHA-256 of everything else that a statement says."""
    rest = {name: value for name, value in statement.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
