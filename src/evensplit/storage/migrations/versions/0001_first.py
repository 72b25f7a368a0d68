"""The five tables of the contract, verbatim, and the first tables of ours. Written out, so that it never changes."""

from alembic import op

revision = "0001"
down_revision = None

CONTRACT = (
    """CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_type TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    properties TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)""",
    """CREATE TABLE ab_tests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_name TEXT NOT NULL UNIQUE,
    description TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)""",
    """CREATE TABLE ab_variants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL,
    variant_name TEXT NOT NULL,
    description TEXT,
    weight REAL NOT NULL DEFAULT 1.0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE
)""",
    """CREATE TABLE ab_assignments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    test_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    assigned_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
    FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE,
    UNIQUE(user_id, test_id)
)""",
    """CREATE TABLE ab_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    metric_name TEXT NOT NULL,
    value REAL NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
    FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE
)""",
)

OURS = (
    # One-to-one with ab_tests; a test without a row here (another program's) counts as running.
    """CREATE TABLE es_experiments (
    test_id INTEGER PRIMARY KEY REFERENCES ab_tests(id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    control TEXT,
    hash_version TEXT NOT NULL,
    seed TEXT NOT NULL,
    method TEXT NOT NULL,
    metrics TEXT NOT NULL,
    origin TEXT NOT NULL,
    started_at TEXT,
    stopped_at TEXT
)""",
    """CREATE TABLE es_variants (
    variant_id INTEGER PRIMARY KEY REFERENCES ab_variants(id) ON DELETE CASCADE,
    payload TEXT
)""",
    # Which weight was in force since when.
    """CREATE TABLE es_weights (
    id INTEGER PRIMARY KEY,
    variant_id INTEGER NOT NULL REFERENCES ab_variants(id) ON DELETE CASCADE,
    weight REAL NOT NULL,
    since TEXT NOT NULL
)""",
    # Who a row of ab_metrics belongs to, where the sender said so.
    """CREATE TABLE es_metric_users (
    metric_id INTEGER PRIMARY KEY REFERENCES ab_metrics(id) ON DELETE CASCADE,
    user_id TEXT NOT NULL
)""",
    """CREATE TABLE es_keys (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_at TEXT NOT NULL,
    revoked_at TEXT
)""",
    # Every link ever stated; which one counts is decided when it is asked.
    """CREATE TABLE es_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    anonymous_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    linked_at TEXT NOT NULL,
    UNIQUE (anonymous_id, user_id)
)""",
    "CREATE INDEX es_links_by_user ON es_links (user_id)",
    # What was refused or noted: the last ones whole, the counts for ever.
    """CREATE TABLE es_rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    event TEXT NOT NULL,
    received_at TEXT NOT NULL
)""",
    "CREATE INDEX es_rejects_by_reason ON es_rejects (reason, id)",
    "CREATE TABLE es_reject_counts (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
    # Which event ids were committed in which second (Unix time).
    """CREATE TABLE es_arrivals (
    second INTEGER PRIMARY KEY,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL
)""",
    # A random mark a start; the columnar copy remembers the marks it was fed under.
    "CREATE TABLE es_starts (id INTEGER PRIMARY KEY, mark TEXT NOT NULL, started_at TEXT NOT NULL)",
    # Rows deleted or changed by anybody; the triggers below write it.
    """CREATE TABLE es_tombstones (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    row_id INTEGER NOT NULL
)""",
    # Single values: last_group, tombstones_pruned, generation_...
    "CREATE TABLE es_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # Message ids: see storage.embedded.message_ids.
    "CREATE TABLE es_message_log (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, keys BLOB NOT NULL)",
    """CREATE TABLE es_message_runs (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    day INTEGER NOT NULL,
    low BLOB NOT NULL,
    high BLOB NOT NULL
)""",
    "CREATE TABLE es_message_blooms (generation INTEGER PRIMARY KEY, bits BLOB NOT NULL)",
    """CREATE TABLE es_message_pages (
    run INTEGER NOT NULL,
    first BLOB NOT NULL,
    keys BLOB NOT NULL,
    PRIMARY KEY (run, first)
) WITHOUT ROWID""",
)

# Whoever deletes or changes a row that has been copied leaves its id here, in the same transaction.
WATCHED = ("events", "ab_assignments", "ab_metrics", "es_links")
DELETED = """CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN
    INSERT INTO es_tombstones (table_name, row_id) VALUES ('{table}', OLD.id);
END"""
CHANGED = """CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} BEGIN
    INSERT INTO es_tombstones (table_name, row_id) VALUES ('{table}', OLD.id);
    INSERT INTO es_tombstones (table_name, row_id) SELECT '{table}', NEW.id WHERE NEW.id <> OLD.id;
END"""

# Small tables are copied whole when this number has moved.
SMALL = ("ab_tests", "ab_variants")
GENERATION = """CREATE TRIGGER {table}_{when} AFTER {event} ON {table} BEGIN
    INSERT INTO es_state (name, value) VALUES ('generation_{table}', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT);
END"""


def upgrade() -> None:
    for ddl in (*CONTRACT, *OURS):
        op.execute(ddl)
    for table in WATCHED:
        op.execute(DELETED.format(table=table))
        op.execute(CHANGED.format(table=table))
    for table in SMALL:
        for when, event in (("added", "INSERT"), ("deleted", "DELETE"), ("changed", "UPDATE")):
            op.execute(GENERATION.format(table=table, when=when, event=event))
