"""Accounts, who is signed in, links that show one thing to anybody. Written out, so that it never changes."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    """CREATE TABLE es_accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL,
    password TEXT,
    invite TEXT UNIQUE,
    created_at TEXT NOT NULL
)""",
    """CREATE TABLE es_sign_ins (
    hash TEXT PRIMARY KEY NOT NULL,
    account_id INTEGER NOT NULL REFERENCES es_accounts(id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
)""",
    "CREATE INDEX es_sign_ins_by_account ON es_sign_ins (account_id)",
    "CREATE INDEX es_sign_ins_by_end ON es_sign_ins (expires_at)",
    """CREATE TABLE es_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    saved_id INTEGER REFERENCES es_saved(id) ON DELETE CASCADE,
    dashboard_id INTEGER REFERENCES es_dashboards(id) ON DELETE CASCADE,
    account_id INTEGER REFERENCES es_accounts(id) ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    CHECK ((saved_id IS NULL) <> (dashboard_id IS NULL))
)""",
    "CREATE INDEX es_shares_by_saved ON es_shares (saved_id)",
    "CREATE INDEX es_shares_by_dashboard ON es_shares (dashboard_id)",
    "CREATE INDEX es_shares_by_account ON es_shares (account_id)",
)


def upgrade() -> None:
    for ddl in TABLES:
        op.execute(ddl)
