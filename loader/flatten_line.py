"""The columns that all rows of a line share, and a sub-agent's line inside its parent's `progress` line."""

from datetime import datetime
from typing import Any, NamedTuple

from loader.cut import name_of, text_of
from loader.values import LARGEST_INTEGER, Checker


class Source(NamedTuple):
    """The source of a document: the columns of the Iceberg table. Moments are microseconds since 1970."""

    document_id: str
    project_id: str | None
    source_file: str | None
    host: str | None
    byte_offset: int | None
    ingested_at: int | None
    extracted_at: int | None


class Line(NamedTuple):
    """A line, and the sub-agent's line inside it, if any."""

    outer: dict[str, Any]
    wrapped: dict[str, Any]
    is_progress: bool
    progress_agent_id: Any

    @property
    def carrier(self) -> dict[str, Any]:
        """Return the line that holds the message."""
        return self.wrapped if self.is_progress else self.outer

    def either(self, key: str) -> Any:
        """Return the wrapped line's value, or else the outer one's."""
        value = self.wrapped.get(key)
        return self.outer.get(key) if value is None else value


class LineFields(NamedTuple):
    """Columns that all rows of a line share."""

    block_count: int
    session_id: str | None
    line_type: str | None
    subtype: str | None
    message_type: str | None
    is_progress: bool
    uuid: str | None
    parent_uuid: str | None
    logical_parent_uuid: str | None
    forked_from_session_id: str | None
    forked_from_uuid: str | None
    request_id: str | None
    message_id: str | None
    agent_id: str | None
    parent_tool_use_id: str | None
    event_at: datetime | None
    cwd: str | None
    git_branch: str | None
    version: str | None
    entrypoint: str | None
    user_type: str | None
    permission_mode: str | None
    prompt_source: str | None
    origin_kind: str | None
    command_mode: str | None
    attribution_agent: str | None
    attribution_skill: str | None
    attribution_plugin: str | None
    is_sidechain: bool
    is_meta: bool
    is_compact_summary: bool
    is_api_error: bool
    is_visible_in_transcript_only: bool
    has_plan_content: bool
    error_kind: str | None
    api_error_status: int | None
    role: str | None
    model: str | None
    stop_reason: str | None


def open_line(document: Any) -> Line:
    """Return a document as a line; one that is not an object has no fields."""
    outer = document if isinstance(document, dict) else {}
    data = outer.get("data") if outer.get("type") == "progress" else None
    if not isinstance(data, dict):
        return Line(outer, {}, False, None)
    wrapped = data.get("message")
    if not isinstance(wrapped, dict):
        return Line(outer, {}, False, data.get("agentId"))
    return Line(outer, wrapped, True, data.get("agentId"))


def line_fields(line: Line, block_count: int, checker: Checker) -> LineFields:
    """Return the columns of a line."""
    outer, carrier = line.outer, line.carrier
    message = carrier.get("message")
    message = message if isinstance(message, dict) else {}
    kind, agent_id = name_of(outer.get("type")), outer.get("agentId")
    attachment, forked_from = _object(outer, "attachment"), _object(outer, "forkedFrom")
    return LineFields(
        block_count=block_count,
        session_id=name_of(outer.get("sessionId")),
        line_type=kind,
        subtype=name_of(outer.get("subtype")),
        message_type=_message_type(line, kind),
        is_progress=line.is_progress,
        uuid=name_of(carrier.get("uuid")),
        parent_uuid=name_of(outer.get("parentUuid")),
        logical_parent_uuid=name_of(outer.get("logicalParentUuid")),
        forked_from_session_id=name_of(forked_from.get("sessionId")),
        forked_from_uuid=name_of(forked_from.get("messageUuid")),
        request_id=name_of(carrier.get("requestId")),
        message_id=name_of(message.get("id")),
        agent_id=name_of(line.progress_agent_id if agent_id is None else agent_id),
        parent_tool_use_id=name_of(outer.get("parentToolUseID")),
        event_at=_said_at(line, checker),
        cwd=name_of(outer.get("cwd")),
        git_branch=name_of(outer.get("gitBranch")),
        version=name_of(outer.get("version")),
        entrypoint=name_of(outer.get("entrypoint")),
        user_type=name_of(outer.get("userType")),
        permission_mode=name_of(outer.get("permissionMode")),
        prompt_source=name_of(outer.get("promptSource")),
        origin_kind=_origin_kind(outer.get("origin"), attachment.get("origin")),
        command_mode=name_of(attachment.get("commandMode")),
        attribution_agent=name_of(outer.get("attributionAgent")),
        attribution_skill=name_of(outer.get("attributionSkill")),
        attribution_plugin=name_of(outer.get("attributionPlugin")),
        is_sidechain=line.is_progress or _flag("isSidechain", outer.get("isSidechain"), checker),
        is_meta=_flag("isMeta", line.either("isMeta"), checker)
        or _flag("attachment.isMeta", attachment.get("isMeta"), checker),
        is_compact_summary=_flag("isCompactSummary", outer.get("isCompactSummary"), checker),
        is_api_error=_flag("isApiErrorMessage", line.either("isApiErrorMessage"), checker),
        is_visible_in_transcript_only=_flag(
            "isVisibleInTranscriptOnly", outer.get("isVisibleInTranscriptOnly"), checker
        ),
        has_plan_content=outer.get("planContent") is not None,
        error_kind=_error_kind(line.either("error")),
        api_error_status=checker.count("apiErrorStatus", outer.get("apiErrorStatus"), LARGEST_INTEGER),
        role=name_of(message.get("role")),
        model=name_of(message.get("model")),
        stop_reason=name_of(message.get("stop_reason")),
    )


def _error_kind(error: Any) -> str | None:
    """Return the kind of error that Claude Code recorded: a word, or the API's whole response."""
    return None if error is None else text_of(error)


def _object(line: dict[str, Any], key: str) -> dict[str, Any]:
    value = line.get(key)
    return value if isinstance(value, dict) else {}


def _origin_kind(*origins: Any) -> str | None:
    """Return the author's kind: from the first origin that has one, an object with a kind or a text."""
    kinds = (origin.get("kind") if isinstance(origin, dict) else origin for origin in origins)
    return name_of(next((kind for kind in kinds if kind is not None), None))


def _message_type(line: Line, kind: str | None) -> str | None:
    said = name_of(line.wrapped.get("type")) if line.is_progress else kind
    return said if said in {"user", "assistant"} else None


def _said_at(line: Line, checker: Checker) -> datetime | None:
    moment = checker.time("timestamp", line.wrapped.get("timestamp"))
    return checker.time("timestamp", line.outer.get("timestamp")) if moment is None else moment


def _flag(field: str, value: Any, checker: Checker) -> bool:
    if value is None or value is False:
        return False
    return checker.flag(field, value) or False
