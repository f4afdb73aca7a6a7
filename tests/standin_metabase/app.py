"""The stand-in's routes. A body is checked against its shape first; then what Metabase itself would look at."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import jsonschema
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standin_metabase import shapes
from tests.standin_metabase.content import (
    collection_items,
    copy_dashboard,
    create_card,
    create_dashboard,
    update_card,
    update_dashboard,
)
from tests.standin_metabase.state import RefusedError, State

Handler = Callable[[State, Request, Any], Any]
_OPEN = {"/api/health", "/api/session/properties", "/api/session", "/api/setup"}


def make_app(state: State | None = None) -> Starlette:
    """The application over a state of its own, or over `state`."""
    kept = state or State()
    app = Starlette(routes=[_route(kept, *each) for each in ROUTES])
    app.state.standin = kept
    return app


def _route(state: State, method: str, path: str, shape: dict[str, Any] | None, handle: Handler) -> Route:
    validator = jsonschema.Draft202012Validator(shape) if shape is not None else None

    async def answer(request: Request) -> Response:
        try:
            _require_session(state, request)
            body = _checked(await request.body(), validator)
            state.requests.append(f"{method} {request.url.path}")
            made = await run_in_threadpool(handle, state, request, body)
        except RefusedError as refused:
            return JSONResponse({"message": refused.message}, status_code=refused.status)
        return Response(status_code=204) if made is None else Response(_json(made), media_type="application/json")

    return Route(path, answer, methods=[method])


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _require_session(state: State, request: Request) -> None:
    if request.url.path in _OPEN:
        return
    if (
        request.headers.get("x-metabase-session") in state.sessions
        or request.headers.get("x-api-key") in state.api_keys
    ):
        return
    raise RefusedError(401, "Unauthenticated")


def _checked(raw: bytes, validator: jsonschema.Draft202012Validator | None) -> Any:
    body = json.loads(raw) if raw and raw != b"null" else None
    wrong = next(validator.iter_errors(body), None) if validator else None
    if wrong:
        place = "/".join(str(part) for part in wrong.absolute_path) or "body"
        raise RefusedError(400, f"{place}: {wrong.message[:300]}")
    return body


def _id(request: Request) -> int:
    return int(request.path_params["id"])


# Sessions


def properties(state: State, request: Request, body: Any) -> Any:
    return {
        "has-user-setup": bool(state.users),
        "setup-token": None if state.users else state.setup_token,
        "version": {"tag": "v0.63.17"},
    }


def set_up(state: State, request: Request, body: Any) -> Any:
    if state.users:
        raise RefusedError(403, "The /api/setup route can only be used to create the first user.")
    if body["token"] != state.setup_token:
        raise RefusedError(400, "Token does not match the setup token.")
    state.users[body["user"]["email"]] = body["user"]["password"]
    return _new_session(state)


def sign_in(state: State, request: Request, body: Any) -> Any:
    if state.users.get(body["username"]) != body["password"]:
        raise RefusedError(401, "did not match stored password")
    return _new_session(state)


def _new_session(state: State) -> dict[str, str]:
    session = secrets.token_hex()
    state.sessions.add(session)
    return {"id": session}


def create_api_key(state: State, request: Request, body: Any) -> Any:
    key = f"mb_{secrets.token_hex()}"
    state.api_keys.add(key)
    return {"id": state.new_id(), "name": body["name"], "unmasked_key": key}


# Databases


def list_databases(state: State, request: Request, body: Any) -> Any:
    return {"data": list(state.databases.values()), "total": len(state.databases)}


def create_database(state: State, request: Request, body: Any) -> Any:
    number = state.new_id()
    state.databases[number] = {"id": number, "caveats": None, "description": None, **body}
    try:
        state.sync(number)
    except Exception as error:
        del state.databases[number]
        raise RefusedError(400, f"cannot connect: {error}") from error
    return state.databases[number]


def get_database(state: State, request: Request, body: Any) -> Any:
    return state.find("databases", _id(request))


def update_database(state: State, request: Request, body: Any) -> Any:
    database = state.find("databases", _id(request))
    if any(database.get(key) != value for key, value in body.items()):
        database.update(body)
        state.pool.drop_later(database["id"])
    return database


def sync_schema(state: State, request: Request, body: Any) -> Any:
    state.sync(_id(request))
    return {"status": "ok"}


def metadata(state: State, request: Request, body: Any) -> Any:
    number = _id(request)
    tables = [
        {**table, "fields": [each for each in state.fields.values() if each["table_id"] == table["id"]]}
        for table in state.tables.values()
        if table["db_id"] == number
    ]
    return {**state.find("databases", number), "tables": tables}


def update_table(state: State, request: Request, body: Any) -> Any:
    return _merged(state.find("tables", _id(request)), body)


def update_field(state: State, request: Request, body: Any) -> Any:
    if body.get("fk_target_field_id") is not None:
        state.find("fields", body["fk_target_field_id"])
    return _merged(state.find("fields", _id(request)), body)


def _merged(kept: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    kept.update(body)
    return kept


# Content


def create_collection(state: State, request: Request, body: Any) -> Any:
    if body.get("parent_id") is not None:
        state.find("collections", body["parent_id"])
    number = state.new_id()
    state.collections[number] = {"id": number, "archived": False, "parent_id": None, "description": None, **body}
    return state.collections[number]


def items(state: State, request: Request, body: Any) -> Any:
    found = collection_items(state, request.path_params["id"], request.query_params.getlist("models"))
    return {"data": found, "total": len(found)}


def get_card(state: State, request: Request, body: Any) -> Any:
    return state.find("cards", _id(request))


def get_dashboard(state: State, request: Request, body: Any) -> Any:
    return state.find("dashboards", _id(request))


def query_card(state: State, request: Request, body: Any) -> Any:
    card = state.find("cards", _id(request))
    return state.run({**card["dataset_query"], "parameters": (body or {}).get("parameters")})


def translate(state: State, request: Request, body: Any) -> Any:
    known = {"card": state.cards, "dashboard": state.dashboards, "collection": state.collections}
    found = {}
    for kind, wanted in body["entity_ids"].items():
        ids = {each.get("entity_id"): each["id"] for each in known[kind].values()}
        for entity in wanted:
            found[entity] = (
                {"type": kind, "status": "ok", "id": ids[entity]}
                if entity in ids
                else {"type": kind, "status": "not-found"}
            )
    return {"entity_ids": found}


ROUTES: list[tuple[str, str, dict[str, Any] | None, Handler]] = [
    ("GET", "/api/health", None, lambda state, request, body: {"status": "ok"}),
    ("GET", "/api/session/properties", None, properties),
    ("POST", "/api/session", shapes.SIGN_IN, sign_in),
    ("POST", "/api/setup", shapes.SETUP, set_up),
    ("POST", "/api/api-key", shapes.API_KEY, create_api_key),
    ("GET", "/api/database", None, list_databases),
    ("POST", "/api/database", shapes.DATABASE_CREATE, create_database),
    ("GET", "/api/database/{id:int}", None, get_database),
    ("PUT", "/api/database/{id:int}", shapes.DATABASE_UPDATE, update_database),
    ("POST", "/api/database/{id:int}/sync_schema", shapes.EMPTY, sync_schema),
    ("GET", "/api/database/{id:int}/metadata", None, metadata),
    ("PUT", "/api/table/{id:int}", shapes.TABLE_UPDATE, update_table),
    ("PUT", "/api/field/{id:int}", shapes.FIELD_UPDATE, update_field),
    ("POST", "/api/collection", shapes.COLLECTION_CREATE, create_collection),
    ("GET", "/api/collection/{id}/items", None, items),
    ("POST", "/api/card", shapes.CARD_CREATE, lambda state, request, body: create_card(state, body)),
    ("GET", "/api/card/{id:int}", None, get_card),
    (
        "PUT",
        "/api/card/{id:int}",
        shapes.CARD_UPDATE,
        lambda state, request, body: update_card(state, _id(request), body),
    ),
    ("POST", "/api/card/{id:int}/query", None, query_card),
    ("POST", "/api/dashboard", shapes.DASHBOARD_CREATE, lambda state, request, body: create_dashboard(state, body)),
    ("GET", "/api/dashboard/{id:int}", None, get_dashboard),
    (
        "PUT",
        "/api/dashboard/{id:int}",
        shapes.DASHBOARD_UPDATE,
        lambda state, request, body: update_dashboard(state, _id(request), body),
    ),
    (
        "POST",
        "/api/dashboard/{id:int}/copy",
        shapes.DASHBOARD_COPY,
        lambda state, request, body: copy_dashboard(state, _id(request), body),
    ),
    ("POST", "/api/dataset", shapes.RUN_QUERY, lambda state, request, body: state.run(body)),
    ("POST", "/api/eid-translation/translate", shapes.TRANSLATE, translate),
]
