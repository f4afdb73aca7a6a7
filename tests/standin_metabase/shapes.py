"""JSON schemas of the request bodies that the stand-in accepts; an unknown field is refused.

Field names and types follow what Metabase documents for its API and prints for its command line
(`mb card create --help --json` of the npm package `@metabase/cli`, version 0.63 of the server). They are written down
restated here, only as far as this project sends them.
"""

from typing import Any

TEXT = {"type": "string", "minLength": 1}
MAYBE_TEXT = {"type": ["string", "null"]}
BOOL = {"type": "boolean"}
ID = {"type": "integer", "minimum": 1}
MAYBE_ID = {"type": ["integer", "null"], "minimum": 1}
OBJECT = {"type": "object"}


def shape(required: str = "", /, **fields: Any) -> dict[str, Any]:
    """An object with these fields and no others."""
    return {"type": "object", "properties": fields, "required": required.split(), "additionalProperties": False}


def one_of(*values: str) -> dict[str, Any]:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def listed(item: Any) -> dict[str, Any]:
    """A list of these, or null."""
    return {"type": ["array", "null"], "items": item}


PARAMETER_TYPES = one_of(
    "number",
    "text",
    "date",
    "boolean",
    "date/single",
    "date/range",
    "date/relative",
    "date/month-year",
    "date/quarter-year",
    "date/all-options",
    "id",
    "category",
    "string/=",
    "string/!=",
    "string/contains",
    "number/=",
    "number/between",
    "temporal-unit",
    "boolean/=",
)
TEMPLATE_TAG = {"type": "array", "prefixItems": [{"const": "template-tag"}, TEXT], "minItems": 2, "maxItems": 2}
TARGET = {
    "type": "array",
    "prefixItems": [one_of("variable", "dimension"), TEMPLATE_TAG],
    "minItems": 2,
    "maxItems": 2,
}
FIELD_REF = {"type": "array", "prefixItems": [{"const": "field"}], "minItems": 2}
PARAMETER = {
    **shape(
        "id type",
        id=TEXT,
        type=PARAMETER_TYPES,
        name=TEXT,
        slug=TEXT,
        sectionId=TEXT,
        default={},
        required=BOOL,
        filteringParameters=listed(TEXT),
        target=TARGET,
        values_query_type=one_of("list", "search", "none"),
        values_source_type=one_of("static-list", "card"),
        values_source_config=shape(values={"type": "array"}, card_id=ID, value_field=FIELD_REF, label_field=FIELD_REF),
    )
}
MAPPING = shape("parameter_id target", parameter_id=TEXT, card_id=MAYBE_ID, target=TARGET)
TAG = {
    **shape(
        "name display-name type",
        id={"type": "string", "format": "uuid"},
        name=TEXT,
        type=one_of("text", "number", "date", "boolean"),
        required=BOOL,
        default={},
    )
}
TAG["properties"]["display-name"] = TEXT
STAGE = shape("lib/type native", native=TEXT)
STAGE["properties"] |= {
    "lib/type": {"const": "mbql.stage/native"},
    "template-tags": {"type": "object", "additionalProperties": TAG},
}
QUERY = shape(
    "lib/type database stages", database=ID, stages={"type": "array", "items": STAGE, "minItems": 1, "maxItems": 1}
)
QUERY["properties"]["lib/type"] = {"const": "mbql/query"}
RUN_QUERY = {
    **QUERY,
    "properties": {
        **QUERY["properties"],
        "parameters": listed(shape("type target value", type=PARAMETER_TYPES, target=TARGET, value={})),
    },
}

DISPLAY = one_of("table", "bar", "line", "area", "row", "pie", "scalar", "smartscalar", "combo", "pivot", "progress")
_CARD = {
    "name": TEXT,
    "type": one_of("question", "model", "metric"),
    "dataset_query": QUERY,
    "display": DISPLAY,
    "visualization_settings": OBJECT,
    "description": MAYBE_TEXT,
    "collection_id": MAYBE_ID,
    "collection_position": MAYBE_ID,
    "cache_ttl": MAYBE_ID,
    "parameters": listed(PARAMETER),
    "parameter_mappings": listed(MAPPING),
    "result_metadata": listed({}),
}
CARD_CREATE = shape(
    "name dataset_query display visualization_settings",
    entity_id={"type": "string", "pattern": "^[A-Za-z0-9_-]{21}$"},  # taken, and dropped
    dashboard_id=MAYBE_ID,
    dashboard_tab_id=MAYBE_ID,
    **_CARD,
)
CARD_UPDATE = shape(archived=BOOL, enable_embedding=BOOL, **_CARD)

