"""Who looked at an experiment's results, and when. Written out, so that it never changes."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = (
    """CREATE TABLE es_peeks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL REFERENCES ab_tests(id) ON DELETE CASCADE,
    looked_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    moment TEXT NOT NULL,
    method TEXT NOT NULL,
    alpha REAL NOT NULL,
    metric TEXT NOT NULL,
    definition TEXT NOT NULL,
    version TEXT NOT NULL,
    via TEXT NOT NULL,
    UNIQUE (test_id, moment, method, alpha, metric, definition)
)""",
)


def upgrade() -> None:
    for ddl in TABLES:
        op.execute(ddl)
