"""Transcripts that are large in one respect each, and what a run has to say of them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "claude-opus-4-8"
MOST_MIB = 1024
"""Resident size that no process of a run may reach, whatever a transcript holds."""
LONGEST_LINE_MIB = 1536
"""What a single line of 100 MB may need: it is parsed, and written to Parquet, as a whole."""


@dataclass(frozen=True)
class Giant:
    """A large transcript: its lines, its size in CI and on demand, and the figure that shows that it was read."""

    lines: Callable[[int], Iterator[bytes]]
    small: int
    large: int
    query: str
    figure: Callable[[int], int]
    most_mib: int = MOST_MIB


def _line(kind: str, number: int, **fields: Any) -> bytes:
    about = {"sessionId": "giant", "timestamp": "2026-05-04T10:00:00.000Z", "cwd": "/work/shop"}
    return (
        json.dumps({"type": kind, "uuid": f"{kind}-{number}", **about, **fields}, ensure_ascii=False).encode() + b"\n"
    )


def _answer(number: int, blocks: list[dict[str, Any]]) -> bytes:
    usage = {"input_tokens": 10, "output_tokens": 20}
    message = {"id": f"m{number}", "role": "assistant", "model": MODEL, "content": blocks, "usage": usage}
    return _line("assistant", number, message=message | {"stop_reason": "end_turn"})


def _call(number: int, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"t{number}", "name": name, "input": given}


def _result(number: int, content: Any, **fields: Any) -> bytes:
    block = {"type": "tool_result", "tool_use_id": f"t{number}", "content": content}
    return _line("user", number, message={"role": "user", "content": [block]}, **fields)


def screenshots(count: int) -> Iterator[bytes]:
    """Yield calls and their results, each with a picture of 200 KB in two places."""
    for number in range(count):
        picture = f"{number:08}" + "iVBORw0KGgo" * 18_000
        parts = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}]
        yield _answer(number, [_call(number, "mcp__browser__take_screenshot", {"fullPage": True})])
        yield _result(number, parts, toolUseResult=parts)


def writes(count: int) -> Iterator[bytes]:
    """Yield calls that write files of 200 KB, and their results, which hold the file again."""
    content = "a line of some sixty characters, as source code has them ---\n" * 3_300
    for number in range(count):
        path = f"/work/shop/{number}.py"
        yield _answer(number, [_call(number, "Write", {"file_path": path, "content": content})])
        found = {"type": "create", "filePath": path, "content": content, "structuredPatch": []}
        yield _result(number, "File created", toolUseResult=found)


def one_long_line(megabytes: int) -> Iterator[bytes]:
    """Yield a prompt of this many megabytes, and an answer."""
    text = "The log says: é 😀 connection refused at 10:00\\n" * (megabytes * 1_000_000 // 50)
    yield _line("user", 0, message={"role": "user", "content": text})
    yield _answer(0, [{"type": "text", "text": "I see."}])


def broken_line(megabytes: int) -> Iterator[bytes]:
    """Yield a line that is no JSON at its very end, with bytes that are no UTF-8, and an answer."""
    yield b'{"type":"user","message":{"content":"' + "é😀xxxxxx".encode() * (megabytes * 1_000_000 // 12) + b"\xff\n"
    yield _answer(0, [{"type": "text", "text": "I see."}])


def blocks(count: int) -> Iterator[bytes]:
    """Yield an answer of this many blocks whose line has long names, which each of its rows repeats."""
    many = [{"type": "text", "text": f"block {number}"} for number in range(count)]
    usage = {"input_tokens": 10, "output_tokens": 20, "notes": {str(number): "x" * 100 for number in range(200)}}
    message = {
        "id": "m",
        "role": "assistant",
        "model": MODEL,
        "content": many,
        "usage": usage,
        "stop_reason": "end_turn",
    }
    long = "x" * 4_000
    yield _line("assistant", 0, message=message, gitBranch=long, version=long, entrypoint=long, requestId=long)


def tiny_lines(count: int) -> Iterator[bytes]:
    """Yield lines that hold next to nothing; the last one is an answer."""
    for number in range(count):
        yield b'{"type":"mode","n":%d}\n' % number
    yield _answer(0, [{"type": "text", "text": "Done."}])


def objects_on_a_line(count: int) -> Iterator[bytes]:
    """Yield one line that holds many objects, as two writers at once leave it."""
    yield b"".join(b'{"type":"mode","n":%d}' % number for number in range(count)) + b"\n"
    yield _answer(0, [{"type": "text", "text": "Done."}])


_RESPONSES = "select count(*) from marts.fct_api_requests"
_CALLS = "select count(*) from marts.fct_tool_calls where is_complete"
_LINES = "select count(distinct document_id) from raw.conversations"

GIANTS: dict[str, Giant] = {
    "screenshots of 200 KB": Giant(screenshots, 40, 2_000, _CALLS, lambda count: count),
    "writes of 200 KB": Giant(
        writes, 30, 300, "select sum(lines_added) from marts.fct_tool_calls", lambda n: 3_300 * n
    ),
    "one line of so many MB": Giant(one_long_line, 8, 100, _RESPONSES, lambda _: 1, LONGEST_LINE_MIB),
    "one broken line of so many MB": Giant(broken_line, 8, 100, _RESPONSES, lambda _: 1, LONGEST_LINE_MIB),
    "a line of so many blocks": Giant(blocks, 5_000, 100_000, "select count(*) from raw.conversations", lambda n: n),
    "tiny lines": Giant(tiny_lines, 20_000, 1_000_000, _LINES, lambda count: count + 1),
    "objects on one line": Giant(objects_on_a_line, 10_000, 200_000, _LINES, lambda count: count + 1),
}


def write_giant(giant: Giant, path: Path, size: int) -> None:
    """Write a giant of this size as a transcript."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(giant.lines(size))
