"""Databases of their own for the tests of this folder: of the engine in this process, or of the server that
EVENSPLIT_TEST_CLICKHOUSE names (clickhouse://user:pass@host:8123)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from urllib.parse import urlsplit

from evensplit.storage.clickhouse.connection import Connection, target

_numbers = count()


def server() -> str:
    return os.environ.get("EVENSPLIT_TEST_CLICKHOUSE", "")


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, gone afterwards."""
    _held()
    name = f"evensplit_store_{os.getpid()}_{next(_numbers)}"
    url = f"clickhouse://{urlsplit(server()).netloc}/{name}" if server() else f"chdb://memory/{name}"
    yield url
    connection = Connection(target(url))
    connection.command(f"DROP DATABASE IF EXISTS {name} SYNC")
    connection.close()


@cache
def _held() -> Connection:
    """What the engine in this process holds is gone with its last connection: this one stays."""
    held = Connection(
        target(f"clickhouse://{urlsplit(server()).netloc}/default" if server() else "chdb://memory/default")
    )
    held.ask("SELECT 1")
    return held
