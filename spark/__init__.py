"""Optional: the same dbt project on Apache Spark, over the same Iceberg tables (docs/spark.md)."""
