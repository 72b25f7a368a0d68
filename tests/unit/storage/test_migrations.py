"""What the migrations make: the five tables of the contract, and the tables that statements are built from."""

import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Table

from evensplit.storage import schema
from evensplit.storage.embedded.record import is_current
from evensplit.storage.migrate import migrate

CONTRACT = {
    "events": "CREATE TABLE events ( id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, user_id TEXT, "
    "session_id TEXT, properties TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP )",
    "ab_tests": "CREATE TABLE ab_tests ( id INTEGER PRIMARY KEY AUTOINCREMENT, test_name TEXT NOT NULL UNIQUE, "
    "description TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP )",
    "ab_variants": "CREATE TABLE ab_variants ( id INTEGER PRIMARY KEY AUTOINCREMENT, test_id INTEGER NOT NULL, "
    "variant_name TEXT NOT NULL, description TEXT, weight REAL NOT NULL DEFAULT 1.0, "
    "created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE )",
    "ab_assignments": "CREATE TABLE ab_assignments ( id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, "
    "test_id INTEGER NOT NULL, variant_id INTEGER NOT NULL, "
    "assigned_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE, "
    "FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE, UNIQUE(user_id, test_id) )",
    "ab_metrics": "CREATE TABLE ab_metrics ( id INTEGER PRIMARY KEY AUTOINCREMENT, test_id INTEGER NOT NULL, "
    "variant_id INTEGER NOT NULL, metric_name TEXT NOT NULL, value REAL NOT NULL, "
    "created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP, "
    "FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE, "
    "FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE )",
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("record") / "analytics.db"
    assert not is_current(path)
    migrate(path)
    assert is_current(path)
    return path


def test_the_contract_stands_verbatim(record: Path) -> None:
    con = sqlite3.connect(record)
    found = dict(con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    con.close()
    for name, ddl in CONTRACT.items():
        assert re.sub(r"\s+", " ", found[name]) == ddl
    ours = {name for name in found if not name.startswith(("es_", "sqlite_", "alembic_"))}
    assert ours == set(CONTRACT), "everything else of ours is named es_..."


@pytest.mark.parametrize(
    "table", [*schema.contract.sorted_tables, *schema.extension.sorted_tables], ids=lambda table: table.name
)
def test_statements_are_built_from_what_the_migrations_made(record: Path, table: Table) -> None:
    con = sqlite3.connect(record)
    found = {row[1]: bool(row[3] or row[5]) for row in con.execute(f"PRAGMA table_info({table.name})")}
    con.close()
    assert {column.name: not column.nullable for column in table.columns} == found


def test_migrating_twice_changes_nothing(record: Path) -> None:
    con = sqlite3.connect(record)
    before = con.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall()
    migrate(record)
    assert con.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall() == before
    con.close()
