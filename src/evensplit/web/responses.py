"""Errors and replies on the wire: the one error shape, for the plain ASGI routes and for Litestar alike.

What can go wrong stands in `errors`; this room turns it into status, headers and JSON.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from evensplit import errors
from evensplit.errors import EvensplitError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

log = logging.getLogger("evensplit.web")

JSON = (b"content-type", b"application/json")
OPEN = (b"access-control-allow-origin", b"*")
PREFLIGHT: Headers = [
    OPEN,
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


class Fault(msgspec.Struct, omit_defaults=True):
    """What went wrong: a stable code, a sentence that names the value and the rule, more where there is more to say."""

    code: str
    message: str
    details: list[Any] = []


class Disconnected(Exception):
    """The client went away before its request was whole, or answered. Nothing is taken, nobody is told."""


class ErrorReply(msgspec.Struct):
    """The body of every error."""

    error: Fault


def render(error: EvensplitError) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    body = _ENCODE(ErrorReply(Fault(error.code, printable(error.message), error.details)))
    headers: Headers = [JSON, (b"content-length", str(len(body)).encode())]
    if isinstance(error, errors.Unavailable):
        headers.append((b"retry-after", str(error.retry_after).encode()))
    elif isinstance(error, errors.Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    elif isinstance(error, errors.MethodNotAllowed) and error.details:
        headers.append((b"allow", ", ".join(map(str, error.details)).encode()))
    return error.status, headers, body


def printable(text: str) -> str:
    """`text` as UTF-8 can carry it: a lone surrogate, which a path may hold, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def known(error: Exception) -> EvensplitError:
    """The error as one of ours. A defect becomes `internal`, logged whole and shown as nothing."""
    if isinstance(error, EvensplitError) and not isinstance(error, errors.StartError):
        if error.code == EvensplitError.code:
            log.error("a request failed", exc_info=error)
        return error
    if isinstance(error, HTTPException):
        return _of_litestar(error)
    if isinstance(error, RecursionError) and _raised_in(error, "litestar.serialization"):
        return errors.Malformed("the body nests too deep to be read")
    if isinstance(error, UnicodeDecodeError) and _raised_in(error, "litestar.serialization"):
        return errors.InvalidJson("the body is not UTF-8")
    log.error("a request failed", exc_info=error)
    return EvensplitError("something went wrong here; the log says what")


_BY_STATUS: dict[int, type[EvensplitError]] = {
    400: errors.Malformed,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    409: errors.Conflict,
    413: errors.TooLarge,
    415: errors.UnsupportedEncoding,
    422: errors.Invalid,
    429: errors.TooManyRequests,
    503: errors.Unavailable,
}


def _of_litestar(error: HTTPException) -> EvensplitError:
    """What Litestar found wrong by itself: a body or a parameter of the wrong type, a route that is not there."""
    if isinstance(error, ValidationException):
        return _of_parameters(error)
    cause = error.__cause__ or error.__context__
    if error.status_code == 400 and _is_undecodable(cause):
        return errors.InvalidJson(f"the body is not JSON: {_deepest(cause)}")
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        if error.status_code < 500:
            return errors.Malformed(error.detail)
        log.error("a request failed", exc_info=error)
        return EvensplitError("something went wrong here; the log says what")
    if kind is errors.MethodNotAllowed:
        allowed = (error.headers or {}).get("allow", "")
        return errors.MethodNotAllowed("this route has no such method", [m.strip() for m in allowed.split(",") if m])
    if kind is errors.NotFound:
        return errors.NotFound("there is nothing at this path")
    return kind(error.detail or kind.code)


def _of_parameters(error: ValidationException) -> EvensplitError:
    """Each fault with its field, as everywhere else."""
    extra = error.extra if isinstance(error.extra, list) else [error.extra] if error.extra else []
    found = [(str(each.get("key", "")), str(each.get("message", ""))) for each in extra if isinstance(each, dict)]
    if not found:
        return errors.Invalid(error.detail or "the request does not fit")
    (field, message), more = found[0], f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    details = [{"field": field, "message": message} for field, message in found]
    return errors.Invalid(f"{field}: {message}{more}".removeprefix(": "), details)


def _raised_in(error: Exception, package: str) -> bool:
    """Whether the innermost frame is that package's: what it could not decode is the sender's fault, not ours."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith(package)


def _deepest(error: BaseException | None) -> BaseException | None:
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    return error


def _is_undecodable(error: BaseException | None) -> bool:
    return isinstance(_deepest(error), msgspec.DecodeError | UnicodeDecodeError)


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The handler of every exception that leaves a Litestar route."""
    status, headers, body = render(known(error))
    shown = {name.decode(): value.decode() for name, value in headers if name not in (b"content-length", JSON[0])}
    return Response(body, status_code=status, headers=shown, media_type="application/json")


def nobody(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The reply to a client that is not there any more."""
    return Response(b"", status_code=499)


# Litestar looks up the handler by the class of the exception and then by its bases.
EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Exception], Response[bytes]]] = {
    Exception: answer,
    HTTPException: answer,
    EvensplitError: answer,
    Disconnected: nobody,
}


# --- plain ASGI -----------------------------------------------------------------------------------


async def send_bytes(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: Exception, cors: bool = False) -> None:
    """`cors`: any origin may read it, as on the open routes."""
    status, headers, body = render(known(error))
    await send_bytes(send, status, [*headers, OPEN] if cors else headers, body)
