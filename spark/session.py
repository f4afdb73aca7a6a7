"""The Spark session over the lake: the same REST catalog and object store that the loader writes to."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UsageError
from common.settings import Settings
from spark.udfs import FUNCTIONS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "lake"


def start_session(settings: Settings, folder: Path) -> "SparkSession":
    """Start Spark in this process, with the lake as its catalog and the functions that the dialect needs.

    Raises UsageError where the settings do not say where the lake or Iceberg's classes are.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 - lies in .venv-spark alone

    if settings.s3_endpoint:  # stores other than AWS do not know the checksums that its client sends unasked
        os.environ |= {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
        os.environ |= {"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}
    builder = SparkSession.builder.appName("claude-analytics").master(settings.spark_master)
    for name, value in (
        session_properties(folder) | engine_properties(settings) | catalog_properties(settings)
    ).items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    for name, (function, kind) in FUNCTIONS.items():
        session.udf.register(name, function, kind)
    session.sql(f"create schema if not exists {CATALOG}.default")  # where every connection begins
    return session


def session_properties(folder: Path) -> dict[str, str]:
    """Return what makes Spark's answers those of DuckDB, and lets every connection see the same views."""
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.legacy.sizeOfNull": "false",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.hive.thriftServer.singleSession": "true",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "scratch"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def engine_properties(settings: Settings) -> dict[str, str]:
    """Return memory, stack and the addresses that Spark listens on."""
    return {
        "spark.driver.memory": settings.spark_memory,
        # Java's regular expressions go one call deeper for each repetition: a command of 50 KB takes some MB of stack.
        "spark.driver.extraJavaOptions": "-Xss32m",
        "spark.executor.extraJavaOptions": "-Xss32m",
        "spark.driver.host": settings.spark_host,
        "spark.driver.bindAddress": settings.spark_host,
        "spark.sql.shuffle.partitions": str(settings.spark_partitions),
        "spark.hadoop.hive.server2.thrift.bind.host": settings.spark_host,
        "spark.hadoop.hive.server2.thrift.port": str(settings.spark_port),
    }


def catalog_properties(settings: Settings) -> dict[str, str]:
    """Return how Spark reaches the Iceberg tables."""
    if not settings.iceberg_rest_uri or not settings.spark_jars:
        raise UsageError(
            "Spark: expected ICEBERG_REST_URI and SPARK_JARS, found no value for one of them; set the address of the "
            "REST catalog, and the jar files of Iceberg's runtime for Spark 3.5 separated by commas"
        )
    prefix, catalog = settings.spark_iceberg_prefix or "", f"spark.sql.catalog.{CATALOG}"
    # Not spark.jars: Hive's server closes the loader of those classes with the first connection that ends.
    path = settings.spark_jars.replace(",", ":")
    properties = {
        "spark.driver.extraClassPath": path,
        "spark.executor.extraClassPath": path,
        "spark.sql.extensions": f"{prefix}org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.defaultCatalog": CATALOG,
        catalog: f"{prefix}org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "rest",
        f"{catalog}.uri": settings.iceberg_rest_uri,
        f"{catalog}.warehouse": settings.iceberg_warehouse,
        f"{catalog}.io-impl": f"{prefix}org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.http-client.type": "urlconnection",
        f"{catalog}.client.region": settings.s3_region,
        f"{catalog}.s3.path-style-access": "true",
        f"{catalog}.cache-enabled": "false",
    }
    return properties | {f"{catalog}.{name}": value for name, value in _access(settings).items()}


def _access(settings: Settings) -> dict[str, str]:
    access: dict[str, str] = {}
    if settings.s3_endpoint:
        access["s3.endpoint"] = settings.s3_endpoint
    if settings.iceberg_oauth2_server_uri:
        access |= {"oauth2-server-uri": settings.iceberg_oauth2_server_uri, "scope": "catalog"}
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        key, secret = settings.s3_access_key_id.get_secret_value(), settings.s3_secret_access_key.get_secret_value()
        access |= {"credential": f"{key}:{secret}", "s3.access-key-id": key, "s3.secret-access-key": secret}
    return access
