"""What a page answers with. Not here: what is on it (`pages`, `templates`), or how errors are shown (`front`)."""

from collections.abc import AsyncIterator
from typing import TypeAlias
from urllib.parse import quote

import msgspec

Header: TypeAlias = tuple[bytes, bytes]

# Nothing runs or is loaded but what this server sends; plotly writes style elements of its own.
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
GUARDS: tuple[Header, ...] = (
    (b"content-security-policy", CONTENT_SECURITY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
PRIVATE: Header = (b"cache-control", b"no-store")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`body` is sent whole, or piece by piece for as long as the browser listens."""

    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[Header, ...] = ()

    def with_headers(self, *headers: Header) -> "Reply":
        return msgspec.structs.replace(self, headers=(*self.headers, *headers))


def html(text: str, status: int = 200) -> Reply:
    return Reply(body=text.encode("utf-8", "replace"), status=status)


def redirect(path: str, *headers: Header) -> Reply:
    """On to another page, by GET. `path` is one of ours, made with `link`."""
    return Reply(status=303, headers=((b"location", path.encode("ascii", "replace")), *headers))


def download(body: bytes, name: str, content_type: str) -> Reply:
    """A file; `name` may hold anything."""
    disposition = f"attachment; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'), safe='')}"
    return Reply(body=body, content_type=content_type, headers=((b"content-disposition", disposition.encode()),))


def stream(pieces: AsyncIterator[bytes]) -> Reply:
    """Server-sent events."""
    return Reply(body=pieces, content_type="text/event-stream")


def link(path: str, **query: str) -> str:
    """A path of ours with its query; parts of `path` that hold data have been through `segment`."""
    shown = "&".join(f"{name}={quote(value.encode('utf-8', 'replace'), safe='')}" for name, value in query.items())
    return f"{path}?{shown}" if shown else path


def segment(text: str) -> str:
    """Data as one part of a path."""
    return quote(text.encode("utf-8", "replace"), safe="")
