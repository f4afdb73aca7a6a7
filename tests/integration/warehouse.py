"""A work database with the usage models, and the lines that tests fill it with."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from common.paths import DataPaths
from common.settings import load_settings
from loader.raw_rows import RawRows
from loader.raw_schema import create_raw
from records.lines import fingerprint, identity, parse
from scheduler.dbt_project import DbtOutcome, DbtProject
from scheduler.work_database import connect
from verify.files import transcript_files

Line = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = (
    "agg_daily_usage",
    "agg_session_usage",
    "agg_agent_usage",
    "agg_usage_blocks",
    "agg_usage_quality",
    "dim_models",
)
USAGE = ("+fct_api_requests", *(f"+{table}" for table in TABLES), "+agg_project_usage", "+agg_tool_usage_cost")
COMPARED = (*USAGE, "+dim_sessions", "+fct_tool_calls", "+fct_prompts", "+fct_commits", "+agg_session_metrics")
"""What the second count is compared with."""
INCOMING = pa.schema(
    [(name, pa.string()) for name in ("document_id", "session_id", "uuid", "type", "project_id", "source_file", "host")]
    + [
        ("ingested_at", pa.timestamp("us", "UTC")),
        ("extracted_at", pa.timestamp("us", "UTC")),
        ("byte_offset", pa.int64()),
        ("document", pa.string()),
    ]
)


class Warehouse:
    """A work database that gets loads of transcript lines, and dbt to build the usage models in it."""

    def __init__(self, folder: Path) -> None:
        self.settings = load_settings(data_dir=folder, timezone="Europe/Berlin", dbt_target="prod")
        self.volume = DataPaths.of(self.settings).duckdb
        self.dbt = DbtProject(ROOT / "dbt", self.volume, self.settings)
        self.empty()

    def empty(self) -> None:
        """Begin again, with a database of empty raw tables."""
        self.volume.work_database.unlink(missing_ok=True)
        create_raw(self.volume.work_database)
        self.loads = 0
        self._built: tuple[int, tuple[str, ...]] | None = None
        self.repetitions: Counter[tuple[str, bytes]] = Counter()

    def copy(self, folder: Path) -> "Warehouse":
        """Return one in this folder that goes on from here."""
        copy = Warehouse(folder)
        shutil.copy(self.volume.work_database, copy.volume.work_database)
        copy.loads, copy.repetitions = self.loads, self.repetitions.copy()
        return copy

    def load(self, lines: Sequence[tuple[str, bytes] | tuple[str, bytes, int]]) -> None:
        """One load: the lines with their files, perhaps their places in these, flattened as the loader does it."""
        self.loads += 1
        rows: dict[str, Line] = {}
        for row in (self._row(*line) for line in lines):
            rows.setdefault(row["document_id"], row)
        with closing(connect(self.volume.work_database)) as connection:
            incoming = pa.Table.from_pylist(list(rows.values()), schema=INCOMING)
            RawRows(connection, 2000).add(incoming, self.loads)

    def _row(self, source_file: str, raw: bytes, offset: int | None = None) -> Line:
        (line,) = parse(raw)
        at, stem, print_ = datetime(2026, 6, 1, tzinfo=UTC), Path(source_file).stem, fingerprint(line.raw)
        repetition = self.repetitions[source_file, print_]
        self.repetitions[source_file, print_] += 1
        return {
            "document_id": identity(line, print_, stem, repetition),
            "project_id": source_file.partition("/")[0],
            "source_file": source_file,
            "host": "here",
            "ingested_at": at,
            "extracted_at": at,
            "byte_offset": offset,
            "document": line.raw.decode("utf-8", "replace"),
        }

    def reject(self, source_file: str, raw: bytes) -> None:
        """Note a line that cannot be parsed, as the loader copies it from the collector's."""
        (line,) = parse(raw)
        row = [identity(line, fingerprint(line.raw), Path(source_file).stem, 0), source_file, line.reason]
        with closing(connect(self.volume.work_database)) as connection:
            connection.execute(
                "insert into raw.dead_letters by name select ? as document_id, ? as source_file, ? as reason", row
            )

    def mark_collected(self, projects: Path) -> None:
        """Note every transcript as read to its end."""
        files = [(name, path.stat().st_size) for name, path in transcript_files([projects]).items()]
        with closing(connect(self.volume.work_database)) as connection:
            connection.executemany(
                "insert into raw.transcript_files by name"
                " select ? as source_file, ? as read_bytes, now() as collected_at, 0 as resets",
                files,
            )

    def begin_with_seeds(self) -> None:
        """Begin again, with a database of empty raw tables and the seeds."""
        seeded = self.volume.work_database.with_suffix(".seeded")
        self.empty()
        if seeded.exists():
            shutil.copy(seeded, self.volume.work_database)
        else:
            self.build("resource_type:seed", command="seed")
            shutil.copy(self.volume.work_database, seeded)

    def build(
        self,
        *select: str,
        command: str = "run",
        env: dict[str, str] | None = None,
        full: bool = False,
        tests: bool = True,
    ) -> DbtOutcome:
        """Build models; fails with what dbt says. It goes on from the build before, if that was of the same models.

        The command `build` builds seeds as well, and tests what it built unless told otherwise.
        """
        built, self._built = self._built, None
        if built and built[1] == select and env is None and not full:
            env = {"BUILT_LOAD_ID": str(built[0])}
        # without the manifest, which nobody reads here and takes longer to write than some models
        args = [command, "--no-write-json", "--select", *(select or USAGE), *(["--full-refresh"] if full else [])]
        if command == "build":  # without the tests of tables that are not built here
            args += ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
            args += [] if tests else ["--exclude-resource-type", "test"]
        outcome = self.dbt.invoke(args, env=env)
        assert outcome.success, outcome.error or [node.message for node in outcome.failures]
        self._built = (self.loads, select)
        return outcome

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the work database."""
        with duckdb.connect(str(self.volume.work_database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def usage(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the usage tables say, but for the numbers of the loads."""
        facts = self.rows("select * exclude (load_id) from marts.fct_api_requests order by request_key")
        return {"facts": facts} | {table: sorted(self.rows(f"from marts.{table}"), key=repr) for table in TABLES}


