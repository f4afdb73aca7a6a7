"""A folder of transcripts that nobody would want: damaged lines, files that are no transcripts, histories twice.

Everything in it is made from the sessions of one sample, so that those of another sample beside it have lines, ids and
files that nothing here touches.
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.mutations import Mutator
from tests.faults.seeds import RARE_LINES, lines_of, sample

PROJECT = "-work-hostile"
LARGEST_COUNT = 2**53


def write_hostile(folder: Path, *, seed: int, files: int, lines: int, scratch: Path) -> None:
    """Write so many files of about so many damaged lines, and one of each kind of odd file."""
    random = Random(f"hostile-{seed}")
    sources = sample(scratch / f"sample-{seed}", seed=1_000 + seed, days=4)
    valid = lines_of(sources) + [json.dumps(line).encode() for line in RARE_LINES]
    mutator = Mutator(random, valid)
    for number in range(files):
        write(folder / PROJECT / f"{random.getrandbits(64):x}-{number}.jsonl", mutator.content(lines))
    for name, content in _copies(random, sources):
        write(folder / f"{PROJECT}-copies" / name, content)
    for name, content in _odd_files(random, valid):
        write(folder / f"{PROJECT}-odd" / name, content)
    write(folder / PROJECT / f"large-{seed}.jsonl", b"".join(largest_counts(seed)))
    _odd_entries(folder / f"{PROJECT}-odd")


def write(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _copies(random: Random, sources: Path) -> Iterator[tuple[str, bytes]]:
    """Yield whole histories again: renamed, spelt otherwise, reversed, cut, mixed, under another session's name."""
    paths = sorted(sources.rglob("*.jsonl"))
    for path in random.sample(paths, min(4, len(paths))):
        content, other = path.read_bytes(), random.choice(paths)
        lines = content.splitlines(keepends=True)
        yield f"renamed-{path.name}", content
        yield f"{path.stem}/subagents/agent-{path.stem[:8]}.jsonl", content
        yield f"reversed-{path.name}", b"".join(reversed(lines))
        yield f"twice-{path.name}", content + content
        yield f"respelt-{path.name}", b"".join(map(_respelt, lines))
        yield f"cut-{path.name}", content[: random.randrange(1, len(content))]
        yield other.name, content
        yield f"ids-{path.name}", content.replace(b'"output_tokens":', b'"output_tokens":1')
        yield f"parents-{path.name}", content.replace(b'"parentUuid":"', b'"parentUuid":"0').replace(b"null", b'"x"')


def _respelt(line: bytes) -> bytes:
    try:
        return json.dumps(json.loads(line), indent=None, separators=(" ,", " : "), sort_keys=True).encode() + b"\r\n"
    except ValueError:
        return line


def _odd_files(random: Random, valid: list[bytes]) -> Iterator[tuple[str, bytes]]:
    packed = gzip.compress(b"\n".join(valid[:50]))
    text = b"\n".join(valid[-20:]) + b"\n"
    yield "empty.jsonl", b""
    yield "blank.jsonl", b"\n \r\n\t\n\0\n"
    yield "nul.jsonl", b"\0" * 1_000_000
    yield "binary.jsonl", random.randbytes(100_000)
    yield "utf16.jsonl", text.decode(errors="replace").encode("utf-16")
    yield "one-line.jsonl", b"".join(valid[:40])
    yield "pretty.jsonl", json.dumps(json.loads(valid[0]), indent=2).encode()
    yield "array.jsonl", b"[" + b",".join(valid[:40]) + b"]\n"
    yield "opening.jsonl", b"[" * 100_000 + b"\n" + b'{"a":' * 100_000 + b"\n"
    yield "packed.jsonl.gz", packed
    yield "packed.jsonl", packed
    yield "packed-cut.jsonl.gz", packed[: len(packed) // 2]
    yield "packed-not.jsonl.gz", text
    yield "packed-damaged.jsonl.gz", packed[:100] + b"\xff" * 50 + packed[150:]
    yield "agent-surrogate.meta.json", b'{"agentType":"\\ud800","n":' + b"9" * 30 + b"}"
    yield "agent-deep.meta.json", b'{"agentType":' + b"[" * 500 + b"]" * 500 + b"}"
    yield "agent-number.meta.json", b"7"
    yield "agent-half.meta.json", b'{"agentType":\n"x"'
    yield "s/subagents/agent-odd.meta.json", b'{"agentType":{"a":[1]},"toolUseId":7,"sessionId":[],"type":null}'
    yield "line\nend.jsonl", text
    yield "quote'\";--.jsonl", text
    yield "{{ 1 }}.jsonl", text


def _odd_entries(folder: Path) -> None:
    """Make what is not an ordinary file, or has a date outside the years that datetime holds."""
    not_utf8 = os.fsencode(folder) + b"/\xff\xfe.jsonl"
    with open(not_utf8, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b'{"type":"user","uuid":"not-utf8"}\n')
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.jsonl").symlink_to(folder / "missing")
    (folder / "folder.jsonl").mkdir()
    for name, seconds in (("old", -(2**33)), ("late", 2**33), ("beyond", 2**40)):
        path = folder / f"{name}.jsonl"
        path.write_bytes(b'{"type":"user","uuid":"' + name.encode() + b'"}\n')
        os.utime(path, (seconds, seconds))


def largest_counts(seed: int, responses: int = 1_200) -> Iterator[bytes]:
    """Yield a session whose every count is as large as may be: their sums pass 64 bits."""
    usage = dict.fromkeys(
        ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), LARGEST_COUNT
    )
    for number in range(responses):
        message = {
            "id": f"msg-large-{seed}-{number}",
            "role": "assistant",
            "model": "claude-opus-4-8",
            "stop_reason": "end_turn",
            "content": [{"type": "tool_use", "id": f"toolu-{seed}-{number}", "name": "Task", "input": {}}],
            "usage": usage | {"server_tool_use": {"web_search_requests": LARGEST_COUNT}},
        }
        about = {"sessionId": f"large-{seed}", "timestamp": f"2026-05-04T10:{number // 60:02}:{number % 60:02}.000Z"}
        yield _written({"type": "assistant", "uuid": f"large-{seed}-{number}", "message": message} | about)
        result = {
            "totalDurationMs": LARGEST_COUNT,
            "totalTokens": LARGEST_COUNT,
            "totalToolUseCount": LARGEST_COUNT,
            "agentId": f"a{number}",
            "searchCount": 2**31 - 1,
        }
        block = {"type": "tool_result", "tool_use_id": f"toolu-{seed}-{number}", "content": "x"}
        line: dict[str, Any] = {
            "type": "user",
            "uuid": f"large-r-{seed}-{number}",
            "message": {"role": "user", "content": [block]},
        }
        yield _written(line | about | {"toolUseResult": result})
        system = {
            "type": "system",
            "subtype": "turn_duration",
            "durationMs": LARGEST_COUNT,
            "uuid": f"l-{seed}-{number}",
        }
        yield _written(system | about)


def _written(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"
