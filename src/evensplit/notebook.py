"""Evensplit in a notebook: `open` a data directory or `connect` to a server, ask, and look at what comes back.

Both ask the same routes, so that they answer alike. Here is how they are asked and how a result is shown; what a
report means stands in `query`, charts in `charts`, tables in `api.tables`.
"""

import asyncio
import atexit
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from html import escape
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from evensplit import app, charts, settings
from evensplit.api.flat import flattener
from evensplit.api.sql import SqlReply
from evensplit.api.tables import Table, arrow_of
from evensplit.errors import EvensplitError, Invalid
from evensplit.model.report import Answer
from evensplit.model.report.persons import PersonsAnswer
from evensplit.query.run.kinds import KINDS, Kind

if TYPE_CHECKING:
    from evensplit.api.tables import Arrow
    from evensplit.charts import Figure

SHOWN = 50  # rows of a result that a notebook shows
_TIMEOUT = httpx.Timeout(30.0, read=600.0)
_T = TypeVar("_T")


class Refused(EvensplitError):
    """What the routes said no to: `code` and `status` are those of the reply."""

    def __init__(self, code: str, status: int, message: str, details: list[object]) -> None:
        super().__init__(message, details)
        self.code = code
        self.status = status


class Result:
    """What was answered. `answer` is the reply itself, field by field."""

    def __init__(self, answer: msgspec.Struct) -> None:
        self.answer = answer
        self._table: Table | None = None

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dictionary a row of the flat table that CSV and Parquet replies hold too."""
        return self._flat().dicts()

    def arrow(self) -> "Arrow":
        """The same table as a pyarrow.Table; `.to_pandas()` and polars' `from_arrow` go on from there."""
        return arrow_of(self._flat())

    def figure(self) -> "Figure":
        """A Plotly figure. Raises Invalid where there is no chart of such a result."""
        if not isinstance(self.answer, Answer):
            raise Invalid(f"there is no chart of a {type(self.answer).__name__}; reports have charts")
        return charts.figure(self.answer)

    def __repr__(self) -> str:
        found = self._flat()
        names = ", ".join(column.name for column in found.columns)
        return f"<{type(self.answer).__name__}: {len(found.rows)} rows of {names}>"

    def _repr_html_(self) -> str:
        found = self._flat()
        head = "".join(f"<th>{escape(column.name)}</th>" for column in found.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(_shown(cell))}</td>' for cell in row)}</tr>" for row in found.rows[:SHOWN]
        )
        more = f"<p>{len(found.rows) - SHOWN} more rows</p>" if len(found.rows) > SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _flat(self) -> Table:
        if self._table is None:
            flatten = flattener(type(self.answer))
            assert flatten is not None
            self._table = flatten(self.answer)
        return self._table


class Asker(Protocol):
    """Where questions go."""

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and the body of the reply."""
        ...

    def get(self, path: str) -> tuple[int, bytes]: ...

    def close(self) -> None: ...


class Notebook:
    """A product to ask: a method a kind of report, whose fields are given by name. Also a context manager.

    A name that Python keeps to itself gets a line behind it: `retention(start="signup", return_="visit")`."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def persons(
        self, kind: str, report: Mapping[str, Any], at: Mapping[str, Any] | None = None, limit: int = 100
    ) -> Result:
        """Those behind one number of a report; `at` says which, as the kind's page describes it. Up to `limit`."""
        body = {"report": report, "at": at or {}, "limit": limit}
        return Result(self._ask(f"/v1/reports/{quote(kind, safe='')}/persons", body, PersonsAnswer))

    def sql(self, text: str, *parameters: object, limit: int = 10_000) -> Result:
        """The rows of one SELECT; `parameters` are the values of its `?`."""
        return Result(self._ask("/v1/sql", {"sql": text, "parameters": parameters, "limit": limit}, SqlReply))

    def saved(self, name: str) -> Result:
        """The answer to a saved report."""
        path = f"/v1/saved/{quote(name, safe='')}"
        kind = next(kind for kind in KINDS if kind.name == _read(*self._asker.get(path), _Saved).kind)
        return Result(_read(*self._asker.get(f"{path}/run"), kind.answer))

    def close(self) -> None:
        """Give the directory free, or end the connection."""
        self._asker.close()

    def __enter__(self) -> "Notebook":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, path: str, body: object, reply: type[_T]) -> _T:
        try:
            sent = msgspec.json.encode(body)
        except (TypeError, ValueError) as error:
            raise Invalid(f"this cannot be asked: {error}") from None
        return _read(*self._asker.post(path, sent), reply)

    if TYPE_CHECKING:  # the methods of the kinds

        def __getattr__(self, kind: str) -> Callable[..., Result]: ...


