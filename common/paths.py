"""Paths in the data directory and on the DuckDB volume. Nothing here opens a file."""

from dataclasses import dataclass
from pathlib import Path

from common.settings import Settings

DATABASE_FILE = "analytics.db"
"""The basename of all our DuckDB files: views keep the catalog's name, which is the file's stem."""


@dataclass(frozen=True)
class DuckDBVolume:
    """The folder that holds the work database, the published generations and the lock."""

    root: Path

    @property
    def work_database(self) -> Path:
        """The database being built; only the process with the pipeline lock opens it."""
        return self.root / "work" / DATABASE_FILE

    @property
    def generations(self) -> Path:
        """One folder per published generation, named by its number and never changed."""
        return self.root / "generations"

    def database_of(self, generation: int) -> Path:
        """Return the database of this published generation."""
        return self.generations / str(generation) / DATABASE_FILE

    @property
    def as_of(self) -> Path:
        """One folder per moment of `run --as-of`, each a separate data directory."""
        return self.root / "as-of"

    @property
    def current(self) -> Path:
        """The relative link to the newest published generation's folder."""
        return self.root / "current"

    @property
    def published_database(self) -> Path:
        """The database that readers open: `current/analytics.db`."""
        return self.current / DATABASE_FILE

    @property
    def well_known_database(self) -> Path:
        """`analytics.db` at the top of the volume, a relative link to the published database."""
        return self.root / DATABASE_FILE

    @property
    def statusline(self) -> Path:
        """The status line's figures, replaced after each publication."""
        return self.root / "statusline.json"

    @property
    def budgets(self) -> Path:
        """The budget figures for alerts, replaced after each publication."""
        return self.root / "budgets.json"

    @property
    def lock(self) -> Path:
        """The file whose flock means that a pipeline is running."""
        return self.root / "pipeline.lock"


@dataclass(frozen=True)
class DataPaths:
    """The data directory of the standalone mode."""

    root: Path
    duckdb: DuckDBVolume

    @classmethod
    def of(cls, settings: Settings) -> "DataPaths":
        """Return the paths for these settings."""
        return cls(settings.data_dir, DuckDBVolume(settings.duckdb_dir))

    @property
    def records(self) -> Path:
        """The record store of the standalone mode."""
        return self.root / "records" / "records.db"

    @property
    def iceberg(self) -> Path:
        """The SQLite catalog and the warehouse of the standalone mode."""
        return self.root / "iceberg"

    @property
    def report(self) -> Path:
        """The self-contained HTML report of the last published generation."""
        return self.root / "report.html"

    @property
    def vega(self) -> Path:
        """What Vega's tools rendered for the last report."""
        return self.root / "cache" / "vega"

    @property
    def report_sessions(self) -> Path:
        """The files beside the report from which it loads sessions and search results."""
        return self.root / "report_sessions"

    @property
    def demo_marker(self) -> Path:
        """The file that marks this directory as a demo's: its data is a generated sample."""
        return self.root / "demo"

    @property
    def plan_limits(self) -> Path:
        """The plan limits that Claude Code passed to the status line, a line per change."""
        return self.root / "plan_limits.jsonl"

    @property
    def statements(self) -> Path:
        """The closed monthly statements, a file per version. There is no other copy."""
        return self.root / "statements"

    @property
    def git_remotes(self) -> Path:
        """The git remotes read from repositories on this machine, a line per change."""
        return self.root / "git_remotes.jsonl"

    @property
    def cost_centres(self) -> Path:
        """The user's file of cost centres and budgets, unless COST_CENTRES_YAML names another."""
        return self.root / "cost-centres.yaml"

    @property
    def valid_cost_centres(self) -> Path:
        """The last valid copy of that file, used while the file is invalid."""
        return self.root / "cost-centres.last-valid.yaml"

    @property
    def logs(self) -> Path:
        """Log files, dbt's among them."""
        return self.root / "logs"
