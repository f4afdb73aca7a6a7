"""What must hold for any bytes in a transcript, from the collector's reader to the rows of schema raw, in one process.

Two files go through the same steps: one with bytes of any kind, one with valid lines. Both are put into one batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import bson
import duckdb
import pyarrow as pa

from collector.reader import Reading, read
from loader.flatten import Flattened, flatten
from loader.flatten_line import Source
from loader.iceberg_rows import lines_of_rows, rejected_of_rows, rows_of_lines, rows_of_rejected
from loader.raw_schema import CREATE_RAW, RAW_COLUMNS
from records import Place, RejectedLine, StoredLine
from records.lines import Line, identity, text_of
from records.mongo_documents import MAX_DOCUMENT, dead_letter, document

MOMENT = datetime(2026, 7, 1, tzinfo=UTC)
TOOL_OUTPUT_LIMIT = 2_000
_ROW_BYTES = 4_096
"""What a row may take beside what is in the line, for its columns of fixed width and the names that it repeats."""
_FACTOR = 3
"""An escape of two bytes may become three bytes of UTF-8, and a text may be both a column and an attribute."""

_TOKENS = [name for name in RAW_COLUMNS if name.endswith(("_tokens", "_requests"))]
_COUNTS = [
    *(name for name, kind in RAW_COLUMNS.items() if name.startswith(("result_", "tool_")) and "int" in kind),
    *("api_error_status", "block_index", "block_count"),
]
_JSON = [name for name, kind in RAW_COLUMNS.items() if kind == "json"]
RULES = {
    **{f"{name} is a count": f"{name} not between 0 and 9007199254740992" for name in [*_TOKENS, *_COUNTS]},
    **{f"{name} is JSON": f"not json_valid({name})" for name in _JSON},
    "a cost is an amount of money": "not (reported_cost_usd between 0 and 1e9)",
    "a moment has a date": "event_at not between timestamptz '0001-01-02 00:00:00+00' and '9999-12-30 00:00:00+00'",
    "names are short": "greatest(length(session_id), length(uuid), length(model), length(cwd)) > 4096",
    "tool output is cut": f"length(tool_result_text) > {TOOL_OUTPUT_LIMIT}",
    "kept JSON is cut": "greatest(length(tool_input), length(usage), length(attributes)) > 32768",
    "texts are cut": "length(block_text) > 1048576",
    "a message is a person's or Claude's": "message_type not in ('user', 'assistant')",
    "a block has its place": "block_index >= greatest(block_count, 1)",
}
"""A name for each rule, and the rows of raw.conversations that break it."""


@dataclass
class Kept:
    """What the record store would hold of a file."""

    lines: list[StoredLine]
    rejected: list[RejectedLine]


def collected(content: bytes, source_file: str) -> Kept:
    """Read a file as the collector does; fail where a byte of it is neither in a line nor blank."""
    kept = Kept([], [])
    reading, consumed = Reading(), 0
    for physical in read(reading, BytesIO(content), len(content)):
        start, consumed = consumed, consumed + physical.size
        _assert_nothing_is_lost(content[start:consumed], [found.line.raw for found in physical.lines])
        for found in physical.lines:
            line_id = identity(found.line, found.fingerprint, source_file, found.repetition)
            place = Place("host", "project", source_file, found.byte_offset)
            assert content[found.byte_offset :].startswith(found.line.raw)
            _keep(kept, found.line, line_id, place)
    return kept


def _assert_nothing_is_lost(physical: bytes, raws: list[bytes]) -> None:
    position = 0
    for raw in raws:
        at = physical.index(raw, position)
        assert not _not_blank(physical[position:at])
        position = at + len(raw)
    assert not _not_blank(physical[position:])


def _not_blank(between: bytes) -> bytes:
    return between.replace(b"\xef\xbb\xbf", b"").strip(b" \t\r\n\0")


def _keep(kept: Kept, line: Line, line_id: str, place: Place) -> None:
    if line.value is None:
        kept.rejected.append(RejectedLine(line_id, line.raw, line.reason or "", place, MOMENT))
        assert line.reason
        return
    names = [text_of(line.value.get(name)) for name in ("sessionId", "uuid", "type")]
    kept.lines.append(StoredLine(line_id, names[0], names[1], names[2], place, MOMENT, line.raw))
    encoded, _ = document(line, line_id, place)
    assert len(bson.encode(bson.decode(encoded))) <= MAX_DOCUMENT


def kept_in_iceberg(kept: Kept) -> pa.Table:
    """Return the rows of the Iceberg table; fail where they would not give back every byte."""
    rows = rows_of_lines(kept.lines, MOMENT)
    assert list(lines_of_rows(rows)) == kept.lines
    assert list(rejected_of_rows(rows_of_rejected(kept.rejected))) == kept.rejected
    for line in kept.rejected:
        dead_letter(line)
    return rows


class Database:
    """The tables of schema raw in memory."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for statement in CREATE_RAW:
            self.connection.execute(statement)

    def broken_rules(self, rows: pa.Table) -> Iterator[tuple[str, list[Any]]]:
        """Insert rows as a load does, and yield the rules that some of them break, with an example."""
        self.connection.execute("delete from raw.conversations")
        self.connection.register("rows", rows)
        added = "1::bigint as load_id, now() as loaded_at"
        self.connection.execute(f"insert into raw.conversations by name select *, {added} from rows")
        marks = ", ".join(f"count_if({condition})" for condition in RULES.values())
        counts = self.connection.execute(f"select {marks} from raw.conversations").fetchone() or ()
        for (rule, condition), count in zip(RULES.items(), counts, strict=True):
            if count:
                example = self.connection.execute(f"from raw.conversations where {condition} limit 1").fetchall()
                yield rule, example