DASHCARD = shape(
    "id card_id size_x size_y row col",
    id={"type": "integer"},
    card_id=MAYBE_ID,
    dashboard_tab_id={"type": ["integer", "null"]},
    size_x={"type": "integer", "minimum": 1, "maximum": 24},
    size_y={"type": "integer", "minimum": 1},
    row={"type": "integer", "minimum": 0},
    col={"type": "integer", "minimum": 0, "maximum": 23},
    parameter_mappings=listed(MAPPING),
    visualization_settings=OBJECT,
    series=listed(OBJECT),
    inline_parameters=listed(TEXT),
)
DASHBOARD_CREATE = shape(
    "name",
    name=TEXT,
    description=MAYBE_TEXT,
    parameters=listed(PARAMETER),
    cache_ttl=MAYBE_ID,
    collection_id=MAYBE_ID,
    collection_position=MAYBE_ID,
)
DASHBOARD_UPDATE = shape(
    name=TEXT,
    description=MAYBE_TEXT,
    caveats=MAYBE_TEXT,
    points_of_interest=MAYBE_TEXT,
    archived=BOOL,
    position=MAYBE_ID,
    width=one_of("fixed", "full"),
    parameters=listed(PARAMETER),
    cache_ttl=MAYBE_ID,
    collection_id=MAYBE_ID,
    collection_position=MAYBE_ID,
    dashcards=listed(DASHCARD),
    tabs=listed(shape("id name", id={"type": "integer"}, name=TEXT)),
)
DASHBOARD_COPY = shape(
    name=TEXT, description=MAYBE_TEXT, collection_id=MAYBE_ID, collection_position=MAYBE_ID, is_deep_copy=BOOL
)

COLLECTION_CREATE = shape(
    "name",
    name=TEXT,
    description=MAYBE_TEXT,
    parent_id=MAYBE_ID,
    authority_level=one_of("official"),
    namespace=MAYBE_TEXT,
)
DETAILS = shape(
    "database_file read_only",
    database_file=TEXT,
    read_only=BOOL,
    old_implicit_casting=BOOL,
    allow_unsigned_extensions=BOOL,
    memory_limit=TEXT,
    init_sql={"type": "string"},
    motherduck_token={"type": "string"},
)
DETAILS["properties"]["additional-options"] = {"type": "string"}
DATABASE_CREATE = shape(
    "name engine details",
    name=TEXT,
    engine={"const": "duckdb"},
    details=DETAILS,
    is_full_sync=BOOL,
    is_on_demand=BOOL,
    auto_run_queries=BOOL,
    cache_ttl=MAYBE_ID,
    schedules=OBJECT,
)
DATABASE_UPDATE = shape(
    name=TEXT,
    engine={"const": "duckdb"},
    details=DETAILS,
    description=MAYBE_TEXT,
    caveats=MAYBE_TEXT,
    points_of_interest=MAYBE_TEXT,
    auto_run_queries=BOOL,
    refingerprint=BOOL,
    cache_ttl=MAYBE_ID,
)
TABLE_UPDATE = shape(display_name=TEXT, description=MAYBE_TEXT, caveats=MAYBE_TEXT, visibility_type=MAYBE_TEXT)
SEMANTIC_TYPES = one_of(
    "type/PK",
    "type/FK",
    "type/Currency",
    "type/URL",
    "type/Percentage",
    "type/Quantity",
    "type/Duration",
    "type/Category",
    "type/Name",
    "type/Title",
)
FIELD_UPDATE = shape(
    display_name=TEXT,
    description=TEXT,
    semantic_type=SEMANTIC_TYPES,
    fk_target_field_id=MAYBE_ID,
    visibility_type=TEXT,
    has_field_values=TEXT,
)

USER = shape(
    "email password",
    first_name=TEXT,
    last_name=TEXT,
    email={"type": "string", "pattern": "^[^@\\s]+@[^@\\s]+$"},
    password={"type": "string", "minLength": 6},
    site_name=TEXT,
)
SETUP = shape("token user prefs", token=TEXT, user=USER, prefs=shape("site_name", site_name=TEXT, site_locale=TEXT))
SIGN_IN = shape("username password", username=TEXT, password=TEXT)
API_KEY = shape("name group_id", name=TEXT, group_id=ID)
EMPTY: dict[str, Any] = {"type": ["object", "null"], "maxProperties": 0}
