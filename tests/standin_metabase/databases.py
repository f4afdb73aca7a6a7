"""Databases and their tables in the stand-in: details are tried out, schemas read later, pools dropped by a change."""

from typing import Any

from starlette.requests import Request

from tests.standin_metabase.pool import connection_error
from tests.standin_metabase.state import RefusedError, State, id_of


def list_databases(state: State, request: Request, body: Any) -> Any:
    return {"data": list(state.databases.values()), "total": len(state.databases)}


def create_database(state: State, request: Request, body: Any) -> Any:
    """Try the details out, keep them, and read the schema later (`warehouses_rest/api.clj`, POST)."""
    if error := connection_error(body["details"]):
        raise RefusedError(400, error)
    number = state.new_id()
    state.databases[number] = {"id": number, "caveats": None, "description": None, **body}
    state.sync_later(number)
    return state.databases[number]


def get_database(state: State, request: Request, body: Any) -> Any:
    return state.find("databases", id_of(request))


def update_database(state: State, request: Request, body: Any) -> Any:
    """Merge details into those there are and try them out where they differ; any change drops the pool.

    `warehouses_rest/api.clj` (PUT) and `driver/events/driver_notifications.clj`.
    """
    database = state.find("databases", id_of(request))
    details = {**database["details"], **body.get("details", {})}
    if details != database["details"] and (error := connection_error(details)):
        raise RefusedError(400, error)
    after = {**database, **{key: value for key, value in body.items() if value is not None}, "details": details}
    if after != database:
        database.update(after)
        state.pool.drop_later(database["id"])
    return database


def sync_schema(state: State, request: Request, body: Any) -> Any:
    database = state.find("databases", id_of(request))
    if error := connection_error(database["details"]):
        raise RefusedError(422, error)
    state.sync_later(database["id"])
    return {"status": "ok"}


def connection_pools(state: State, request: Request, body: Any) -> Any:
    """Tell how busy each pool is, by the name that c3p0 has for it (`analytics/prometheus.clj`)."""
    pools = {
        f"db-{number}-duckdb-{database['details']['database_file']}": {"numBusyConnections": state.pool.busy(number)}
        for number, database in state.databases.items()
    }
    return {"connection-pools": pools}


def metadata(state: State, request: Request, body: Any) -> Any:
    number = id_of(request)
    with state.lock:
        return {**state.find("databases", number), "tables": _tables_with_fields(state, number)}


def _tables_with_fields(state: State, number: int) -> list[dict[str, Any]]:
    return [
        {**table, "fields": [field for field in state.fields.values() if field["table_id"] == table["id"]]}
        for table in state.tables.values()
        if table["db_id"] == number
    ]


def update_table(state: State, request: Request, body: Any) -> Any:
    return _merged(state.find("tables", id_of(request)), body)


def update_field(state: State, request: Request, body: Any) -> Any:
    if body.get("fk_target_field_id") is not None and body["fk_target_field_id"] not in state.fields:
        raise RefusedError(400, "Invalid target field")
    return _merged(state.find("fields", id_of(request)), body)


def _merged(kept: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    kept.update(body)
    return kept
