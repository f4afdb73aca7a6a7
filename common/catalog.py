"""The Iceberg catalog and tables of namespace `raw`: REST where ICEBERG_REST_URI is set, else SQLite on local files."""

from typing import Any

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import BinaryType, IntegerType, LongType, NestedField, StringType, TimestamptzType
from sqlalchemy import URL

from common.moved_lake import bring_home
from common.paths import DataPaths
from common.settings import Settings

NAMESPACE = "raw"
CONVERSATIONS = f"{NAMESPACE}.conversations"
DEAD_LETTERS = f"{NAMESPACE}.dead_letters"
TRANSCRIPT_FILES = f"{NAMESPACE}.transcript_files"
FORGOTTEN = f"{NAMESPACE}.forgotten"

CONVERSATIONS_SCHEMA = Schema(
    NestedField(1, "document_id", StringType(), required=True, doc="made from the line; or a MongoDB _id"),
    NestedField(2, "session_id", StringType(), doc="sessionId of the line"),
    NestedField(3, "uuid", StringType(), doc="uuid of the line"),
    NestedField(4, "type", StringType(), doc="type of the line"),
    NestedField(5, "project_id", StringType(), doc="folder below projects/ that held the transcript"),
    NestedField(6, "source_file", StringType(), doc="transcript, relative to the transcripts directory"),
    NestedField(7, "host", StringType(), doc="machine that the line was collected on"),
    NestedField(8, "ingested_at", TimestamptzType(), doc="when the line reached the record store"),
    NestedField(9, "extracted_at", TimestamptzType(), required=True, doc="when the document was appended; never falls"),
    NestedField(10, "document", StringType(), required=True, doc="the line; without byte_offset, a document as JSON"),
    NestedField(11, "byte_offset", LongType(), doc="where the line starts in its file; null where it is not known"),
    NestedField(12, "exact_line", BinaryType(), doc="the bytes of a line that is not valid UTF-8, else null"),
    schema_id=0,
)

DEAD_LETTERS_SCHEMA = Schema(
    NestedField(1, "document_id", StringType(), required=True, doc="the same whenever the same line is read again"),
    NestedField(2, "project_id", StringType(), doc="folder below projects/ that held the transcript"),
    NestedField(3, "source_file", StringType(), doc="transcript, relative to the transcripts directory"),
    NestedField(4, "host", StringType(), doc="machine that the line was read on"),
    NestedField(5, "byte_offset", LongType(), doc="where the line starts in the file"),
    NestedField(6, "line_bytes", LongType(), doc="length of the line"),
    NestedField(7, "reason", StringType(), doc="why it could not be parsed"),
    NestedField(8, "line", StringType(), doc="the line's first MiB, bytes that are not UTF-8 replaced"),
    NestedField(9, "ingested_at", TimestamptzType(), doc="when it was rejected"),
    NestedField(10, "exact_line", BinaryType(), doc="the bytes of a line that `line` does not show whole, else null"),
    schema_id=0,
)

TRANSCRIPT_FILES_SCHEMA = Schema(
    NestedField(1, "host", StringType(), doc="machine that the file was read on"),
    NestedField(2, "source_file", StringType(), doc="transcript, relative to the transcripts directory"),
    NestedField(3, "project_id", StringType(), doc="folder below projects/ that held the transcript"),
    NestedField(4, "read_bytes", LongType(), doc="bytes read up to the end of the last complete line"),
    NestedField(5, "lines", LongType(), doc="complete lines that are not blank"),
    NestedField(6, "dead_letters", LongType(), doc="of these, rejected lines"),
    NestedField(7, "duplicates", LongType(), doc="of these, lines whose document was there already"),
    NestedField(8, "status", StringType(), doc="ok, missing, unreadable"),
    NestedField(9, "error", StringType(), doc="why the file could not be read"),
    NestedField(10, "modified_at", TimestamptzType(), doc="modification time at the last read"),
    NestedField(11, "collected_at", TimestamptzType(), doc="when what is known of the file last changed"),
    NestedField(12, "resets", IntegerType(), doc="times the file was truncated or replaced"),
    NestedField(13, "state", StringType(), doc="all that the record store knows of the file, as JSON"),
    NestedField(14, "person", StringType(), doc="who works on the machine; in the row of the directory itself"),
    schema_id=0,
)

