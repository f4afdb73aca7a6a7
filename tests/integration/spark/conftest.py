"""A lake that a run filled, and a Spark server over it: where Java, `.venv-spark` and Iceberg's jar are there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.mongo_server import free_port
from common.settings import Settings
from tests.integration.weed import rest_catalog

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-spark" / "bin" / "python"
TIMEZONE = "Europe/Berlin"
START_SECONDS = 600
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A process that lives for minutes gains nothing from Java's second compiler and its collector's threads."""
SPARK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.ui.liveUpdate.period": "1h",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.maxPlanStringLength": "1000",
}
"""Hundreds of statements over a small history: planning, compiling and keeping book take longer than running them."""


@dataclass(frozen=True)
class SparkLake:
    """A data directory that a run filled, the settings that reach its lake, and the environment of every command."""

    settings: Settings
    environment: dict[str, str]

    def spark(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Run `analytics spark ARGS...` as the launcher does."""
        command = [str(PYTHON), "-P", "-m", "spark", *args]
        return subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def spark_jars() -> str:
    """The jar with Iceberg's classes; skips where something of Spark is missing."""
    jars = os.environ.get("CLAUDE_ANALYTICS_SPARK_JARS", "")
    if not jars:
        pytest.skip("CLAUDE_ANALYTICS_SPARK_JARS does not name Iceberg's jar for Spark 3.5")
    if not shutil.which("java"):
        pytest.skip("Java is not installed")
    if not (PYTHON.parent.parent / "analytics.stamp").exists():
        pytest.skip("there is no .venv-spark; `./analytics spark --help` makes it")
    return jars


@contextmanager
def spark_over(projects: Path, folder: Path, jars: str) -> Iterator[SparkLake]:
    """Run the pipeline over these transcripts into a REST catalog, and serve it with Spark."""
    with rest_catalog(folder) as settings:
        lake = SparkLake(settings, _environment(settings, folder, jars))
        command = [sys.executable, "-P", "-m", "cli", "run", "--transcripts", str(projects)]
        done = subprocess.run(command, env=lake.environment, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
        log = folder / "spark.log"
        with log.open("wb") as written:
            server = subprocess.Popen(
                [str(PYTHON), "-P", "-m", "spark", "serve"],
                env=lake.environment,
                cwd=folder,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        try:
            _await_answer(server, log)
            yield lake
        finally:
            server.terminate()
            server.wait(120)


def _environment(settings: Settings, folder: Path, jars: str) -> dict[str, str]:
    assert settings.iceberg_rest_uri
    assert settings.iceberg_oauth2_server_uri
    assert settings.s3_endpoint
    assert settings.s3_access_key_id
    assert settings.s3_secret_access_key
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in SPARK.items()))
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": str(PYTHON),
        "DATA_DIR": str(folder / "run"),
        "TIMEZONE": TIMEZONE,
        "HOST_NAME": "test",
        "ICEBERG_REST_URI": settings.iceberg_rest_uri,
        "ICEBERG_OAUTH2_SERVER_URI": settings.iceberg_oauth2_server_uri,
        "S3_ENDPOINT": settings.s3_endpoint,
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": settings.s3_secret_access_key.get_secret_value(),
        "SPARK_JARS": jars,
        "SPARK_ICEBERG_PREFIX": os.environ.get("CLAUDE_ANALYTICS_SPARK_PREFIX", ""),
        "SPARK_MASTER": "local[2]",
        "SPARK_PARTITIONS": "1",
        "SPARK_CONF_DIR": str(folder),
        "JAVA_TOOL_OPTIONS": JAVA,
        "SPARK_PORT": str(free_port()),
    }


def _await_answer(server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "Spark answers on" not in log.read_text(encoding="utf-8", errors="replace"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-3000:])
        time.sleep(0.5)
