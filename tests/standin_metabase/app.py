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
    copy_card,
    copy_dashboard,
    create_card,
    create_dashboard,
    update_card,
    update_dashboard,
)
from tests.standin_metabase.databases import (
    connection_pools,
    create_database,
    get_database,
    list_databases,
    metadata,
    sync_schema,
    update_database,
    update_field,
    update_table,
)
from tests.standin_metabase.state import RefusedError, State, id_of

Handler = Callable[[State, Request, Any], Any]
_COMMON = {"password1", "abc123", "123456", "letmein1"}
"""A few of the 12,000 that Metabase refuses."""
_OPEN = {"/api/health", "/api/session/properties", "/api/session", "/api/setup"}

_CHANGE_NOTHING = {"/api/dataset", "/api/card/{id:int}/query", "/api/database/{id:int}/sync_schema"}


def make_app(state: State | None = None) -> Starlette:
    """The application over its own state, or over `state`."""
    kept = state or State()
    app = Starlette(routes=[_route(kept, *route) for route in ROUTES])
    app.state.standin = kept
    return app


def _route(state: State, method: str, path: str, shape: dict[str, Any] | None, handle: Handler) -> Route:
    validator = jsonschema.Draft202012Validator(shape) if shape is not None else None

    async def answer(request: Request) -> Response:
        try:
            _require_session(state, request)
            body = _checked(await request.body(), validator)
            state.requests.append(f"{method} {request.url.path}")
            answer = await run_in_threadpool(handle, state, request, body)
            if method != "GET" and path not in _CHANGE_NOTHING:
                await run_in_threadpool(state.keep, state)
        except RefusedError as refused:
            return JSONResponse({"message": refused.message}, status_code=refused.status)
        return Response(status_code=204) if answer is None else Response(_json(answer), media_type="application/json")

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


# Sessions


def health(state: State, request: Request, body: Any) -> Any:
    """Well as long as the application database answers (`server/routes.clj`)."""
    if not state.is_kept():
        raise RefusedError(503, "Unable to get app-db connection")
    return {"status": "ok"}


def properties(state: State, request: Request, body: Any) -> Any:
    return {
        "has-user-setup": bool(state.users),
        "setup-token": None if state.users else state.setup_token,
        "version": {"tag": "v0.63.19"},
    }


def set_up(state: State, request: Request, body: Any) -> Any:
    if state.users:
        raise RefusedError(403, "The /api/setup route can only be used to create the first user.")
    if body["token"] != state.setup_token:
        raise RefusedError(400, "Token does not match the setup token.")
    _require_password(body["user"]["password"])
    state.users[body["user"]["email"]] = body["user"]["password"]
    return _new_session(state)


def _require_password(password: str) -> None:
    """Refuse as `util/password.clj` does by default; the answer does not say what is missing."""
    if len(password) < 6 or not any(letter.isdigit() for letter in password) or password.lower() in _COMMON:
        raise RefusedError(400, "password is too common.")


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


def list_cards(state: State, request: Request, body: Any) -> Any:
    """List by database without those in the trash, or the trash (`queries_rest/api/card.clj`)."""
    if request.query_params.get("f") == "archived":
        return [card for card in state.cards.values() if card["archived"]]
    number = int(request.query_params["model_id"])
    return [card for card in state.cards.values() if not card["archived"] and card["database_id"] == number]


def dashboards_of_card(state: State, request: Request, body: Any) -> Any:
    number = id_of(request)
    return [
        {"id": board["id"], "name": board["name"]}
        for board in state.dashboards.values()
        if any(card["card_id"] == number for card in board["dashcards"])
    ]


def get_card(state: State, request: Request, body: Any) -> Any:
    return state.find("cards", id_of(request))


def get_dashboard(state: State, request: Request, body: Any) -> Any:
    return state.find("dashboards", id_of(request))


def query_card(state: State, request: Request, body: Any) -> Any:
    card = state.find("cards", id_of(request))
    return state.run({**card["dataset_query"], "parameters": (body or {}).get("parameters")})


ROUTES: list[tuple[str, str, dict[str, Any] | None, Handler]] = [
    ("GET", "/api/health", None, health),
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
    ("GET", "/api/card", None, list_cards),
    ("GET", "/api/card/{id:int}", None, get_card),
    ("GET", "/api/card/{id:int}/dashboards", None, dashboards_of_card),
    ("POST", "/api/card/{id:int}/copy", shapes.EMPTY, lambda state, request, body: copy_card(state, id_of(request))),
    (
        "PUT",
        "/api/card/{id:int}",
        shapes.CARD_UPDATE,
        lambda state, request, body: update_card(state, id_of(request), body),
    ),
    ("POST", "/api/card/{id:int}/query", None, query_card),
    ("POST", "/api/dashboard", shapes.DASHBOARD_CREATE, lambda state, request, body: create_dashboard(state, body)),
    ("GET", "/api/dashboard/{id:int}", None, get_dashboard),
    (
        "PUT",
        "/api/dashboard/{id:int}",
        shapes.DASHBOARD_UPDATE,
        lambda state, request, body: update_dashboard(state, id_of(request), body),
    ),
    (
        "POST",
        "/api/dashboard/{id:int}/copy",
        shapes.DASHBOARD_COPY,
        lambda state, request, body: copy_dashboard(state, id_of(request), body),
    ),
    ("POST", "/api/dataset", shapes.RUN_QUERY, lambda state, request, body: state.run(body)),
    ("GET", "/api/bug-reporting/connection-pool-details", None, connection_pools),
]
