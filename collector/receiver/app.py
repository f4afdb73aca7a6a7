"""The receiver's endpoint: enrolment, the states of a machine's files, and deliveries.

It promises: no body is read before its sender is authenticated; the total size of bodies in memory is bounded; one
thread unpacks and stores, so that one delivery is unpacked at a time; while it is behind it answers 503 with
Retry-After; a delivery is stored before it is acknowledged.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.receiver.intake import known_files, take
from collector.receiver.machines import Holder, MachineError, Machines
from collector.wire import MAX_BODY, WireError, compress, unpack
from common.errors import AnalyticsError, PassingError
from records import RecordStore

log = structlog.get_logger()

HELD_BYTES = 64 * 1024 * 1024
"""The most bytes of bodies in memory; a larger body is accepted while no other waits."""
HELD_BODIES = 32
_BODY_SECONDS = 120.0
_RETRY_SECONDS = (1, 5)
_MOST_FAILURES, _FAILURE_SECONDS = 20, 60.0
_Result = TypeVar("_Result")


class Enrolment(BaseModel):
    """A machine's request for enrolment."""

    model_config = ConfigDict(strict=True, extra="forbid")

    invitation: str = Field(min_length=1, max_length=200)
    token: str = Field(min_length=32, max_length=200)


@dataclass(slots=True)
class Receiver:
    """The stores behind the endpoint, and the bodies that wait for them."""

    store: RecordStore
    machines: Machines
    fingerprint_key: str | None
    """The key for masks, so that a secret has the same fingerprint on every machine; None if masking is off."""
    held: dict[str, int] = field(default_factory=dict)
    """The bytes in memory by machine: one body each, so that a slow machine cannot take another's place."""
    failures: deque[float] = field(default_factory=deque)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "store"))

    async def run(self, call: Callable[[], _Result]) -> _Result:
        """Run a call in the only thread that uses the record store."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, call)

    def machine(self, request: Request) -> Holder:
        """Return the machine that sent this request. Raises 401."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        holder = self.machines.holder(token) if kind.lower() == "bearer" and token else None
        if holder is None:
            raise HTTPException(401, "this machine is not enrolled, or was revoked", {"WWW-Authenticate": "Bearer"})
        return holder

    async def body(self, request: Request, length: int) -> bytes:
        """Return the request's body, of the declared length. Raises 400 or 408."""
        content = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.stream():
                    content += chunk
                    if len(content) > length:
                        break
        except TimeoutError:
            raise HTTPException(408, f"expected the body within {_BODY_SECONDS:.0f} s") from None
        if len(content) != length:
            raise HTTPException(400, f"expected {length} bytes as Content-Length says, found {len(content)}")
        return bytes(content)

    @contextmanager
    def holding(self, machine: str, length: int) -> Iterator[None]:
        """Reserve memory for a body. Raises 429 if this machine is already sending one, 503 if there is no room."""
        if machine in self.held:
            raise _later("a delivery of this machine is under way", 429)
        if self.held and (len(self.held) >= HELD_BODIES or sum(self.held.values()) + length > HELD_BYTES):
            raise _later("the receiver is behind")
        self.held[machine] = length
        try:
            yield
        finally:
            del self.held[machine]


def create_app(receiver: Receiver) -> Starlette:
    """Return the ASGI application."""
    return Starlette(
        routes=[
            Route("/healthz", _with(receiver, _healthz)),
            Route("/v1/enrol", _with(receiver, _enrol), methods=["POST"]),
            Route("/v1/files", _with(receiver, _files)),
            Route("/v1/deliveries", _with(receiver, _deliver), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _one_line},
    )


_Handler = Callable[[Receiver, Request], Awaitable[Response]]


def _with(receiver: Receiver, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            return await handler(receiver, request)
        except ClientDisconnect:
            return Response(status_code=400)
        except WireError as error:
            raise HTTPException(400, str(error)) from None
        except PassingError as error:
            log.warning("store_away", error=str(error))
            raise _later("the record store does not answer") from None
        except AnalyticsError as error:
            log.error("failed", error=str(error))  # noqa: TRY400 - the message is the one line that says what to do
            raise HTTPException(500, "the receiver cannot store; its log says why") from None

    return handle


async def _one_line(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _later(reason: str, status: int = 503) -> HTTPException:
    """Return an error with a random Retry-After, so that machines do not retry all at once."""
    seconds = random.randint(*_RETRY_SECONDS)  # noqa: S311 - not a secret
    return HTTPException(status, f"{reason}; try again", {"Retry-After": str(seconds)})


async def _healthz(receiver: Receiver, _: Request) -> Response:
    return JSONResponse({"status": "ok", "waiting": len(receiver.held)})


async def _enrol(receiver: Receiver, request: Request) -> Response:
    _slow_down(receiver.failures)
    content = await receiver.body(request, _length(request, 4096))
    try:
        asked = Enrolment.model_validate_json(content)
        machine = receiver.machines.enrol(asked.invitation, asked.token)
    except ValidationError:
        receiver.failures.append(time.monotonic())
        raise HTTPException(400, "expected an invitation and a token") from None
    except MachineError as error:
        receiver.failures.append(time.monotonic())
        raise HTTPException(403, str(error)) from None
    log.info("enrolled", machine=machine.name)
    answer: dict[str, Any] = {"name": machine.name, "person": machine.person}
    return JSONResponse(answer | {"fingerprint_key": receiver.fingerprint_key})


def _slow_down(failures: deque[float]) -> None:
    """Raise 429 after many wrong invitations within a minute."""
    now = time.monotonic()
    while failures and failures[0] < now - _FAILURE_SECONDS:
        failures.popleft()
    if len(failures) >= _MOST_FAILURES:
        raise HTTPException(429, "too many wrong invitations; try again in a minute", {"Retry-After": "60"})


async def _files(receiver: Receiver, request: Request) -> Response:
    """Return the known states of the machine's files."""
    host = receiver.machine(request).name
    found = await receiver.run(
        lambda: compress({"files": [state.to_document() for state in known_files(receiver.store, host)]})
    )
    return Response(found, media_type="application/octet-stream")


async def _deliver(receiver: Receiver, request: Request) -> Response:
    """Store a delivery, and return the known states of the files that are behind."""
    machine = receiver.machine(request)
    length = _length(request, MAX_BODY)
    with receiver.holding(machine.name, length):
        content = await receiver.body(request, length)
        answer = await receiver.run(lambda: _store(receiver.store, machine, content))
    return Response(answer, media_type="application/octet-stream")


def _store(store: RecordStore, machine: Holder, content: bytes) -> bytes:
    delivery = unpack(content)
    behind = take(store, machine.name, delivery, machine.person)
    if delivery.lines or behind:
        log.info("stored", machine=machine.name, lines=len(delivery.lines), behind=len(behind))
    return compress({"behind": [state.to_document() for state in behind]})


def _length(request: Request, most: int) -> int:
    given = request.headers.get("content-length", "")
    if not given.isdecimal():
        raise HTTPException(411, "expected a Content-Length")
    if int(given) > most:
        raise HTTPException(413, f"expected at most {most} bytes, found {given}")
    return int(given)