FORGOTTEN_SCHEMA = Schema(
    NestedField(1, "request_id", StringType(), required=True, doc="the request to forget that the row belongs to"),
    NestedField(2, "mark", StringType(), doc="a keyed hash of a line, a session or a file; null in a request's row"),
    NestedField(3, "request", StringType(), doc="the request as JSON: who, when, kind, counts; null in a mark's row"),
    schema_id=0,
)

_BY_MONTH = PartitionSpec(PartitionField(8, 1000, MonthTransform(), "ingested_month"))
_TABLES: dict[str, tuple[Schema, PartitionSpec]] = {
    CONVERSATIONS: (CONVERSATIONS_SCHEMA, _BY_MONTH),
    DEAD_LETTERS: (DEAD_LETTERS_SCHEMA, PartitionSpec()),
    TRANSCRIPT_FILES: (TRANSCRIPT_FILES_SCHEMA, PartitionSpec()),
    FORGOTTEN: (FORGOTTEN_SCHEMA, PartitionSpec()),
}
_PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "commit.manifest-merge.enabled": "true",  # otherwise each append leaves a manifest, and each scan opens all of them
    "commit.manifest.min-count-to-merge": "16",
}


def open_catalog(settings: Settings) -> Catalog:
    """Return the configured catalog. The SQLite one is created if missing, and updated if its directory was moved.

    Raises AnalyticsError if the data directory was moved without the tables' files.
    """
    if settings.iceberg_rest_uri:
        return load_catalog("claude_analytics", **_rest_properties(settings))
    folder = DataPaths.of(settings).iceberg
    (folder / "warehouse").mkdir(parents=True, exist_ok=True)
    uri = URL.create("sqlite", database=str(folder / "catalog.db")).render_as_string()
    # A path: pyiceberg takes a URI's escapes literally, so `My%20Data` would become a folder beside `My Data`.
    catalog = SqlCatalog("claude_analytics", uri=uri, warehouse=str(folder / "warehouse"))
    bring_home(catalog, folder / "warehouse")
    return catalog


def _rest_properties(settings: Settings) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "type": "rest",
        "uri": settings.iceberg_rest_uri,
        "warehouse": settings.iceberg_warehouse,
        "s3.region": settings.s3_region,
    }
    if settings.iceberg_oauth2_server_uri:
        properties["oauth2-server-uri"] = settings.iceberg_oauth2_server_uri
    if settings.s3_endpoint:
        properties["s3.endpoint"] = settings.s3_endpoint
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        key, secret = settings.s3_access_key_id.get_secret_value(), settings.s3_secret_access_key.get_secret_value()
        properties |= {"s3.access-key-id": key, "s3.secret-access-key": secret, "credential": f"{key}:{secret}"}
    return properties


def open_table(catalog: Catalog, name: str) -> Table:
    """Return one of the tables of namespace `raw`; create it if it does not exist."""
    schema, spec = _TABLES[name]
    try:
        table = catalog.load_table(name)  # first: pyiceberg's create writes a metadata file before it checks
    except (NoSuchTableError, NoSuchNamespaceError):
        catalog.create_namespace_if_not_exists(NAMESPACE)
        table = catalog.create_table_if_not_exists(name, schema=schema, partition_spec=spec, properties=_PROPERTIES)
    if missing := {key: value for key, value in _PROPERTIES.items() if key not in table.properties}:
        with table.transaction() as transaction:
            transaction.set_properties(missing)
    if set(schema.column_names) - set(table.schema().column_names):  # created by an earlier version
        with table.update_schema() as update:
            update.union_by_name(schema)
    return table
