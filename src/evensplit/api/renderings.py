"""What a reply is sent as: JSON, or, where `Accept` asks for it and there is a list in the reply, CSV or Parquet."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from litestar import Request, Response
from litestar.response.base import ASGIResponse

from evensplit.api.flat import Flatten, flattener
from evensplit.api.tables import Table, csv_of, parquet_of
from evensplit.query.run.cache import Answered
from evensplit.web.responses import Receive, Scope, Send

JSON = "application/json"


class Form(NamedTuple):
    """A form of tables."""

    content_type: str
    suffix: str
    render: Callable[[Table], bytes]


FORMS = {
    "text/csv": Form("text/csv; charset=utf-8", "csv", csv_of),
    "application/vnd.apache.parquet": Form("application/vnd.apache.parquet", "parquet", parquet_of),
}
# What stands beside the list in a reply, and would be lost in a table: sent as headers.
BESIDE = ("as_of", "query_ms", "altered_by_erasure", "count", "next_cursor", "truncated")


class Rendering(Response[Any]):
    """The response of every route: tables for those who want them, what was rendered before as it is, else JSON."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **more: Any) -> ASGIResponse:
        kept = self.content if isinstance(self.content, Answered) else None
        form = FORMS.get(_wanted(request))
        kind: type[object] = kept.kind.answer if kept else type(self.content)
        flatten = None if form is None else flattener(kind)
        if form is not None and flatten is not None:
            return _TableResponse(form, flatten, self.content, _file_name(request.url.path))
        if kept is not None:
            self.content = kept.body
            self.media_type = JSON
        return super().to_asgi_response(app, request, **more)


class _TableResponse(ASGIResponse):
    """A table, made in a thread: it may be long, and others must not wait for it."""

    def __init__(self, form: Form, flatten: Flatten, content: Any, name: str) -> None:
        super().__init__(media_type=form.content_type)
        self._form = form
        self._flatten = flatten
        self._content = content
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        body, beside = await asyncio.to_thread(self._made)
        headers = {
            "content-type": self._form.content_type,
            "content-length": str(len(body)),
            "content-disposition": f'attachment; filename="{self._name}.{self._form.suffix}"',
            **beside,
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    def _made(self) -> tuple[bytes, dict[str, str]]:
        content = self._content.answer() if isinstance(self._content, Answered) else self._content
        found = {name: getattr(content, name, None) for name in BESIDE}
        beside = {
            f"evensplit-{name.replace('_', '-')}": quote(str(value).lower() if value is True else str(value))
            for name, value in found.items()
            if isinstance(value, str | int) and value is not False
        }
        return self._form.render(self._flatten(content)), beside


def _wanted(request: Request[Any, Any, Any]) -> str:
    """The content type that the client likes best among those there are."""
    return request.accept.best_match([JSON, *FORMS]) or JSON


def _file_name(path: str) -> str:
    """The last word of the path."""
    return re.sub(r"[^a-z0-9_-]", "", path.rstrip("/").rpartition("/")[2]) or "table"
