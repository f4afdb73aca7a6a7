"""The generated history: exact, the same each time, no copy like another, and as heavy as real ones are."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

import collector
from bench.history import UNTIL, History, default_large_file, write_history
from bench.pool import Pool
from bench.templates import Copy, session_templates
from records.sqlite_store import SqliteStore
from sample.transcripts import write_sample

LINES = 12_000


def written(folder: Path, lines: int, **options: Any) -> History:
    root = folder / "projects"
    root.mkdir(parents=True)
    return write_history(root, lines, **options)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """More than one copy of the sample; only to be read."""
    return written(tmp_path_factory.mktemp("history"), LINES, growths=2)


def transcripts(root: Path) -> list[Path]:
    return sorted(root.rglob("*.jsonl"))


@cache
def lines_of(root: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every line's length and content."""
    raw = (line for path in transcripts(root) for line in path.read_bytes().splitlines(keepends=True))
    return [(len(line), json.loads(line)) for line in raw]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_it_has_exactly_the_lines_that_were_asked_for(history: History) -> None:
    files = contents(history.root)
    assert history.lines == LINES == sum(content.count(b"\n") for name, content in files.items() if "jsonl" in name)
    assert history.notes == sum(name.endswith(".meta.json") for name in files)
    assert history.bytes == sum(map(len, files.values()))


def test_the_same_seed_gives_the_same_bytes_also_when_it_grows(tmp_path: Path) -> None:
    seeds = {"one": 7, "two": 7, "other": 8}
    first, again, other = (written(tmp_path / name, 1_500, seed=seed, growths=1) for name, seed in seeds.items())
    for history in (first, again, other):
        history.grow(100)
    assert contents(first.root) == contents(again.root) != contents(other.root)


def test_our_collector_takes_every_line_and_every_note_once(history: History, tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "records.db")) as store:
        collected = collector.collect(store, history.root, "host")
        assert (collected.lines, store.count_rejected()) == (history.documents, 0)
        assert store.count() == history.documents


def output_bytes(line: dict[str, Any]) -> int:
    """What a line holds of the output of tools."""
    content = line.get("message", {}).get("content")
    results = [block for block in content if block["type"] == "tool_result"] if isinstance(content, list) else []
    return sum(len(json.dumps(result)) for result in (results, line.get("toolUseResult", "")))


def test_what_tools_print_dominates_and_every_kind_of_weight_is_there(history: History) -> None:
    found = lines_of(history.root)
    assert 0.5 < sum(output_bytes(line) for _, line in found) / history.bytes < 0.9
    assert 1_500 < history.bytes / history.lines < 4_500
    assert max(length for length, _ in found) > 40_000
    assert any('"media_type": "image/png"' in json.dumps(line) for _, line in found)
    assert any(path.name.startswith("agent-") for path in transcripts(history.root))
    assert {line["type"] for _, line in found} >= {"user", "assistant", "system", "attachment", "progress"}


def test_one_session_is_long(history: History) -> None:
    longest = max(transcripts(history.root), key=lambda path: path.stat().st_size)
    assert longest.stat().st_size >= default_large_file(LINES)
    named = {line.get("sessionId", longest.stem) for line in map(json.loads, longest.read_bytes().splitlines())}
    assert named == {longest.stem}


def test_the_long_session_has_a_hundred_megabytes_from_a_million_lines_on(tmp_path: Path) -> None:
    assert [default_large_file(lines) for lines in (1_000_000, 5_000_000)] == [100_000_000] * 2
    chosen = written(tmp_path, 3_000, large_file=2_000_000)
    assert max(path.stat().st_size for path in transcripts(chosen.root)) >= 2_000_000
    assert chosen.lines == 3_000


def test_days_spread_over_a_year_and_end_where_they_should(history: History) -> None:
    days = {line["timestamp"][:10] for _, line in lines_of(history.root) if "timestamp" in line}
    assert max(days) < UNTIL.isoformat()
    assert min(days) < (UNTIL - timedelta(days=180)).isoformat()


def ids(line: dict[str, Any]) -> Iterator[str]:
    """What our models tell sessions, lines, responses and tool calls apart by."""
    message = line.get("message", {})
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    named = [line.get("sessionId"), line.get("uuid"), line.get("requestId"), message.get("id")]
    yield from filter(None, [*named, *(block.get("id") for block in blocks)])


def test_copies_share_no_id_and_no_long_text(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", days=6, until=UNTIL)
    templates = session_templates(tmp_path / "sample", Random(1))
    first, second = (
        [json.loads(line.fill(copy)) for session in templates for _, lines in session.files for line in lines]
        for copy in (Copy(number, timedelta(days=-number), Pool(number)) for number in range(2))
    )
    assert len(first) == len(second) > 500
    assert set.isdisjoint(*({name for line in copy for name in ids(line)} for copy in (first, second)))
    kinds = [Counter((line["type"], len(list(ids(line)))) for line in copy) for copy in (first, second)]
    assert kinds[0] == kinds[1]
    long = [{line["toolUseResult"]["stdout"] for line in copy if "stdout" in line.get("toolUseResult", "")}
            for copy in (first, second)]  # fmt: skip
    assert all(len(text) < 60 for text in set.intersection(*long))


def test_growing_adds_exact_lines_to_sessions_that_go_on_and_to_new_ones(tmp_path: Path) -> None:
    history = written(tmp_path, 2_000, growths=2)
    for number in range(2):
        before = contents(history.root)
        history.grow(300)
        after = contents(history.root)
        longer = {name for name, content in after.items() if name in before and content != before[name]}
        assert all(after[name].startswith(before[name]) for name in before)
        assert longer
        assert after.keys() > before.keys()
        added = b"".join(after[name][len(before.get(name, b"")) :] for name in after if name.endswith(".jsonl"))
        days = {json.loads(line).get("timestamp", "")[:10] for line in added.splitlines()} - {""}
        assert added.count(b"\n") == 300
        assert min(days) >= (UNTIL - timedelta(days=1)).isoformat()
        assert history.lines == 2_000 + 300 * (number + 1)
