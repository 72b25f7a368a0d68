"""How long pages of the demo take without their queries, and `/` over many events and over none.

python -m bench.pages [--events N]    Prints a table. Parts that a page fetches afterwards (answers) are not counted.
"""

import argparse
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

from bench import floors
from bench.product import rows
from tests.system.client import Client, Reply
from tests.system.server import Server, run_command

PASSWORD = "correct horse battery"
REPEATS = 30
MOST_MS = 200.0
PATHS = (
    "/", "/explore", "/explore/trend", "/dashboards", "/dashboards/Shop", "/annotations", "/events", "/users",
    "/users/user-00004", "/experiments", "/experiments/checkout_button", "/sql", "/setup", "/shares", "/accounts",
)  # fmt: skip


class Visitor:
    """Signed in as the admin; keeps the cookie."""

    def __init__(self, server: Server) -> None:
        self._client: Client = server.client(None, limit=300)
        self._cookies: dict[str, str] = {}
        page = self._sent("GET", "/sign-in")
        token = re.search(r'name="form-token" content="([0-9a-f]+)"', page.body.decode())
        assert token is not None
        form = {"form_token": token[1], "name": "admin", "password": PASSWORD, "next": "/"}
        reply = self._sent("POST", "/sign-in", urlencode(form).encode())
        assert reply.status == 303, reply.body

    def took(self, path: str) -> float:
        """Milliseconds for the page."""
        start = time.perf_counter()
        reply = self._sent("GET", path)
        spent = (time.perf_counter() - start) * 1000
        if reply.status != 200:
            raise RuntimeError(f"{path} answered {reply.status}")
        return spent

    def median(self, path: str) -> float:
        self.took(path)
        return statistics.median(self.took(path) for _ in range(REPEATS))

    def _sent(self, method: str, path: str, body: bytes | None = None) -> Reply:
        headers = {"accept": "text/html", "cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items())}
        if body is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        reply = self._client.call(method, path, body, headers)
        name, _, value = reply.headers.get("set-cookie", "").partition(";")[0].partition("=")
        if name:
            self._cookies[name] = value
        return reply


@contextmanager
def serving(data: Path) -> Iterator[Visitor]:
    server = Server(data, {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD})
    server.spawn()
    deadline = time.monotonic() + 1_800  # the columns of a large record are built first
    try:
        while not server.ready():
            if time.monotonic() > deadline or server.process is None or server.process.poll() is not None:
                raise RuntimeError(server.said())
            time.sleep(0.1)
        yield Visitor(server)
    finally:
        server.close()


def fill(data: Path, events: int) -> None:
    """A record with so many events, as the floors write them; the columns follow at the next start."""
    with serving(data):
        pass
    with closing(sqlite3.connect(data / "analytics.db")) as record:
        for part in rows(events):
            record.executemany(floors.INSERT, part)
            record.commit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="of the large record (0: leave it out)")
    wanted = parser.parse_args()
    lines: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        done = run_command("demo", "--fill-only", "--data", str(demo), limit=600)
        if done.returncode:
            raise RuntimeError(done.stderr)
        with serving(demo) as visitor:
            lines += [(path, visitor.median(path)) for path in PATHS]
        with serving(Path(folder) / "empty") as visitor:
            lines.append(("/ with no event", visitor.median("/")))
        if wanted.events:
            fill(Path(folder) / "large", wanted.events)
            with serving(Path(folder) / "large") as visitor:
                lines.append((f"/ with {wanted.events:,} events", visitor.median("/")))
                lines.append((f"/home/now with {wanted.events:,} events, the first time", visitor.took("/home/now")))
                lines.append((f"/home/now with {wanted.events:,} events", visitor.median("/home/now")))
    print(f"| page | median of {REPEATS}, ms | at most {MOST_MS:.0f} |\n|---|---|---|")
    for path, spent in lines:
        print(f"| `{path}` | {spent:.1f} | {'yes' if spent <= MOST_MS else '**no**'} |")


if __name__ == "__main__":
    main()
