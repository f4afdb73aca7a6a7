"""Settings of the optional Spark server, which a single host does not need (docs/spark.md)."""

from pydantic import Field
from pydantic_settings import BaseSettings


class SparkSettings(BaseSettings):
    """Spark's address, its limits and the location of Iceberg's classes."""

    spark_host: str = "127.0.0.1"
    spark_port: int = Field(default=10000, ge=1, le=65535)
    spark_master: str = "local[*]"
    spark_memory: str = Field(default="2g", pattern=r"(?i)^\d+[kmgt]b?$")
    spark_partitions: int = Field(default=8, ge=1)
    spark_jars: str | None = None  # jar files, separated by commas
    spark_iceberg_prefix: str | None = Field(
        default=None, pattern=r"^([A-Za-z0-9_]+\.)+$"
    )  # of a jar that relocated its classes
