"""The browser script `/es.js` as it is served, and the tag that a page loads it by. What it does stands in `es.js`.

Where a page may send what the script records is decided by `api.capture`; nothing of the script is known there.
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

import msgspec

from evensplit.web.responses import OPEN, Headers, Receive, Scope, Send, send_bytes

PATH = "/es.js"
HOUR = 3600  # seconds for which browsers need not ask again

_SOURCE = Path(__file__).with_name("es.js")


class Served(msgspec.Struct, frozen=True):
    """One form of the script, ready to be sent: its bytes, their headers, and the ETag alone."""

    body: bytes
    headers: Headers
    etag: bytes


@cache
def text() -> bytes:
    """The script without its comments and indentation. No line of it begins inside a string or a template."""
    lines = (line.strip() for line in _SOURCE.read_text(encoding="utf-8").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//")).encode()


@cache
def integrity() -> str:
    """The hash for the `integrity` attribute of a script tag: `sha384-...`. Another release may have another one."""
    return "sha384-" + base64.b64encode(hashlib.sha384(text()).digest()).decode()


def tag(origin: str, write_key: str, pinned: bool = False) -> str:
    """The HTML that loads the script from `origin` (`https://events.example.com`).

    `pinned`: the browser runs exactly the script of this release, and none at all after another one is installed."""
    hash_ = f' integrity="{integrity()}" crossorigin="anonymous"' if pinned else ""
    source = escape(origin.rstrip("/") + PATH)
    return f'<script defer src="{source}" data-key="{escape(write_key)}"{hash_}></script>'


@cache
def _served(compressed: bool) -> Served:
    body = text()
    name = hashlib.sha256(body).hexdigest()[:20] + ("-gzip" if compressed else "")
    etag = f'"{name}"'.encode()
    headers: Headers = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"cache-control", b"public, max-age=%d" % HOUR),
        (b"etag", etag),
        (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        OPEN,
    ]
    if compressed:
        body = gzip.compress(body, 9, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    return Served(body, headers, etag)


async def serve(scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]) -> None:
    """The reply to GET and HEAD; 304 where the browser has this very script."""
    served = _served(takes_gzip(headers.get(b"accept-encoding", b"")))
    if served.etag in headers.get(b"if-none-match", b""):
        await send_bytes(send, 304, served.headers, b"")
        return
    length = (b"content-length", b"%d" % len(served.body))
    await send_bytes(send, 200, [*served.headers, length], b"" if scope["method"] == "HEAD" else served.body)


def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110: a weight of 0 forbids it)."""
    for item in accepted.lower().split(b","):
        name, _, weight = item.partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
