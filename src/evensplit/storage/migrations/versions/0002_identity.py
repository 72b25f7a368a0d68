"""Who is who becomes one log (links, merges, traits) in the place of es_links; cohorts. Written out, never changed."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = (
    # Everything ever stated about who is who; what counts is decided when it is asked.
    """CREATE TABLE es_identity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    object TEXT NOT NULL,
    value TEXT,
    text TEXT,
    number REAL,
    stated_at TEXT NOT NULL
)""",
    "CREATE INDEX es_identity_by_subject ON es_identity (kind, subject, object)",
    "CREATE INDEX es_identity_by_object ON es_identity (kind, object)",
    """CREATE TABLE es_cohorts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
)""",
    # The fixed lists in definitions, each by its place there.
    """CREATE TABLE es_cohort_users (
    id INTEGER PRIMARY KEY,
    cohort TEXT NOT NULL REFERENCES es_cohorts(name) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    user_id TEXT NOT NULL
)""",
    "CREATE INDEX es_cohort_users_by_cohort ON es_cohort_users (cohort, part)",
)

# Links keep their ids, and no later row takes one that was given out: an as_of of before still means the same.
MOVE = (
    """INSERT INTO es_identity (id, kind, subject, object, stated_at)
    SELECT id, 'link', anonymous_id, user_id, linked_at FROM es_links ORDER BY id""",
    "DELETE FROM sqlite_sequence WHERE name = 'es_identity'",
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'es_identity', seq FROM sqlite_sequence WHERE name = 'es_links'",
    "DROP TABLE es_links",  # with its triggers; what is dropped leaves no tombstones
)

WATCHED = (
    """CREATE TRIGGER es_identity_deleted AFTER DELETE ON es_identity BEGIN
    INSERT INTO es_tombstones (table_name, row_id) VALUES ('es_identity', OLD.id);
END""",
    """CREATE TRIGGER es_identity_changed AFTER UPDATE ON es_identity BEGIN
    INSERT INTO es_tombstones (table_name, row_id) VALUES ('es_identity', OLD.id);
    INSERT INTO es_tombstones (table_name, row_id) SELECT 'es_identity', NEW.id WHERE NEW.id <> OLD.id;
END""",
)

GENERATION = """CREATE TRIGGER es_cohorts_{when} AFTER {event} ON es_cohorts BEGIN
    INSERT INTO es_state (name, value) VALUES ('generation_es_cohorts', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT);
END"""


def upgrade() -> None:
    for statement in (*TABLES, *MOVE, *WATCHED):
        op.execute(statement)
    for when, event in (("added", "INSERT"), ("deleted", "DELETE"), ("changed", "UPDATE")):
        op.execute(GENERATION.format(when=when, event=event))
