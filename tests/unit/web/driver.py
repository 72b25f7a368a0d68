"""What the tests of the hot routes stand on: a caller that speaks ASGI, and a small store on SQLite in memory."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from evensplit.api.capture import Hot
from evensplit.errors import Conflict
from evensplit.experiments.assignments import Assigner
from evensplit.model.event import Batch, Kept
from evensplit.model.experiment import Design, NewExperiment, NewVariant
from evensplit.settings import Settings
from evensplit.storage.base import NewAssignment, NewMetric, Statement, StoredAssignment, Value, Written
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.keys import key_hash
from evensplit.storage.embedded.groups import LINK
from evensplit.web.guard import Keys
from evensplit.web.responses import Message, Receive, Scope, Send

WRITE, SECRET = "es_w_write_key", "es_s_secret_key"


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def error(self, status: int) -> str:
        """The code, once the shape is right."""
        assert self.status == status, self.body
        whole = self.json()
        assert set(whole) == {"error"} and {"code", "message"} <= set(whole["error"]) <= {"code", "message", "details"}
        assert self.headers["content-type"] == "application/json"
        assert int(self.headers["content-length"]) == len(self.body)
        assert isinstance(whole["error"]["code"], str) and whole["error"]["message"]
        return str(whole["error"]["code"])


class MemoryStore:
    """What the hot routes need of the two ports, on one SQLite connection. `fails`, if set, is raised by appends."""

    def __init__(self, empty: Path) -> None:
        """`empty` is a fresh record, of which this is a copy."""
        self.con = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with closing(sqlite3.connect(empty)) as origin:
            origin.backup(self.con)
        self.ids: set[bytes] = set()
        self.fails: Exception | None = None

    def _admitted(self, keys: Iterable[bytes | None]) -> list[int]:
        """The positions of keys seen before."""
        again = []
        for position, key in enumerate(keys):
            if key is not None and key in self.ids:
                again.append(position)
            elif key is not None:
                self.ids.add(key)
        return again

    def _rejects(self, batch: Batch) -> None:
        self.con.executemany(
            "INSERT INTO es_rejects (reason, message, event, received_at) VALUES (?, ?, ?, '')",
            [(reject.reason, reject.message, reject.event) for reject in batch.rejects],
        )

    async def append(self, batch: Batch) -> Kept:
        if self.fails is not None:
            raise self.fails
        again = self._admitted(batch.keys)
        rows = [batch.values[at : at + 5] for at in range(0, len(batch.values), 5)]
        self.con.executemany(
            "INSERT INTO events (event_type, user_id, session_id, properties, created_at) VALUES (?, ?, ?, ?, ?)",
            [row for position, row in enumerate(rows) if position not in again],
        )
        self.con.executemany(LINK, batch.links)
        self._rejects(batch)
        return Kept(again)

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept:
        again = self._admitted(row.key for row in rows)
        self.con.executemany(
            "INSERT INTO ab_metrics (test_id, variant_id, metric_name, value, created_at) VALUES (?, ?, ?, ?, ?)",
            [
                (row.test_id, row.variant_id, row.metric_name, row.value, row.created_at)
                for position, row in enumerate(rows)
                if position not in again
            ],
        )
        self._rejects(rejects)
        return Kept(again)

    def read(self, statement: Statement) -> list[tuple[Value, ...]]:
        return self.con.execute(*statement).fetchall()

    async def write(self, statements: Sequence[Statement]) -> list[Written]:
        done = []
        try:
            for sql, values in statements:
                cursor = self.con.execute(sql, values)
                found = cursor.fetchall() if cursor.description else []
                done.append(Written(found, cursor.lastrowid or 0, cursor.rowcount))
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error
        return done

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        standing = []
        for row in rows:
            new = self.con.execute(
                "INSERT OR IGNORE INTO ab_assignments (user_id, test_id, variant_id, assigned_at) VALUES (?, ?, ?, ?)",
                (row.user_id, row.test_id, row.variant_id, row.assigned_at),
            ).rowcount
            variant_id, at = self.con.execute(
                "SELECT variant_id, assigned_at FROM ab_assignments WHERE user_id = ? AND test_id = ?",
                (row.user_id, row.test_id),
            ).fetchone()
            standing.append(StoredAssignment(row.user_id, row.test_id, variant_id, at, new=bool(new)))
        return standing


class Product:
    """What the application wires, as far as the hot routes need it."""

    def __init__(self, settings: Settings, empty: Path) -> None:
        self.settings = settings
        self.store = MemoryStore(empty)
        self.catalog = Catalog(self.store)
        self.assigner = Assigner(self.catalog, self.store)
        self.keys = Keys([(key_hash(WRITE), "write"), (key_hash(SECRET), "secret")])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.con.execute(sql).fetchall()

    def experiment(self, name: str, start: bool = True) -> None:
        design = Design(name, (NewVariant("a"), NewVariant("b")))
        asyncio.run(self.catalog.create(NewExperiment(design=design, start=start)))


async def rest(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands behind the hot routes and says what reached it."""
    body = f"rest {scope['method']} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Caller:
    """Calls an ASGI application as a server would."""

    def __init__(self, product: Product, behind: Callable[[Scope, Receive, Send], Awaitable[None]] = rest) -> None:
        self.product = product
        self.app = Hot(product, behind)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: dict[str, str] | None = None,
        key: str | None = SECRET,
    ) -> Reply:
        """A body in pieces arrives in pieces."""
        replies = self.messages(method, path, [body] if isinstance(body, bytes) else body, headers or {}, key)
        assert [message["type"] for message in replies] == ["http.response.start", "http.response.body"]
        start, content = replies
        shown = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], shown, content["body"])

    def messages(
        self, method: str, path: str, pieces: Sequence[bytes | None], headers: dict[str, str], key: str | None
    ) -> list[Message]:
        """Everything the application sent. A piece that is None: the client goes away."""
        path, _, query = path.partition("?")
        given = {"host": "127.0.0.1:8400"} | ({"authorization": f"Bearer {key}"} if key else {}) | headers
        incoming: list[Message] = [
            {"type": "http.disconnect"}
            if piece is None
            else {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            return incoming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        }
        asyncio.run(self.app(scope, receive, send))
        return sent

    def post(self, path: str, body: object, headers: dict[str, str] | None = None, key: str | None = SECRET) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, data, headers, key)

    def get(self, path: str, key: str | None = SECRET) -> Reply:
        return self.call("GET", path, key=key)
