"""Connections to a ClickHouse server, or to the same engine inside this process: the room of clickhouse_connect."""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from clickhouse_connect.driver import Client, create_client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from evensplit import clock
from evensplit.errors import EvensplitError, StartError
from evensplit.storage.clickhouse.binding import SETTINGS, bound
from evensplit.storage.clickhouse.properties import INSERT_SETTINGS

log = logging.getLogger(__name__)

DATABASE = "evensplit"
MEMORY = ":memory:"
CONNECT = 10  # seconds
ANSWER = 330  # seconds that the driver waits; the engine gives up before
LIMITS: Mapping[str, str | int] = {
    "max_execution_time": 300,
    "max_memory_usage": 10_000_000_000,
    "max_bytes_before_external_group_by": 4_000_000_000,
    "max_bytes_before_external_sort": 4_000_000_000,
}
INSERT: Mapping[str, str | int] = {
    **INSERT_SETTINGS,
    "async_insert": 0,  # requests are gathered here, and acknowledged when their block is stored
    "max_partitions_per_insert_block": 0,  # an import brings many months at once
}


class EngineError(EvensplitError):
    """What the engine or the way to it said; whether a change was made is open. `reached`: it was the engine."""

    def __init__(self, error: ClickHouseError) -> None:
        lines = str(error).strip().splitlines()
        super().__init__(lines[0][:500] if lines else type(error).__name__)
        self.reached = getattr(error, "code", None) is not None or not isinstance(error, OperationalError)


class Target(msgspec.Struct, frozen=True):
    """Where the events are: a server, or (with a `path`) the engine in this process. `settings` hold for questions."""

    database: str
    host: str = ""
    port: int = 0
    secure: bool = False
    user: str = ""
    password: str = ""
    path: str = ""
    settings: Mapping[str, str] = {}

    @property
    def embedded(self) -> bool:
        return not self.host

    @property
    def shown(self) -> str:
        """Without the password."""
        return f"chdb://{self.path}" if self.embedded else f"clickhouse://{self.host}:{self.port}/{self.database}"


def target(url: str) -> Target:
    """Reads `clickhouse://user:pass@host:8123/db`, `chdb:///dir` and, gone with the process, `chdb://memory/db`.

    Raises StartError."""
    try:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        port = parts.port
    except ValueError as error:
        raise _wrong(str(error)) from None
    if parts.scheme == "chdb" and not parts.netloc and parts.path.strip("/"):
        return Target(given.pop("database", DATABASE), path=str(Path(unquote(parts.path)).resolve()), settings=given)
    database = unquote(parts.path).strip("/") or DATABASE
    if parts.scheme == "chdb" and parts.netloc == "memory":
        return Target(database, path=MEMORY, settings=given)
    if parts.scheme != "clickhouse" or not parts.hostname or "/" in database:
        raise _wrong("it names no server and no directory")
    secure = given.pop("secure", "0").lower() in ("1", "true", "yes")
    return Target(
        database,
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        secure=secure,
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        settings=given,
    )


def _wrong(why: str) -> StartError:
    return StartError(f"--events: {why}; it is clickhouse://user:pass@host:8123/db, or chdb:///directory")


class Connection:
    """A client a thread. Every method may be called from any thread and raises EngineError."""

    def __init__(self, to: Target) -> None:
        self.to = to
        self._own = threading.local()
        self._all: list[Client] = []
        self._lock = threading.Lock()
        reading = {} if to.embedded else {"readonly": 2}  # in this process the setting would stay for everybody
        self._questions = {**SETTINGS, **LIMITS, **reading, **to.settings}

    def open(self) -> None:
        """Reach the server and make the database where it is missing."""
        first = self._client(None)
        try:
            first.command(f"CREATE DATABASE IF NOT EXISTS {_quoted(self.to.database)}")
        except ClickHouseError as error:
            log.info("the database %s is taken as it stands: %s", self.to.database, EngineError(error))
        finally:
            first.close()

    def close(self) -> None:
        with self._lock:
            clients, self._all = self._all, []
        for client in clients:
            client.close()

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows of a question, under the settings and limits of questions."""
        text, parameters = bound(sql, values)
        return self._rows(text, parameters, self._questions)

    def look_up(self, sql: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        """The rows of a statement of this room, whose parameters name their types themselves."""
        return self._rows(sql, parameters, {})

    def _rows(
        self, sql: str, parameters: Mapping[str, object], settings: Mapping[str, str | int]
    ) -> list[tuple[object, ...]]:
        try:
            found = self._mine().query(sql, parameters=dict(parameters) or None, settings=dict(settings))
            return [tuple(row) for row in cast("Sequence[Sequence[object]]", found.result_rows)]
        except ClickHouseError as error:
            raise EngineError(error) from error

    def command(self, sql: str, values: Sequence[object] = ()) -> None:
        """A statement that changes something. Settings stand in its text."""
        text, parameters = bound(sql, values)
        try:
            self._mine().command(text, parameters=parameters or None)
        except ClickHouseError as error:
            raise EngineError(error) from error

    def insert(
        self, table: str, types: Mapping[str, str], columns: Sequence[Sequence[object]], token: str = ""
    ) -> None:
        """One block, column by column; stored when this returns. The same `token` again adds nothing.

        Without one it has its own, or the engine would take equal rows of a later insert for the same ones."""
        if not columns or not columns[0]:
            return
        more: dict[str, str | int] = {"insert_deduplication_token": token or clock.random_bytes(16).hex()}
        if token and not self.to.embedded:
            more["query_id"] = token
        try:
            self._mine().insert(
                table,
                columns,
                column_names=list(types),
                column_type_names=list(types.values()),
                column_oriented=True,
                settings={**INSERT, **more},
            )
        except ClickHouseError as error:
            raise EngineError(error) from error

    def end(self, token: str) -> None:
        """Return when no insert of that token is under way any more."""
        if not self.to.embedded:
            self.command("KILL QUERY WHERE query_id = ? SYNC", [token])

    def _mine(self) -> Client:
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._client(self.to.database)
            with self._lock:
                self._all.append(client)
        return client

    def _client(self, database: str | None) -> Client:
        to = self.to
        try:
            if to.embedded:
                return create_client(interface="chdb", path=to.path, database=database)
            return create_client(
                host=to.host,
                port=to.port,
                interface="https" if to.secure else "http",
                username=to.user,
                password=to.password,
                database=database,
                connect_timeout=CONNECT,
                send_receive_timeout=ANSWER,
                client_name="evensplit",
                autogenerate_session_id=False,  # a session takes one statement at a time
            )
        except ClickHouseError as error:
            raise EngineError(error) from error


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
