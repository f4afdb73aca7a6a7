"""A history and its database, in copies of which faults are planted: `verify` has to find each."""

import shutil
from contextlib import closing
from pathlib import Path

import duckdb

from tests.integration.warehouse import COMPARED, Warehouse
from verify.compare import verify
from verify.report import VerifyReport


class Built:
    """The transcripts and the database that the pipeline made of them."""

    def __init__(self, folder: Path, history: list[tuple[str, bytes]], damaged: dict[str, bytes] | None = None) -> None:
        self.folder, self.projects = folder, folder / "projects"
        for name, raw in history:
            path = self.projects / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(raw + b"\n")
        self.warehouse = Warehouse(folder / "data")
        with closing(self.warehouse.dbt):
            self.warehouse.load(history)
            self._damage(damaged or {})
            self.warehouse.mark_collected(self.projects)
            self.warehouse.build("resource_type:seed", *COMPARED, command="build", tests=False)

    def _damage(self, damaged: dict[str, bytes]) -> None:
        for name, raw in damaged.items():
            with (self.projects / name).open("ab") as file:
                file.write(raw + b"\n")
            self.warehouse.reject(name, raw)

    def with_fault(
        self,
        *statements: str,
        projects: Path | None = None,
        timezone: str = "Europe/Berlin",
        own_prices: Path | None = None,
    ) -> VerifyReport:
        """Compare with a copy of the database in which these statements were run."""
        path = self.folder / "faulty.db"
        shutil.copy(self.warehouse.volume.work_database, path)
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return verify(path, [projects or self.projects], timezone, own_prices)