def answer(message: str | None, output: int = 5, *, session: str = "s1", minute: int = 0, **more: Any) -> Line:
    """An assistant line, some minutes into 28 March 2026, 22:30 UTC: half an hour before Berlin's short day begins."""
    at = datetime(2026, 3, 28, 22, 30, tzinfo=UTC) + timedelta(minutes=minute)
    usage = {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 1000, **more.pop("usage", {})}
    inner = {"id": message, "model": "claude-opus-4-6", "content": [], "stop_reason": None, "usage": usage, **more}
    return {
        "type": "assistant",
        "uuid": f"{message}-{session}-{minute}-{output}",
        "sessionId": session,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "message": inner,
    }


def prompt(session: str, minute: int) -> Line:
    """What a person typed."""
    return answer(None, session=session, minute=minute) | {"type": "user", "message": {"role": "user", "content": "hi"}}


def remembered(display: str, minute: int, **more: Any) -> Line:
    """A line of Claude Code's history of prompts."""
    at = datetime.fromisoformat(prompt("s", minute)["timestamp"]) + timedelta(seconds=2)
    known = {
        "display": display,
        "pastedContents": {},
        "timestamp": int(at.timestamp() * 1000),
        "project": "/home/me/shop",
    }
    return known | more


def replay(line: Line, session: str) -> Line:
    """A sub-agent's line inside its parent's progress line."""
    inner = {key: line[key] for key in ("type", "uuid", "timestamp", "message")}
    return {"type": "progress", "sessionId": session, "data": {"type": "agent_progress", "message": inner}}


def copied(line: Line, session: str) -> Line:
    """A line as a fork has it: in another session, and otherwise the same."""
    return line | {"sessionId": session}


def in_file(source_file: str, *lines: Line) -> list[tuple[str, bytes]]:
    """Lines with the file that they stand in."""
    return [(source_file, json.dumps(line).encode()) for line in lines]
