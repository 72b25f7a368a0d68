"""The tables that the catalog's statements are built from: three of the contract, and ours, named `es_...`.

What creates them are the migrations, in SQL of their own. The tables that only the embedded record has (arrivals,
tombstones, message ids, rejects) are known to the migrations and to `storage.embedded`. A test compares the two.
"""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

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


def _follows(name: str) -> Column[int]:
    """One row of ours beside one row of the contract, gone when that row is gone (the migration's foreign key)."""
    return Column(name, Integer, primary_key=True)


es_experiments = Table(  # one-to-one with ab_tests; a test without a row here counts as running
    "es_experiments",
    extension,
    _follows("test_id"),
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
    _follows("variant_id"),
    Column("payload", Text),  # JSON
)
es_weights = Table(  # which weight was in force since when: expected shares over time need it
    "es_weights",
    extension,
    _id(),
    Column("variant_id", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("since", Text, nullable=False),
)
es_metric_users = Table(  # who a row of ab_metrics belongs to, where the sender said so
    "es_metric_users",
    extension,
    _follows("metric_id"),
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
es_identity = Table(  # everything ever stated about who is who; what of it counts is decided when it is asked
    "es_identity",
    extension,
    _id(),
    # link: subject is an anonymous id, object a user · unlink: earlier links of the anonymous id count no more
    # merge: subject is a user, object the person they are from now on, value the user they were made part of
    # trait: subject is a user, object the trait's name, value its JSON, text and number its forms in reports
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("value", Text),
    Column("text", Text),
    Column("number", Float),
    Column("stated_at", Text, nullable=False),
    Index("es_identity_by_subject", "kind", "subject", "object"),
    Index("es_identity_by_object", "kind", "object"),
    sqlite_autoincrement=True,
)
es_cohorts = Table(
    "es_cohorts",
    extension,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", Text, nullable=False),  # JSON; its fixed lists stand in es_cohort_users
    Column("created_at", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    sqlite_autoincrement=True,
)
es_cohort_users = Table(  # `part` counts the fixed lists of a definition; gone with their cohort
    "es_cohort_users",
    extension,
    _id(),
    Column("cohort", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("user_id", Text, nullable=False),
    Index("es_cohort_users_by_cohort", "cohort", "part"),
)
es_state = Table(  # single values; the generations of ab_tests and ab_variants move with every change by anybody
    "es_state",
    extension,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
es_saved = Table(  # reports under a name
    "es_saved",
    extension,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("report", Text, nullable=False),  # JSON as it was sent
    Column("description", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
)
es_dashboards = Table(
    "es_dashboards",
    extension,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("since", Text),  # stands in for that of its reports
    Column("until", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
)
es_tiles = Table(  # where a saved report stands on a dashboard; gone with either
    "es_tiles",
    extension,
    _id(),
    Column("dashboard_id", Integer, nullable=False),
    Column("saved_id", Integer, nullable=False),
    Column("x", Integer, nullable=False),
    Column("y", Integer, nullable=False),
    Column("w", Integer, nullable=False),
    Column("h", Integer, nullable=False),
)
es_annotations = Table(
    "es_annotations",
    extension,
    _id(),
    Column("at", Text, nullable=False),  # a date or an instant, as it was sent
    Column("moment", Integer, nullable=False),  # the same in milliseconds since 1970-01-01 UTC, to sort and choose by
    Column("text", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
es_accounts = Table(  # who may sign in to the pages
    "es_accounts",
    extension,
    _id(),
    Column("name", Text, nullable=False, unique=True),  # whatever its case
    Column("role", Text, nullable=False),  # viewer, editor, admin
    Column("password", Text),  # argon2id; NULL until the first one is set
    Column("invite", Text, unique=True),  # SHA-256 of the one-time link that waits to be used
    Column("created_at", Text, nullable=False),
)
es_sign_ins = Table(  # who is signed in; gone with the account
    "es_sign_ins",
    extension,
    Column("hash", Text, primary_key=True),  # SHA-256 of the cookie
    Column("account_id", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
)
es_shares = Table(  # links that show one saved report or one dashboard to anybody; gone with it
    "es_shares",
    extension,
    _id(),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 of the link's token
    Column("hint", Text, nullable=False),
    Column("saved_id", Integer),
    Column("dashboard_id", Integer),
    Column("account_id", Integer),  # who made it
    Column("created_at", Text, nullable=False),
)
es_peeks = Table(  # every reading of results: what was seen first cannot be unseen; the same again is no other reading
    "es_peeks",
    extension,
    _id(),
    Column("test_id", Integer, nullable=False),  # gone with the test
    Column("looked_at", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("moment", Text, nullable=False),  # the same without what changes at a restart: how far everything was read
    Column("method", Text, nullable=False),
    Column("alpha", Float, nullable=False),
    Column("metric", Text, nullable=False),  # empty: all of them
    Column("definition", Text, nullable=False),  # of the experiment, as a hash
    Column("version", Text, nullable=False),  # of Evensplit
    Column("via", Text, nullable=False),  # api, pages, command
    UniqueConstraint("test_id", "moment", "method", "alpha", "metric", "definition"),
)
