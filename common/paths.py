"""Where things lie in the data directory and on the DuckDB volume. Paths only; nothing here opens a file."""

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
        """The database being built; only the holder of the pipeline lock opens it."""
        return self.root / "work" / DATABASE_FILE

    @property
    def generations(self) -> Path:
        """One folder per published generation, named by its number, never written again."""
        return self.root / "generations"

    def database_of(self, generation: int) -> Path:
        """The database that was published with this number."""
        return self.generations / str(generation) / DATABASE_FILE

    @property
    def as_of(self) -> Path:
        """One folder per moment whose figures were asked for, a data directory by itself."""
        return self.root / "as-of"

    @property
    def current(self) -> Path:
        """The relative link to the newest published generation's folder."""
        return self.root / "current"

    @property
    def published_database(self) -> Path:
        """What readers open: `current/analytics.db`."""
        return self.current / DATABASE_FILE

    @property
    def well_known_database(self) -> Path:
        """`analytics.db` at the top of the volume, a relative link to the published database."""
        return self.root / DATABASE_FILE

    @property
    def statusline(self) -> Path:
        """The few figures that the status line shows, replaced after each publication."""
        return self.root / "statusline.json"

    @property
    def budgets(self) -> Path:
        """What alerts are told of budgets, replaced after each publication."""
        return self.root / "budgets.json"

    @property
    def lock(self) -> Path:
        """The file whose flock means: a pipeline is running."""
        return self.root / "pipeline.lock"


@dataclass(frozen=True)
class DataPaths:
    """The data directory of the standalone mode."""

    root: Path
    duckdb: DuckDBVolume

    @classmethod
    def of(cls, settings: Settings) -> "DataPaths":
        """The paths that these settings lead to."""
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
        """What Vega's tools made for the last report."""
        return self.root / "cache" / "vega"

    @property
    def report_sessions(self) -> Path:
        """The files beside the report, from which it loads sessions and searches."""
        return self.root / "report_sessions"

    @property
    def demo_marker(self) -> Path:
        """The file that says that a demo made this directory: what it holds is a generated sample."""
        return self.root / "demo"

    @property
    def plan_limits(self) -> Path:
        """What Claude Code told the status line of the plan's limits, a line per change."""
        return self.root / "plan_limits.jsonl"

    @property
    def statements(self) -> Path:
        """The closed monthly statements, a file per version. Nothing else holds them."""
        return self.root / "statements"

    @property
    def git_remotes(self) -> Path:
        """The remotes that were read in repositories on this machine, a line per change."""
        return self.root / "git_remotes.jsonl"

    @property
    def cost_centres(self) -> Path:
        """The user's file of cost centres and budgets, unless COST_CENTRES_YAML names another."""
        return self.root / "cost-centres.yaml"

    @property
    def valid_cost_centres(self) -> Path:
        """A copy of that file as it was last valid, which is used while it is not."""
        return self.root / "cost-centres.last-valid.yaml"

    @property
    def logs(self) -> Path:
        """Log files, dbt's among them."""
        return self.root / "logs"
