"""The five tables of the contract, verbatim, and the first tables of ours."""

from alembic import op
from sqlalchemy import Column, Table
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from evensplit.storage.schema import CONTRACT, extension

revision = "0001"
down_revision = None

# Whoever deletes or changes a row that has been copied leaves its id here, in the same transaction.
WATCHED = ("events", "ab_assignments", "ab_metrics", "es_links")
TOMBSTONE = """CREATE TRIGGER {table}_{when} AFTER {event} ON {table} BEGIN
    INSERT INTO es_tombstones (table_name, row_id) VALUES ('{table}', OLD.id);
END"""

# Small tables are copied whole when this number has moved.
SMALL = ("ab_tests", "ab_variants")
GENERATION = """CREATE TRIGGER {table}_{when} AFTER {event} ON {table} BEGIN
    INSERT INTO es_state (name, value) VALUES ('generation_{table}', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT);
END"""


def upgrade() -> None:
    for ddl in CONTRACT.values():
        op.execute(ddl)
    for table in extension.sorted_tables:
        op.execute(_ddl(table))
        for index in table.indexes:
            op.execute(str(CreateIndex(index).compile(dialect=op.get_bind().dialect)))
    for table_name in WATCHED:
        op.execute(TOMBSTONE.format(table=table_name, when="deleted", event="DELETE"))
        op.execute(TOMBSTONE.format(table=table_name, when="changed", event="UPDATE"))
    for table_name in SMALL:
        for when, event in (("added", "INSERT"), ("deleted", "DELETE"), ("changed", "UPDATE")):
            op.execute(GENERATION.format(table=table_name, when=when, event=event))


def _ddl(table: Table) -> str:
    """CREATE TABLE with the foreign keys that `schema` notes beside the columns."""
    dialect = op.get_bind().dialect
    text = str(CreateTable(table).compile(dialect=dialect)).strip()
    for column in table.columns:
        target = column.info.get("references")
        if target:
            plain = _column(column)
            text = text.replace(plain, f"{plain} REFERENCES {target} ON DELETE CASCADE", 1)
    return text


def _column(column: Column[object]) -> str:
    return str(CreateColumn(column).compile(dialect=op.get_bind().dialect)).strip()
