"""Saved reports, dashboards of them, annotations. Written out, so that it never changes."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    """CREATE TABLE es_saved (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    report TEXT NOT NULL,
    description TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)""",
    """CREATE TABLE es_dashboards (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    since TEXT,
    until TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)""",
    # Where a saved report stands on a dashboard.
    """CREATE TABLE es_tiles (
    id INTEGER PRIMARY KEY,
    dashboard_id INTEGER NOT NULL REFERENCES es_dashboards(id) ON DELETE CASCADE,
    saved_id INTEGER NOT NULL REFERENCES es_saved(id) ON DELETE CASCADE,
    x INTEGER NOT NULL,
    y INTEGER NOT NULL,
    w INTEGER NOT NULL,
    h INTEGER NOT NULL
)""",
    "CREATE INDEX es_tiles_by_dashboard ON es_tiles (dashboard_id)",
    "CREATE INDEX es_tiles_by_saved ON es_tiles (saved_id)",
    """CREATE TABLE es_annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    moment INTEGER NOT NULL,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL
)""",
    "CREATE INDEX es_annotations_by_moment ON es_annotations (moment)",
)


def upgrade() -> None:
    for ddl in TABLES:
        op.execute(ddl)
