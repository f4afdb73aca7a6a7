"""Forgetting on one machine: the vault connected to record store, Iceberg, the history of runs and the files."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pyiceberg.catalog import Catalog

from common.loader_results import ForgetLog, Selected
from common.paths import DataPaths
from common.settings import Settings
from records import RecordStore, StoreError, open_store
from records.file_state import FileState
from records.forgotten import TEXT
from records.sweep import sweep
from scheduler.forget_steps import NotForgottenError
from scheduler.history_erase import erase_quotes
from scheduler.loader_calls import Progress
from scheduler.runner import history_path
from standalone.backups import tell_backups
from vault.cleaning import samples_in, telling
from vault.forget import begin, finish, log_of, unfinished
from vault.proof import prove
from vault.selection import Selection, Wanted, select
from vault.text_removal import begin_text, blank_lines, end_text, reduce_lines


def forgotten_files(settings: Settings, files: Mapping[str, os.stat_result]) -> set[str]:
    """Return which transcripts are forgotten; over a separate connection, because the page calls it during a run."""
    if not files or not (settings.mongo_uri or DataPaths.of(settings).records.exists()):
        return set()
    names: dict[str, str] = {}
    states = []
    for name, stat in files.items():
        state = FileState.new(settings.host_name, settings.data_dir, name)
        state.saw(stat)
        states.append(state)
        names[state.id] = name
    try:
        with closing(open_store(settings, "claude-analytics-status", attempts=1)) as store:
            return {names[state_id] for state_id in store.refused_files(states)}
    except StoreError:  # unreachable or damaged: the store's own check reports that
        return set()


@dataclass(frozen=True)
class InProcessForgetting:
    """Finishes requests to forget in this process."""

    settings: Settings
    store: RecordStore
    catalog: Catalog

    def is_pending(self) -> bool:
        """Return whether a request is unfinished."""
        return bool(unfinished(self.store))

    def remove(self, progress: Progress) -> str:
        """Delete from the record store and the history of runs; return what was done."""
        progress(0, None)
        swept = sweep(self.store)
        erase_quotes(history_path(self.settings), self._samples())
        return f"{swept} deleted from {self.store.name}"

    def forgotten_files(self, files: Mapping[str, os.stat_result]) -> set[str]:
        """Return the names of transcripts that are not read because all their lines are forgotten."""
        return forgotten_files(self.settings, files)

    def prove(self, progress: Progress) -> str:
        """Search what is left, and close the requests; return what was searched. Raises NotForgottenError."""
        progress(0, None)
        samples = telling(self.settings, self._samples())
        erase_quotes(history_path(self.settings), samples)
        only_ours = log_of(self.store).open_kinds == {TEXT}
        done = prove(self.settings, self.store, self.catalog, samples, only_ours=only_ours)
        if done.found:
            some = ", ".join(sorted(done.found)[:5])
            raise NotForgottenError(
                f"expected no file with forgotten data, found {len(done.found)}: {some}; "
                "close the programs that write them; the next run tries again"
            )
        finish(self.store, self.settings.data_dir, done.describe())
        return done.describe() + tell_backups(self.settings)

    def begin_text(self, before: datetime, lines: int) -> None:
        """Record a request to remove the texts of this many lines."""
        begin_text(self.store, before, lines)

    def reduce(self, removed: Mapping[str, dict[str, Any]]) -> int:
        """Replace the texts of these lines, by their ids, with the values to keep; return how many had texts."""
        return reduce_lines(self.store, self.settings.data_dir, removed)

    def blank(self, line_ids: list[str]) -> int:
        """Overwrite rejected lines with question marks; return how many had any other bytes."""
        return blank_lines(self.store, self.settings.data_dir, line_ids)

    def end_text(self) -> None:
        """Erase every byte of the removed texts from the record store's files."""
        end_text(self.store, self.settings.data_dir)

    def _samples(self) -> list[str]:
        return samples_in(self.settings.data_dir, [request.id for request in unfinished(self.store)])


class Requests(Protocol):
    """Records people's requests to forget."""

    def select(self, kind: str, value: str) -> Selected:
        """Return what a request would remove."""
        ...

    def begin(self, selected: Selected, asked_by: str, reason: str | None, counts: dict[str, float]) -> None:
        """Record a request; nothing is deleted yet."""
        ...

    def log(self) -> ForgetLog:
        """Return the log of requests."""
        ...


@dataclass
class LocalRequests:
    """Requests in the configured record store."""

    settings: Settings
    _selection: Selection | None = None

    def select(self, kind: str, value: str) -> Selected:
        """Return what a request would remove."""
        with self._store() as store:
            self._selection = select(store, Wanted(kind, value, self.settings.timezone))
        return self._selection.describe()

    def begin(self, selected: Selected, asked_by: str, reason: str | None, counts: dict[str, float]) -> None:
        """Record a request; nothing is deleted yet."""
        assert self._selection is not None
        assert self._selection.value == selected.value
        with self._store() as store:
            begin(store, self._selection, self.settings.data_dir, asked_by, reason, counts)

    def log(self) -> ForgetLog:
        """Return the log of requests."""
        with self._store() as store:
            return log_of(store)

    def _store(self) -> closing[RecordStore]:
        return closing(open_store(self.settings, "claude-analytics-forget"))
