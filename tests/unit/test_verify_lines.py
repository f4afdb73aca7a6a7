"""The second count finds the same lines as the collector in files that hold anything, each under the same id."""

from pathlib import Path

import pytest

from collector.opening import opened
from collector.reader import Reading, read
from common.transcript_files import Transcript
from records.lines import identity
from verify.files import line_id, objects_of_file

LINE = b'{"type":"user","uuid":"u1","sessionId":"s1"}'


def deep(levels: int, inner: bytes = b"1") -> bytes:
    """Return an object of so many levels."""
    return b'{"a":' * levels + inner + b"}" * levels


def collected(transcript: Transcript) -> list[tuple[str, bool]]:
    """Return id and validity of what the collector reads."""
    with opened(transcript) as (file, _, end):
        found = [entry for physical in read(Reading(), file, end) for entry in physical.lines]
    stem = transcript.stem
    return [
        (identity(line.line, line.fingerprint, stem, line.repetition), line.line.value is not None) for line in found
    ]


def counted(transcript: Transcript) -> list[tuple[str, bool]]:
    """Return id and validity of what the second count reads."""
    repetitions: dict[bytes, int] = {}
    name = transcript.source_file
    found = objects_of_file(name, transcript.path, None)
    return [(line_id(entry, name, repetitions).hex(), entry.value is not None) for entry in found]


@pytest.mark.parametrize(
    "content",
    [
        LINE + b"\n" + LINE + b" " + LINE + b"\n",
        LINE + b"garbage" + LINE + b"\n",
        b'7{"a":1}\n"x": {"a":1}\n[{"a":1}]{"a":1}\nnull 7\n',
        b"\xff\xfe6\x00\x00z\xed\xa0\x80\n6\x01\x7f\n",
        b'{"type":"user","sessionId":"\xed\xa0\x80"}\n{"type":"user","sessionId":"\\ud800"}\n{"uuid":"\xff"}\n',
        deep(1000) + b"\n" + deep(1024, b"NaN") + b"\n" + deep(1025) + b"\n" + deep(1025, b"NaN") + b"\n",
        deep(990) + deep(1024) + deep(1025) + LINE + b"\n",
        b'{"a":"' + b'[\\"{' * 3000 + b'","b":[' + b"{}," * 3000 + b"{}]}\n",
        b'{"n":' + b"9" * 5000 + b"}\n" + b'{"n":1e999}\n{"n":-Infinity}\n',
        b"\xef\xbb\xbf\0 " + LINE + b"\0\0\xef\xbb\xbf\r\n \0\n" + LINE,
        LINE + b"\n" + b'{"type":"us',
        b'{"a":1}\n{"a":1}\n{"a":1}{"a":1}\n',
    ],
)
def test_a_transcript_has_the_same_lines_in_both_counts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s1.jsonl"
    path.write_bytes(content)
    transcript = Transcript(path, "p/s1.jsonl")
    assert collected(transcript) == counted(transcript) != []


@pytest.mark.parametrize(
    "content",
    [
        b'{"agentType":"?"}',
        b'{"agentType":"\\ud800","n":' + b"9" * 30 + b"}",
        b'{"agentType":"\xc3\xa9\xff","sessionId":[],"agentId":null}',
        b'{"n":1e22,"m":0.1,"i":NaN}',
        deep(500),
        b" 7",
        b'{"agentType":\n"x"',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("name", ["p/s/subagents/agent-a1.meta.json", "p/agent-.meta.json"])
def test_a_note_on_a_sub_agent_is_the_same_line_in_both_counts(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "agent.meta.json"
    path.write_bytes(content)
    transcript = Transcript(path, name)
    assert collected(transcript) == counted(transcript) != []