def open(directory: str = "./evensplit-data") -> Notebook:
    """The product over its data directory, opened here until `close`. Raises DirectoryOwned where a server has it."""
    return Notebook(_Local(settings.load({"data": str(directory)})))


def connect(url: str, key: str) -> Notebook:
    """The product of a server; `key` is its secret key."""
    return Notebook(_Remote(url, key))


# --- where questions go ---------------------------------------------------------------------------


class _Remote:
    """A server over HTTP."""

    def __init__(self, url: str, key: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid(f"{url!r} is not an address that begins with http:// or https://")
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return self._answered(lambda: self._client.post(path, content=body))

    def get(self, path: str) -> tuple[int, bytes]:
        return self._answered(lambda: self._client.get(path))

    def close(self) -> None:
        self._client.close()

    def _answered(self, ask: Callable[[], httpx.Response]) -> tuple[int, bytes]:
        try:
            reply = ask()
        except httpx.HTTPError as error:
            raise EvensplitError(f"{self._client.base_url}: {str(error) or type(error).__name__}") from None
        return reply.status_code, reply.content


class _Local:
    """A directory opened in this process: an event loop of its own in a thread, since the notebook has one already.

    A program that ends without `close` leaves the directory as one that was killed: whole, with a log to catch up.
    (To close it properly then is too late: the interpreter has ended its threads by the time it asks.)"""

    def __init__(self, chosen: settings.Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="evensplit notebook", daemon=True)
        self._thread.start()
        self._open = AsyncExitStack()
        self._closed = False
        try:
            self._client = self._done(self._opened(chosen))
        except BaseException:
            self._stop()
            raise
        atexit.register(self._stop)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return self._done(self._asked("POST", path, body))

    def get(self, path: str) -> tuple[int, bytes]:
        return self._done(self._asked("GET", path, None))

    def close(self) -> None:
        if not self._closed:
            self._done(self._open.aclose())
            atexit.unregister(self._stop)
            self._stop()

    def _stop(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _done(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._closed:
            work.close()
            raise Invalid("this notebook has been closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _opened(self, chosen: settings.Settings) -> httpx.AsyncClient:
        services = await self._open.enter_async_context(app.opened(chosen))
        transport = httpx.ASGITransport(app.routes(services), raise_app_exceptions=False)
        client = httpx.AsyncClient(base_url="http://evensplit.local", transport=transport, timeout=None)
        return await self._open.enter_async_context(client)

    async def _asked(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        reply = await self._client.request(method, path, content=body, headers=headers)
        return reply.status_code, reply.content


# --- replies --------------------------------------------------------------------------------------


class _Saved(msgspec.Struct):
    kind: str


class _Error(msgspec.Struct):
    code: str
    message: str
    details: list[object] = []


class _ErrorReply(msgspec.Struct):
    error: _Error


def _read(status: int, body: bytes, kind: type[_T]) -> _T:
    """The reply, or what was said instead of it. Raises Refused."""
    try:
        if status < 400:
            return msgspec.json.decode(body, type=kind)
        error = msgspec.json.decode(body, type=_ErrorReply).error
    except msgspec.DecodeError:
        raise EvensplitError(f"this does not answer ({status}) like an Evensplit server of this version") from None
    raise Refused(error.code, status, error.message, error.details)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()


# --- a method a kind ------------------------------------------------------------------------------


def _method(kind: Kind) -> Callable[..., Result]:
    def ask(self: Notebook, report: Mapping[str, Any] | None = None, /, **fields: Any) -> Result:
        given = {name.removesuffix("_"): value for name, value in fields.items()}
        return Result(self._ask(f"/v1/reports/{kind.name}", {**(report or {}), **given}, kind.answer))

    ask.__name__ = kind.name
    ask.__qualname__ = f"Notebook.{kind.name}"
    ask.__doc__ = f"{kind.summary}. The fields of the report by name, or all of them as one mapping."
    ask.__signature__ = _signature(kind)  # type: ignore[attr-defined]
    return ask


def _signature(kind: Kind) -> inspect.Signature:
    """What a notebook completes and shows."""
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for field in msgspec.structs.fields(kind.report):
        name = f"{field.encode_name}_" if iskeyword(field.encode_name) else field.encode_name
        default = inspect.Parameter.empty if field.default is msgspec.NODEFAULT else field.default
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    return inspect.Signature(parameters)


for _kind in KINDS:
    setattr(Notebook, _kind.name, _method(_kind))
