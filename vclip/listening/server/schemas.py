"""Request bodies of raters' pages: their fields and their size; mistakes are told in one line."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Message

from vclip.errors import BusyError, ConflictError, InputError, VclipError

LIMIT = 64 * 1024  # bytes of a body
STATUS: dict[type[VclipError], int] = {ConflictError: 409, BusyError: 503, InputError: 422}

Seconds = Annotated[float, Field(ge=0, le=1e6)]
Number = Annotated[float, Field(ge=0, le=100)]
# What no page sends and PostgreSQL cannot keep: the character 0, numbers that are none or endless
PLAIN = r"^[^\x00]*$"
Short = Annotated[str, Field(min_length=1, max_length=200, pattern=PLAIN)]
Times = Annotated[int, Field(ge=0, le=10**6)]
Scalar = (
    Annotated[str, Field(max_length=200, pattern=PLAIN)]
    | bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | None
)
Name = Annotated[str, Field(max_length=40, pattern=PLAIN)]
PageEvent = Annotated[dict[Name, Scalar], Field(max_length=12)]


class RequestBody(BaseModel):
    """Base of what is sent; more than is known is a mistake."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class EnrolRequest(RequestBody):
    """request: the page's random name for this; sent twice, it is one rater."""

    agree: bool
    request: Annotated[str, Field(min_length=16, max_length=100)] | None = None


class StepRequest(RequestBody):
    """attempt: which one at the headphones the result is of, as the state said."""

    step: Short
    result: Any = None
    attempt: int | None = None


class AnswerRequest(RequestBody):
    """An answer to a trial, see store.records.Answer."""

    position: int
    value: Short | dict[Short, Number]
    heard: Annotated[
        list[Annotated[list[tuple[Seconds, Seconds]], Field(max_length=500)]], Field(max_length=8)
    ]
    plays: Annotated[list[Times], Field(max_length=8)]
    seconds: Seconds
    request: Short


class WithdrawRequest(RequestBody):
    """A withdrawal code as it was typed."""

    code: Short


class LimitedRoute(APIRoute):
    """Refuses long bodies before they are read, and tells our errors in one line."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler with our limit and our errors."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(Request(request.scope, _limited(request)))
            except RequestValidationError as error:
                raise HTTPException(422, _complaint(error)) from error
            except VclipError as error:
                found = (code for kind, code in STATUS.items() if isinstance(error, kind))
                raise HTTPException(next(found, 500), str(error)) from error

        return handler


def _limited(request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > LIMIT:
            raise HTTPException(413, f"more than {LIMIT // 1024} kB; nothing here is that long")
        return message

    return receive


def _complaint(error: RequestValidationError) -> str:
    """Where and what the first mistake is; never what was sent."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return f"{where}: {first['msg']}" if where else str(first["msg"])
