"""An experiment's whole results over millions of events: the time of one reply with ten metrics, beside other tools.

python -m bench.experiments [--users N] [--events N] [--folder DIR]
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from evensplit.storage.embedded.preparation import RECORD, Preparation

# An experiment over four weeks: users come in its first two, events begin four days before it.
_ASSIGN = """INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
SELECT 'user-' || i, 1, 1 + (i * 7919) % 2,
    strftime('%Y-%m-%d %H:%M:%f', '2026-10-05', '+' || (i * 1209.6 / ?1 * 1000) || ' seconds') FROM n"""
_EVENTS = """INSERT INTO events (event_type, user_id, session_id, properties, created_at)
WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2),
dice(i, user, kind, amount) AS MATERIALIZED (
    SELECT i, (abs(random()) % ?4) * (abs(random()) % 1000) / 1000, abs(random()) % 20, abs(random()) % 10000 FROM n
)
SELECT CASE WHEN kind < 11 THEN 'page_view' WHEN kind < 16 THEN 'click' WHEN kind < 18 THEN 'add_to_cart'
        WHEN kind < 19 THEN 'purchase' ELSE 'load' END,
    'user-' || user, 's' || user || '-' || i * 30 / ?3,
    printf('{"country":"%s","plan":"%s","amount":%d.%02d,"items":%d,"ms":%d}',
        substr('DEFRNZUSBRINJPKE', user % 8 * 2 + 1, 2), substr('freepro team', user % 3 * 4 + 1, 4),
        amount / 100, amount % 100, amount % 7 + 1, amount * amount / 20000),
    strftime('%Y-%m-%d %H:%M:%f', '2026-10-01', '+' || (i * 2592.0 / ?3 * 1000) || ' seconds')
FROM dice"""
PART = 500_000  # rows of one transaction


def fill(folder: Path, users: int, events: int) -> None:
    """A record as if all of it had been captured."""
    preparation = Preparation(folder, "bench")
    preparation.finish()
    with closing(sqlite3.connect(folder / RECORD, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = OFF")
        con.execute("INSERT INTO ab_tests (id, test_name) VALUES (1, 'bench')")
        con.execute("INSERT INTO ab_variants (test_id, variant_name, weight) VALUES (1, 'control', 1), (1, 'new', 1)")
        con.execute(_ASSIGN, [users])
        for start in range(0, events, PART):
            con.execute(_EVENTS, [start, min(start + PART, events), events, users])
    preparation.lock.release()


if __name__ == "__main__":
    import sys

    fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