@dataclass
class LineChecks:
    """The checks, with a file of valid lines that goes with every batch."""

    database: Database
    valid: Kept
    expected: Flattened

    @classmethod
    def beside(cls, valid_lines: list[bytes]) -> "LineChecks":
        """Return checks whose batches hold these lines as well."""
        kept = collected(b"".join(line + b"\n" for line in valid_lines), "valid.jsonl")
        assert not kept.rejected
        return cls(Database(), kept, flatten(_incoming(kept), TOOL_OUTPUT_LIMIT))

    def check(self, content: bytes) -> None:
        """Fail where something does not hold for a file with this content."""
        odd = collected(content, "odd.jsonl")
        mixed = Kept([line for pair in _mixed(self.valid.lines, odd.lines) for line in pair], odd.rejected)
        flattened = flatten(_incoming(mixed), TOOL_OUTPUT_LIMIT)
        self._assert_every_line_is_there(mixed, flattened)
        self._assert_valid_lines_are_untouched(flattened)
        assert list(self.database.broken_rules(flattened.conversations)) == []
        _assert_bounded(odd, flattened, self.expected)

    def _assert_every_line_is_there(self, kept: Kept, flattened: Flattened) -> None:
        with_rows = set(flattened.conversations["document_id"].to_pylist())
        rejected = {row["document_id"]: row["reason"] for row in flattened.rejected_documents.to_pylist()}
        assert with_rows | rejected.keys() == {line.line_id for line in kept.lines}
        assert not with_rows & rejected.keys()
        assert all(reason.startswith(("RecursionError", "JSONEncodeError: Rec")) for reason in rejected.values()), (
            rejected
        )

    def _assert_valid_lines_are_untouched(self, flattened: Flattened) -> None:
        """Two lines with the same id are the same line: only the odd file's own ones are left out."""
        names = pa.array(sorted({line.line_id for line in self.valid.lines}))
        for found, expected in zip(flattened, self.expected, strict=True):
            kept = found.filter(pa.compute.is_in(found["document_id"], value_set=names))
            assert kept.equals(expected)


def _mixed(valid: list[StoredLine], odd: list[StoredLine]) -> Iterator[list[StoredLine]]:
    known = {line.line_id for line in valid}
    new = [line for line in {line.line_id: line for line in odd}.values() if line.line_id not in known]
    for index in range(max(len(valid), len(new))):
        yield [*new[index : index + 1], *valid[index : index + 1]]


def _incoming(kept: Kept) -> pa.Table:
    return kept_in_iceberg(kept).select([*Source._fields, "document"])


def _assert_bounded(odd: Kept, flattened: Flattened, valid: Flattened) -> None:
    """What a batch becomes follows its bytes and its blocks."""
    size = sum(len(line.content) for line in odd.lines)
    rows = flattened.conversations.num_rows - valid.conversations.num_rows
    most = _FACTOR * size + _ROW_BYTES * rows
    assert sum(table.nbytes for table in flattened) - sum(table.nbytes for table in valid) <= most
