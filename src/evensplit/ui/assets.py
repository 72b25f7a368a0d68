"""Style, scripts and plotly as the browser gets them: from here, compressed once, kept by it for good.

The path holds a hash of all of them, so that whatever changes has another address.
"""

import gzip
import hashlib
from functools import cache, cached_property
from pathlib import Path

import zstandard

from evensplit import charts
from evensplit.errors import NotFound
from evensplit.ui.replies import GUARDS, Reply

PREFIX = "/static/"
OURS = Path(__file__).parent / "static"
PLOTLY = "plotly.js"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".png": "image/png",
}
FOR_GOOD = (b"cache-control", b"public, max-age=31536000, immutable")
VARIES = (b"vary", b"accept-encoding")


class Assets:
    """Finds them by name."""

    @cached_property
    def files(self) -> dict[str, Path]:
        """Ours, and plotly's script where plotly is."""
        found = {path.name: path for path in sorted(OURS.iterdir()) if path.suffix in TYPES}
        plotly = charts.script()
        return found if plotly is None else {**found, PLOTLY: plotly}

    @cached_property
    def mark(self) -> str:
        """Changes with every file. Plotly's, which is large, is told by its size and beginning."""
        together = hashlib.sha256()
        for name, path in self.files.items():
            with path.open("rb") as file:
                together.update(f"{name} {path.stat().st_size}\n".encode() + file.read(1 << 18))
        return together.hexdigest()[:16]

    def link(self, name: str) -> str:
        """Where the browser finds it."""
        if name not in self.files:
            raise KeyError(name)
        return f"{PREFIX}{self.mark}/{name}"

    def reply(self, path: str, accepts: str) -> Reply:
        """What stands at a path below PREFIX. Under another mark it is sent all the same, and not kept."""
        mark, _, name = path.removeprefix(PREFIX).partition("/")
        file = self.files.get(name)
        if file is None:
            raise NotFound("there is nothing at this path")
        encoding = next((each for each in ("zstd", "gzip") if each in accepts), "")
        kept = FOR_GOOD if mark == self.mark else (b"cache-control", b"no-cache")
        headers = [kept, VARIES, *GUARDS]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        return Reply(body=_encoded(file, encoding), content_type=TYPES[file.suffix], headers=tuple(headers))


@cache
def _encoded(path: Path, encoding: str) -> bytes:
    body = path.read_bytes()
    if encoding == "zstd":
        return zstandard.compress(body, 9)
    return gzip.compress(body, 6, mtime=0) if encoding == "gzip" else body
