"""Where the published database is, by the settings that common.settings reads, without loading pydantic.

Only the few settings that a reader needs, as text; a test holds both readers equal.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from common.errors import UsageError

_DEFAULT_DATA_DIR = "~/.local/share/claude-analytics"
_DEFAULT_MEMORY_LIMIT = "512MB"


class Places:
    """The data directory and the DuckDB volume. No dataclass: they load `inspect`, which costs the status line time."""

    def __init__(self, data_dir: Path, volume: Path, memory_limit: str) -> None:
        self.data_dir, self.volume, self.memory_limit = data_dir, volume, memory_limit

    @property
    def published_database(self) -> Path:
        """What readers open."""
        return self.volume / "current" / "analytics.db"

    @property
    def manifest(self) -> Path:
        """What the published generation was built from."""
        return self.volume / "current" / "manifest.json"

    @property
    def statusline(self) -> Path:
        """The few figures that the status line shows."""
        return self.volume / "statusline.json"

    @property
    def plan_limits(self) -> Path:
        """What Claude Code told the status line of the plan's limits."""
        return self.data_dir / "plan_limits.jsonl"

    @property
    def statements(self) -> Path:
        """The closed monthly statements."""
        return self.data_dir / "statements"

    @property
    def demo_marker(self) -> Path:
        """Exists where a demo made the data directory."""
        return self.data_dir / "demo"


def find_places(data: Path | None, *, dotenv: bool = True) -> Places:
    """Return the places that `--data`, the environment and `.env` name, in that order.

    Without `dotenv` no `.env` is read: Claude Code starts its status line in whatever folder it works in.
    """
    file = _env_file() if dotenv else {}
    folder = _path(str(data)) if data else _path(setting("data_dir", file) or _DEFAULT_DATA_DIR)
    database = setting("duckdb_path", file)
    volume = _path(database).parent if database else folder / "duckdb"
    return Places(folder, volume, setting("duckdb_memory_limit", file) or _DEFAULT_MEMORY_LIMIT)


def setting(name: str, file: Mapping[str, str | None]) -> str | None:
    """Return a setting's text: NAME, or what the file at NAME_FILE holds; the environment goes before `.env`."""
    environment = {key.lower(): value for key, value in os.environ.items()}
    for given in (environment, file):
        if value := given.get(name) or _from_file(name, given.get(f"{name}_file")):
            return value
    return None


def _env_file() -> dict[str, str | None]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key.lower(): value for key, value in dotenv_values(".env", encoding="utf-8").items()}
    except UnicodeDecodeError:
        raise UsageError(".env: expected text in UTF-8; write the file again, or rename it") from None


def _from_file(name: str, path: str | None) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        name, why = name.upper(), error.strerror
        raise UsageError(f"{name}_FILE={path}: cannot read it ({why}); check that it exists") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name.upper()}_FILE={path}: expected text in UTF-8; write the file again") from None


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise UsageError(f"{text}: expected a path; after ~, nothing or a user of this machine") from None
