"""Forgetting on one machine: the vault room wired to record store, Iceberg, the history of runs and the files."""

from dataclasses import dataclass

from pyiceberg.catalog import Catalog

from common.settings import Settings
from records import RecordStore
from records.sweep import sweep
from scheduler.forget_steps import NotForgottenError
from scheduler.history_erase import erase_quotes
from scheduler.loader_calls import Progress
from scheduler.runner import history_path
from standalone.backups import tell_backups
from vault.forget import finish, samples_of, unfinished
from vault.proof import prove


@dataclass(frozen=True)
class InProcessForgetting:
    """Finishes requests to forget in this process."""

    settings: Settings
    store: RecordStore
    catalog: Catalog

    def is_pending(self) -> bool:
        """Tell whether a request is unfinished."""
        return bool(unfinished(self.store))

    def remove(self, progress: Progress) -> str:
        """Delete from the record store and the history of runs; return what was done."""
        progress(0, None)
        swept = sweep(self.store)
        erase_quotes(history_path(self.settings), samples_of(self.settings.data_dir))
        counts = f"{swept.lines:,} lines, {swept.rejected_lines:,} rejected lines, {swept.files:,} files"
        return f"{counts} deleted from {self.store.name}"

    def prove(self, progress: Progress) -> str:
        """Search what is left, and close the requests; return what was searched. Raises NotForgottenError."""
        progress(0, None)
        erase_quotes(history_path(self.settings), samples_of(self.settings.data_dir))
        done = prove(self.settings, self.store, self.catalog, samples_of(self.settings.data_dir))
        if done.found:
            some = ", ".join(sorted(done.found)[:5])
            raise NotForgottenError(
                f"expected no file that holds what was forgotten, found {len(done.found)}: {some}; "
                "close the programs that write them; the next run tries again"
            )
        finish(self.store, self.settings.data_dir, done.describe())
        return done.describe() + tell_backups(self.settings)
