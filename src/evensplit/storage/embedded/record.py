"""Opening `analytics.db`: the room of sqlite3. The standard library's is the only SQLite in the process.

A second SQLite library in one process does not see the first one's POSIX locks; it was seen to delete a live WAL.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from evensplit.storage.migrations import HEAD

Connection = sqlite3.Connection
DatabaseError = sqlite3.DatabaseError
IntegrityError = sqlite3.IntegrityError
OperationalError = sqlite3.OperationalError


def open_writer(path: Path) -> Connection:
    """The one connection that writes and checkpoints; only the writer process calls this."""
    con = sqlite3.connect(path, isolation_level=None, cached_statements=512, timeout=5.0)
    con.execute("PRAGMA journal_mode = WAL")
    con.execute("PRAGMA synchronous = FULL")
    con.execute("PRAGMA foreign_keys = ON")
    con.execute("PRAGMA secure_delete = ON")
    con.execute("PRAGMA cache_size = -32000")
    return con


def open_reader(path: Path) -> Connection:
    """A connection that can neither write nor checkpoint. It may be handed between threads, one at a time."""
    con = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    con.execute("PRAGMA query_only = ON")
    con.execute("PRAGMA busy_timeout = 5000")
    return con


def is_current(path: Path) -> bool:
    """Whether the record exists and stands at the newest migration."""
    if not path.exists():
        return False
    try:
        with closing(open_reader(path)) as con:
            return con.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    except DatabaseError:
        return False  # what is wrong with it is said by the migration that is now tried
