"""The generated sample: the same each time, every kind of line in it, and the damage that is meant."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cli.prices import SEED
from sample.transcripts import COMMENT, HALF, STRING, UNPRICED_MODEL, SampleStats, write_sample

UNTIL = date(2026, 6, 30)
Sample = tuple[Path, SampleStats]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    return folder, write_sample(folder, until=UNTIL)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


def raw_lines(folder: Path) -> Iterator[bytes]:
    for path in files(folder):
        yield from path.read_bytes().splitlines(keepends=True)


@cache
def lines(folder: Path) -> list[dict[str, Any]]:
    broken = {COMMENT, STRING, HALF, HALF + b"\n"}
    return [json.loads(line) for line in raw_lines(folder) if line not in broken]


def messages(folder: Path) -> list[dict[str, Any]]:
    wrapped = (line.get("data", {}).get("message", line) for line in lines(folder))
    return [line["message"] for line in wrapped if "message" in line]


def blocks(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = (
        block for message in messages(folder) if isinstance(message["content"], list) for block in message["content"]
    )
    return [block for block in found if block["type"] == kind]


def test_the_same_arguments_give_the_same_bytes(sample: Sample, tmp_path: Path) -> None:
    stats = write_sample(tmp_path, until=UNTIL)
    assert stats == sample[1]
    names = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert names == [path.relative_to(sample[0]) for path in sorted(sample[0].rglob("*")) if path.is_file()]
    assert all((tmp_path / name).read_bytes() == (sample[0] / name).read_bytes() for name in names)
    assert all((tmp_path / name).stat().st_mtime == (sample[0] / name).stat().st_mtime
               for name in names if name.suffix == ".jsonl")  # fmt: skip


def test_another_seed_gives_another_sample(sample: Sample, tmp_path: Path) -> None:
    assert write_sample(tmp_path, seed=8, until=UNTIL) != sample[1]


def test_every_line_is_an_object_but_those_that_are_meant_to_be_none(sample: Sample) -> None:
    assert all(isinstance(line, dict) for line in lines(sample[0]))
    counted = Counter(line for line in raw_lines(sample[0]) if line in {COMMENT, STRING, HALF, HALF + b"\n"})
    assert counted == {COMMENT: 1, STRING: 1, HALF: 1, HALF + b"\n": 1}


def test_the_statistics_are_what_is_there(sample: Sample) -> None:
    folder, stats = sample
    complete = [line for line in raw_lines(folder) if line.endswith(b"\n")]
    assert (stats.files, stats.lines) == (len(files(folder)), len(complete))
    assert stats.malformed == len(complete) - len(lines(folder))
    assert stats.half_written == sum(1 for line in raw_lines(folder) if not line.endswith(b"\n"))
    assert stats.sessions == len({line["sessionId"] for line in lines(folder) if "sessionId" in line})
    assert stats.tool_calls == len({block["id"] for block in blocks(folder, "tool_use")})
    answers = {message["id"] for message in messages(folder) if message.get("model") not in {None, "<synthetic>"}}
    assert stats.responses == len(answers)


def test_it_is_small_enough_for_a_demo(sample: Sample) -> None:
    assert 8_000 <= sample[1].lines <= 12_000


def test_every_kind_of_line_and_block_is_there(sample: Sample) -> None:
    kinds = {(line["type"], line.get("subtype")) for line in lines(sample[0])}
    assert {kind for kind, _ in kinds} >= {
        "user", "assistant", "system", "attachment", "progress", "queue-operation", "summary", "ai-title",
        "custom-title", "file-history-snapshot", "last-prompt", "mode", "permission-mode", "pr-link", "cost-state",
    }  # fmt: skip
    assert {subtype for _, subtype in kinds if subtype} >= {
        "compact_boundary", "api_error", "stop_hook_summary", "turn_duration", "local_command",
    }  # fmt: skip
    assert all(blocks(sample[0], kind) for kind in ("text", "thinking", "tool_use", "tool_result"))
    assert {line["data"]["type"] for line in lines(sample[0]) if "data" in line} == {"agent_progress", "bash_progress"}


@pytest.mark.parametrize(
    "tool",
    ["Bash", "Read", "Edit", "Write", "Grep", "Task", "Agent", "WebFetch", "TodoWrite", "Skill", "NotebookEdit",
     "mcp__tracker__get_issue", "LighthouseSweep"],
)  # fmt: skip
def test_tools_of_many_kinds_are_called(sample: Sample, tool: str) -> None:
    assert tool in {block["name"] for block in blocks(sample[0], "tool_use")}


def test_calls_fail_are_denied_and_stay_without_result(sample: Sample) -> None:
    results = {block["tool_use_id"]: block for block in blocks(sample[0], "tool_result")}
    assert any(block.get("is_error") for block in results.values())
    assert {block["id"] for block in blocks(sample[0], "tool_use")} - results.keys()
    kinds = {line["toolDenialKind"] for line in lines(sample[0]) if "toolDenialKind" in line}
    assert kinds == {"user-rejected", "permission-rule", "automode-blocked"}
    results_kept = [line["toolUseResult"] for line in lines(sample[0]) if isinstance(line.get("toolUseResult"), dict)]
    assert {key for kept in results_kept for key in kept.get("gitOperation", {})} == {"commit", "push", "pr"}


def test_a_response_of_several_lines_counts_its_output_up(sample: Sample) -> None:
    growing: dict[str, list[int]] = {}
    for message in messages(sample[0]):
        if message.get("model") not in {None, "<synthetic>"}:
            growing.setdefault(message["id"], []).append(message["usage"]["output_tokens"])
    several = [counts for counts in growing.values() if len(set(counts)) > 1]
    assert len(several) > 100
    assert all(max(counts) == counts[-1] or counts[-1] in counts[:-1] for counts in several)


def test_models_have_prices_but_the_one_that_is_meant_to_have_none(sample: Sample) -> None:
    used = {message["model"] for message in messages(sample[0]) if "model" in message} - {"<synthetic>"}
    priced = SEED.read_text(encoding="utf-8")
    assert {model for model in used if re.sub(r"-\d{8}$", "", model) not in priced} == {UNPRICED_MODEL}
    assert len(used) >= 5


def test_a_forked_session_repeats_lines_of_another_with_its_own_session_id(sample: Sample) -> None:
    sessions: dict[str, set[str]] = {}
    for line in lines(sample[0]):
        if "uuid" in line:
            sessions.setdefault(line["uuid"], set()).add(line["sessionId"])
    assert any(len(holders) == 2 for holders in sessions.values())


def test_sub_agents_have_transcripts_and_sidecars_of_their_own(sample: Sample) -> None:
    agents = list(sample[0].glob("*/*/subagents/agent-*.jsonl"))
    assert agents
    for path in agents:
        meta = json.loads(path.with_suffix(".meta.json").read_text(encoding="utf-8"))
        assert meta["toolUseId"] in {block["id"] for block in blocks(sample[0], "tool_use")}


def test_work_has_a_weekly_rhythm_and_ends_the_day_before(sample: Sample) -> None:
    days = [date.fromisoformat(line["timestamp"][:10]) for line in lines(sample[0]) if line["type"] == "assistant"]
    assert max(days) < UNTIL
    assert sum(day.weekday() >= 5 for day in days) < len(days) / 8
    assert len(set(days)) > 25


@pytest.mark.parametrize("days", [1, 3, 200])
def test_any_number_of_days_will_do(tmp_path: Path, days: int) -> None:
    stats = write_sample(tmp_path, days=days, until=UNTIL)
    assert stats.lines == sum(line.endswith(b"\n") for line in raw_lines(tmp_path))


def test_a_folder_with_files_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(FileExistsError, match="expected an empty folder"):
        write_sample(tmp_path, until=UNTIL)
