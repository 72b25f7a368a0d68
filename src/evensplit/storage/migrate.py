"""Bring a record up to the newest migration. Run as a program of its own before the writer starts.

A short-lived process, because Alembic costs 15 MB and most of a second that no serving process should keep.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry


def migrate(path: Path, revision: str = "head") -> None:
    """Create the SQLite record at `path`, or upgrade it, in one transaction: to the newest revision, or to an older."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _open(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would not for DDL
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    config = Config()
    config.set_main_option("script_location", "evensplit.storage:migrations")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


if __name__ == "__main__":
    migrate(Path(sys.argv[1]), *sys.argv[2:3])
