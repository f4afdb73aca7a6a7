"""Writes a generated sample: the transcripts of one invented person over some weeks, laid out as Claude Code does it.

The same seed, days and last day give the same bytes. Nothing in it is taken from anybody's transcripts. A few lines are
broken on purpose, as they are in real ones.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from sample.content import PROJECTS
from sample.session import Session, request_for
from sample.thread import Line

_SESSIONS_PER_DAY = 1.2
_WEEKDAYS = (1.0, 1.15, 1.1, 1.0, 0.75, 0.14, 0.1)
_HOURS = {7: 2, 8: 7, 9: 12, 10: 11, 11: 7, 12: 3, 13: 7, 14: 11, 15: 10, 16: 7, 17: 4, 19: 2, 20: 4, 21: 3, 22: 1}
_MODELS = (("claude-opus-4-8", 0.58), ("claude-sonnet-4-6", 0.3), ("claude-haiku-4-5-20251001", 0.12))
_OLD_MODELS = (("claude-opus-4-6", 0.6), ("claude-sonnet-4-5-20250929", 0.4))
UNPRICED_MODEL = "claude-tundra-preview"
"""One session uses it: no price table knows it."""

COMMENT = b"// exported by hand\n"
STRING = b'"a line that is JSON and no object"\n'
HALF = b'{"type":"assistant","uuid":"00000000-0000-4000-8000-0000000000'


@dataclass(frozen=True)
class SampleStats:
    """What was written."""

    files: int
    sessions: int
    lines: int
    """Complete lines."""
    malformed: int
    """Of these, lines that hold no JSON object."""
    half_written: int
    """Files whose last line is not complete."""
    responses: int
    """API responses, each counted once."""
    tool_calls: int


def write_sample(target: Path, *, seed: int = 7, days: int = 60, until: date) -> SampleStats:
    """Write transcripts of the `days` days before `until` below `target`, which must be empty or missing."""
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target}: expected an empty folder, found files; give another one")
    random = Random(seed)  # noqa: S311 - the point is that it repeats
    sessions = [_session(random, moment, until - timedelta(days // 2)) for moment in _starts(random, days, until)]
    sessions[len(sessions) // 2].thread.model = UNPRICED_MODEL
    for session in sessions:
        _play(random, session)
    sessions += [_forked(random, session) for session in [session for session in sessions if session.is_recent][-8::6]]
    files = {path: lines for session in sessions for path, lines in _files(target, session)}
    for path, lines in files.items():
        _write(path, lines)
    _damage(sorted(files), newest=next(_files(target, sessions[-1]))[0])
    for path, lines in files.items():
        _date(path, lines)
    return SampleStats(len(files), len(sessions), malformed=3, half_written=1, **_count(files.values()))


def _starts(random: Random, days: int, until: date) -> list[datetime]:
    """When sessions start: working hours, few at weekends, more as time goes by, and one week away."""
    away = range(days * 11 // 20, days * 11 // 20 + 7)
    all_days = [until - timedelta(days - index) for index in range(days)]
    weights = [
        0.03 if index in away else _WEEKDAYS[day.weekday()] * (0.6 + 0.8 * index / days)
        for index, day in enumerate(all_days)
    ]
    starts = []
    for day in random.choices(all_days, weights, k=math.ceil(days * _SESSIONS_PER_DAY)):
        hour = random.choices(list(_HOURS), list(_HOURS.values()))[0]
        seconds = timedelta(hours=hour, milliseconds=random.randrange(3_600_000))
        starts.append(datetime(day.year, day.month, day.day, tzinfo=UTC) + seconds)
    return sorted(starts)


def _session(random: Random, moment: datetime, since: date) -> Session:
    """A session of the newer kind from this day on."""
    project = random.choices(PROJECTS, [project.share for project in PROJECTS])[0]
    is_recent = moment.date() >= since
    models = _MODELS if is_recent else _OLD_MODELS
    model = random.choices([name for name, _ in models], [share for _, share in models])[0]
    return Session.start(random, project, moment, is_recent=is_recent, model=model)


def _play(random: Random, session: Session) -> None:
    """A session from start to end: some turns, pauses between them, at the end often a commit."""
    session.open()
    for turn in range(random.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 11))):
        session.turn(request_for(random, session.project, turn))
        session.thread.wait(15, random.choice((60, 200, 900)))
        if random.random() < 0.012:
            session.thread.compact("manual")
    if random.random() < 0.12:
        session.fail()
    if random.random() < 0.45:
        session.ship()
    session.close()


def _forked(random: Random, session: Session) -> Session:
    twin = session.fork()
    twin.turn(request_for(random, session.project, 0))
    twin.close()
    return twin


def _files(target: Path, session: Session) -> Iterator[tuple[Path, list[Line]]]:
    folder, name = target / session.project.folder, session.thread.session_id
    yield folder / f"{name}.jsonl", session.lines
    for agent in session.agents:
        path = folder / name / "subagents" / f"agent-{agent.agent_id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".meta.json").write_text(json.dumps(agent.meta), encoding="utf-8")
        yield path, agent.lines


def _write(path: Path, lines: list[Line]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def _damage(paths: list[Path], newest: Path) -> None:
    """What goes wrong in real folders: a comment, JSON that is no object, a write cut short, one that is under way."""
    paths[0].write_bytes(COMMENT + paths[0].read_bytes())
    for path, damage in ((paths[len(paths) // 2], STRING), (paths[-1], HALF + b"\n"), (newest, HALF)):
        with path.open("ab") as file:
            file.write(damage)


def _date(path: Path, lines: list[Line]) -> None:
    """The file was last written when its last line was."""
    last = max(line["timestamp"] for line in lines if "timestamp" in line)
    seconds = datetime.fromisoformat(last).timestamp()
    os.utime(path, (seconds, seconds))


def _count(files: Iterable[list[Line]]) -> dict[str, int]:
    lines, responses, tool_calls = 3, set(), set()
    for file in files:
        lines += len(file)
        for line in file:
            wrapped = line.get("data", {}).get("message", line)
            message = wrapped.get("message", {})
            if wrapped["type"] == "assistant" and message["model"] != "<synthetic>":
                responses.add(message["id"])
                tool_calls |= {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    return {"lines": lines, "responses": len(responses), "tool_calls": len(tool_calls)}
