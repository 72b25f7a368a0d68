"""The tables of the record. The five of the contract stand here verbatim; everything of ours is named `es_...`.

The SQLAlchemy tables are what statements are built from; the migrations create what stands here.
"""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

CONTRACT = {
    "events": """CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_type TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    properties TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)""",
    "ab_tests": """CREATE TABLE ab_tests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_name TEXT NOT NULL UNIQUE,
    description TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)""",
    "ab_variants": """CREATE TABLE ab_variants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL,
    variant_name TEXT NOT NULL,
    description TEXT,
    weight REAL NOT NULL DEFAULT 1.0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE
)""",
    "ab_assignments": """CREATE TABLE ab_assignments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    test_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    assigned_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
    FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE,
    UNIQUE(user_id, test_id)
)""",
    "ab_metrics": """CREATE TABLE ab_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    test_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    metric_name TEXT NOT NULL,
    value REAL NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
    FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE
)""",
}

# --- the contract's tables, as statements see them ------------------------------------------------

contract = MetaData()

ab_tests = Table(
    "ab_tests",
    contract,
    Column("id", Integer, primary_key=True),
    Column("test_name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("created_at", Text, nullable=False),
)
ab_variants = Table(
    "ab_variants",
    contract,
    Column("id", Integer, primary_key=True),
    Column("test_id", ForeignKey("ab_tests.id", ondelete="CASCADE"), nullable=False),
    Column("variant_name", Text, nullable=False),
    Column("description", Text),
    Column("weight", Float, nullable=False),
    Column("created_at", Text, nullable=False),
)
ab_assignments = Table(
    "ab_assignments",
    contract,
    Column("id", Integer, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("test_id", ForeignKey("ab_tests.id", ondelete="CASCADE"), nullable=False),
    Column("variant_id", ForeignKey("ab_variants.id", ondelete="CASCADE"), nullable=False),
    Column("assigned_at", Text, nullable=False),
    UniqueConstraint("user_id", "test_id"),
)

# --- ours -----------------------------------------------------------------------------------------

extension = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _follows(name: str, target: str) -> Column[int]:
    """One row of ours beside one row of the contract, gone when that row is gone.

    The foreign key stands in the DDL of the migration: the two MetaData are created by different hands."""
    return Column(name, Integer, primary_key=True, info={"references": target})


es_experiments = Table(  # one-to-one with ab_tests; a test without a row here counts as running
    "es_experiments",
    extension,
    _follows("test_id", "ab_tests(id)"),
    Column("status", Text, nullable=False),  # draft, running, stopped, archived
    Column("control", Text),  # variant name; NULL: the first variant
    Column("hash_version", Text, nullable=False),
    Column("seed", Text, nullable=False),
    Column("method", Text, nullable=False),  # fixed, sequential, bayesian
    Column("metrics", Text, nullable=False),  # JSON list of definitions
    Column("origin", Text, nullable=False),  # created, loaded
    Column("started_at", Text),
    Column("stopped_at", Text),
)
es_variants = Table(  # one-to-one with ab_variants
    "es_variants",
    extension,
    _follows("variant_id", "ab_variants(id)"),
    Column("payload", Text),  # JSON
)
es_weights = Table(  # which weight was in force since when: expected shares over time need it
    "es_weights",
    extension,
    _id(),
    Column("variant_id", Integer, nullable=False, info={"references": "ab_variants(id)"}),
    Column("weight", Float, nullable=False),
    Column("since", Text, nullable=False),
)
es_metric_users = Table(  # who a row of ab_metrics belongs to, where the sender said so
    "es_metric_users",
    extension,
    _follows("metric_id", "ab_metrics(id)"),
    Column("user_id", Text, nullable=False),
)
es_keys = Table(
    "es_keys",
    extension,
    _id(),
    Column("kind", Text, nullable=False),  # write, secret
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256, hexadecimal
    Column("hint", Text, nullable=False),  # the first and last characters, to recognise it by
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
)
es_links = Table(  # every link ever stated; which one counts is decided when it is asked (earliest by time, then id)
    "es_links",
    extension,
    _id(),
    Column("anonymous_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("linked_at", Text, nullable=False),
    UniqueConstraint("anonymous_id", "user_id"),
    sqlite_autoincrement=True,
)
es_rejects = Table(
    "es_rejects",
    extension,
    _id(),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    Index("es_rejects_by_reason", "reason", "id"),
    sqlite_autoincrement=True,
)
es_reject_counts = Table(
    "es_reject_counts",
    extension,
    Column("reason", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)
es_arrivals = Table(  # which ids were committed in which second: as_of by time, and late events
    "es_arrivals",
    extension,
    Column("second", Integer, primary_key=True),  # Unix time
    Column("first_id", Integer, nullable=False),
    Column("last_id", Integer, nullable=False),
)
es_starts = Table(  # a random mark a start; the columnar copy remembers the marks it was fed under
    "es_starts",
    extension,
    _id(),
    Column("mark", Text, nullable=False),
    Column("started_at", Text, nullable=False),
)
es_tombstones = Table(  # rows deleted or changed by anybody; triggers write it
    "es_tombstones",
    extension,
    _id(),
    Column("table_name", Text, nullable=False),
    Column("row_id", Integer, nullable=False),
    sqlite_autoincrement=True,
)
es_state = Table(  # single values: last_group, tombstones_pruned, catalog_generation
    "es_state",
    extension,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
es_message_log = Table(  # message keys of the groups since the last run was sealed, 16 bytes each
    "es_message_log",
    extension,
    _id(),
    Column("day", Integer, nullable=False),
    Column("keys", LargeBinary, nullable=False),
)
es_message_runs = Table(  # a sealed, sorted run of message keys
    "es_message_runs",
    extension,
    _id(),
    Column("generation", Integer, nullable=False),  # the runs that share a Bloom filter
    Column("day", Integer, nullable=False),  # of its youngest key
    Column("low", LargeBinary, nullable=False),
    Column("high", LargeBinary, nullable=False),
)
es_message_blooms = Table(
    "es_message_blooms",
    extension,
    Column("generation", Integer, primary_key=True),
    Column("bits", LargeBinary, nullable=False),
)
es_message_pages = Table(  # the keys of a run, 256 a page, found by the page's first key
    "es_message_pages",
    extension,
    Column("run", Integer, primary_key=True),
    Column("first", LargeBinary, primary_key=True),
    Column("keys", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
