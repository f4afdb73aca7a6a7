"""What the work database and the published one were built from: decides what a run may skip, and what it must rebuild.

The note is beside the work database, so that deleting that folder deletes the note, too.
"""

import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb

from common.duckdb_files import open_read_only
from common.paths import DuckDBVolume
from scheduler.dbt_project import DbtProject
from scheduler.publish import Generation

Facts = dict[str, Any]

_DEFINITION = ("project_fingerprint", "dbt_vars", "dbt_target", "table_uuid")
"""A change of any of these may affect every row of the models; a new load_id only adds rows."""


def read_facts(volume: DuckDBVolume, project: DbtProject) -> Facts:
    """Return the facts that a build would have now."""
    load_id, table_uuid, loaded_at = _newest_load(volume.work_database)
    return {
        "load_id": load_id,
        "loaded_at": loaded_at,
        "table_uuid": table_uuid,
        "project_fingerprint": project.fingerprint(),
        "dbt_vars": project.vars,
        "dbt_target": project.target,
    }


def is_published(facts: Facts, generation: Generation | None) -> bool:
    """Return whether a build would produce what is published already."""
    return generation is not None and all(generation.facts.get(name) == value for name, value in facts.items())


class BuildNote:
    """The note beside the work database: how its models were built, and which refresh saw which generation."""

    def __init__(self, volume: DuckDBVolume) -> None:
        self._path = volume.work_database.with_name("build.json")

    def built_load_id(self, facts: Facts) -> int | None:
        """Return the load that every model is complete and tested for; None if these facts need a full build."""
        built = self._read().get("built")
        if built is None or any(built.get(name) != facts.get(name) for name in _DEFINITION):
            return None
        return int(built["load_id"])

    def is_built(self, facts: Facts) -> bool:
        """Return whether the models are complete and tested for these facts."""
        built = self._read().get("built")
        return built is not None and all(built.get(name) == value for name, value in facts.items())

    def forget_build(self) -> None:
        """Record that the models may be incomplete: a build has started, or the raw tables are loaded again."""
        self._write(self._read() | {"built": None})

    def ask_for_every_test(self) -> None:
        """Record that the next build is a full one, with separate tests."""
        self._write(self._read() | {"built": None, "every_test": True})

    def wants_every_test(self) -> bool:
        """Return whether the next build should run every test separately."""
        return bool(self._read().get("every_test"))

    def remember_build(self, facts: Facts) -> None:
        """Record that the models are complete for these facts."""
        self._write(self._read() | {"built": facts, "every_test": False})

    def is_refreshed(self, name: str, generation: Generation) -> bool:
        """Return whether this refresh has succeeded for this generation."""
        refreshed = self._read().get("refreshed", {}).get(name)
        return bool(refreshed == [generation.number, generation.created_at.isoformat()])

    def remember_refresh(self, name: str, generation: Generation) -> None:
        """Record that this refresh need not run again until the next generation."""
        note = self._read()
        seen = note.get("refreshed", {}) | {name: [generation.number, generation.created_at.isoformat()]}
        self._write(note | {"refreshed": seen})

    def _read(self) -> Facts:
        with suppress(FileNotFoundError, ValueError):
            note = json.loads(self._path.read_text(encoding="utf-8"))
            return note if isinstance(note, dict) else {}
        return {}

    def _write(self, note: Facts) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(note), encoding="utf-8")
        new.replace(self._path)


def _newest_load(database: Path) -> tuple[int, str | None, str | None]:
    """Return load id, Iceberg table and moment of the newest load; 0 and None before the first.

    The moment distinguishes two loads of the same number: a new work database restarts with the first.
    """
    if not database.exists():
        return 0, None, None
    sql = "select max(load_id), arg_max(table_uuid, load_id), arg_max(loaded_at, load_id)::varchar from raw.loads"
    with closing(open_read_only(database)) as connection, suppress(duckdb.CatalogException):
        row = connection.execute(sql).fetchone()
        if row and row[0] is not None:
            return int(row[0]), row[1], row[2]
    return 0, None, None
