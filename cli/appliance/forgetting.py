"""Forgetting in the appliance: the vault deletes from MongoDB, the run from the rest; this side searches its files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from common.errors import PassingError
from common.loader_results import ForgetLog, Selected
from common.settings import Settings
from records.forgotten import TEXT
from scheduler.forget_steps import NotForgottenError
from scheduler.history_erase import erase_quotes
from scheduler.loader_calls import Progress
from scheduler.loader_client import HttpVault
from scheduler.runner import history_path
from vault.cleaning import samples_in, search_files, telling

log = structlog.get_logger()


@dataclass(frozen=True)
class ApplianceForgetting:
    """Finishes requests to forget over the appliance's services."""

    settings: Settings
    vault: HttpVault

    def is_pending(self) -> bool:
        """Return whether a request is unfinished.

        If the vault does not answer, log a warning and return False, so the run continues.
        """
        try:
            return bool(self.vault.forget_log().unfinished)
        except PassingError as error:
            log.warning("forgetting.not_known", reason=str(error))
            return False

    def remove(self, progress: Progress) -> str:
        """Delete from MongoDB, Metabase's own tables and the history of runs; return what was done."""
        erase_quotes(history_path(self.settings), self._samples())
        return self.vault.forget_remove(progress)

    def forgotten_files(self, files: Mapping[str, os.stat_result]) -> set[str]:
        """Return nothing: this side sees no transcripts."""
        del files
        return set()

    def prove(self, progress: Progress) -> str:
        """Search our files, have the vault search MongoDB, and close the requests. Raises NotForgottenError."""
        requests = self.vault.forget_log()
        samples = telling(self.settings, samples_in(self.settings.data_dir, requests.unfinished))
        erase_quotes(history_path(self.settings), samples)
        done = search_files(self.settings, samples, only_ours=requests.open_kinds == {TEXT})
        left = ", ".join(sorted(done.found)[:5]) or self.vault.forget_finish(done.describe(), progress)
        if left:
            raise NotForgottenError(
                f"expected no copy of the forgotten data, found it in {left}; the next run tries again"
            )
        return done.describe()

    def begin_text(self, before: datetime, lines: int) -> None:
        """Write down that the texts of this many lines are removed."""
        self.vault.text_begin(before, lines)

    def reduce(self, kept: Mapping[str, dict[str, Any]]) -> int:
        """Replace the texts of these lines with the given facts; return the number of lines changed."""
        return self.vault.text_reduce(kept)

    def blank(self, line_ids: list[str]) -> int:
        """Overwrite rejected lines with question marks of the same length; return the number of lines overwritten."""
        return self.vault.text_blank(line_ids) if line_ids else 0

    def end_text(self) -> None:
        """Have the vault erase what was removed."""
        self.vault.text_end()

    def _samples(self) -> list[str]:
        return samples_in(self.settings.data_dir, self.vault.forget_log().unfinished)


@dataclass(frozen=True)
class VaultRequests:
    """Requests that the appliance's vault writes down."""

    vault: HttpVault

    @classmethod
    def of(cls, settings: Settings) -> "VaultRequests":
        """Return those of the vault that the settings name."""
        vault = HttpVault.of(settings)
        assert vault is not None  # the caller looked
        return cls(vault)

    def select(self, kind: str, value: str) -> Selected:
        """Return what a request would remove."""
        return self.vault.forget_select(kind, value)

    def begin(self, selected: Selected, asked_by: str, reason: str | None, counts: dict[str, float]) -> None:
        """Write a request down; nothing is deleted yet."""
        self.vault.forget_begin(selected, asked_by, reason, counts)

    def log(self) -> ForgetLog:
        """Return the log of requests."""
        return self.vault.forget_log()
