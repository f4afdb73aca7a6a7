"""The spool with the interface that the collector uses to write to the record store."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collector.sender.spool import Spool
from collector.standing import ROOT_NAME
from collector.wire import Delivery, SentFile, SentLayout, SentLine
from records import NewLine, RejectedLine, Source
from records.file_state import DIRECTORY, FileState
from records.forgotten import ForgetRequest, Origin
from records.layouts import LayoutPart, read_layout


@dataclass(slots=True)
class _Draft:
    delivery: Delivery = field(default_factory=lambda: Delivery(lines=[], rejected=[], layouts=[], files=[]))
    states: list[FileState] = field(default_factory=list)


class SpoolSink:
    """One collector's access to the spool; each collector has its own."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._draft: _Draft | None = None
        self._generation = -1
        self.standing: SentFile | None = None
        """The state of the transcripts directory; older states are useless, so it is not spooled."""

    def transaction(self) -> AbstractContextManager[None]:
        """Spool everything written in this block as one delivery."""
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._draft is not None:
            yield
            return
        self._draft = draft = _Draft()
        try:
            yield
        finally:
            self._draft = None
        if draft.states:
            self._spool.put(draft.delivery, draft.states, self._generation)

    def insert_lines(self, lines: Sequence[NewLine]) -> list[Source | None]:
        """Add lines; the receiver determines which of them are new."""
        self._drafted.delivery.lines.extend(
            _sent(new.line_id, new.place.source_file, new.place.byte_offset, new.line.raw) for new in lines
        )
        return [None] * len(lines)

    def insert_rejected(self, lines: Sequence[RejectedLine]) -> None:
        """Add rejected lines."""
        self._drafted.delivery.rejected.extend(
            _sent(line.line_id, line.place.source_file, line.place.byte_offset, line.raw, line.reason) for line in lines
        )

    def save_layouts(self, parts: Sequence[LayoutPart]) -> int:
        """Add the layouts of files."""
        by_file: dict[str, list[LayoutPart]] = {}
        for part in parts:
            by_file.setdefault(part.source_file, []).append(part)
        sent = [SentLayout.of(name, read_layout(some)) for name, some in by_file.items()]
        self._drafted.delivery.layouts.extend(sent)
        return len(parts)

    @property
    def _drafted(self) -> _Draft:
        assert self._draft is not None, "lines are written inside a transaction"
        return self._draft

    def save_states(self, states: Iterable[FileState]) -> None:
        """Add the states that count the lines written before."""
        now = self.now()
        with self._transaction():
            for state in states:
                state.collected_at = now
                if state.kind == DIRECTORY and state.source_file == ROOT_NAME:
                    self.standing = SentFile.of(state, (0, 0))
                else:
                    self._drafted.states.append(state)

    def states(self, host: str) -> dict[str, FileState]:  # noqa: ARG002 - the spool is of one host
        """Return how far each file was read."""
        states, self._generation = self._spool.states()
        return states

    def has_state(self, state: FileState) -> bool:  # noqa: ARG002 - nobody else writes states but the receiver
        """Return whether no state was replaced by the receiver's."""
        return self._generation == self._spool.generation

    def forget_requests(self) -> list[ForgetRequest]:
        """Return nothing: the receiver knows what is forgotten, and drops it."""
        return []

    def refused(self, origins: Sequence[Origin]) -> set[str]:  # noqa: ARG002 - as above
        """Return nothing, as above."""
        return set()

    def refused_files(self, states: Iterable[FileState]) -> set[str]:  # noqa: ARG002 - as above
        """Return nothing, as above."""
        return set()

    def forget_file(self, state: FileState) -> None:
        """Do nothing: no line is refused here."""

    def now(self) -> datetime:
        """Return this machine's time; lines get the receiver's."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def synchronise(self) -> None:
        """Do nothing: the clock is this machine's."""


def _sent(
    line_id: str, source_file: str | None, byte_offset: int | None, raw: bytes, reason: str | None = None
) -> SentLine:
    return SentLine(
        line_id=line_id, source_file=source_file or "", byte_offset=byte_offset or 0, raw=raw, reason=reason
    )
