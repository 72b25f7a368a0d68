"""What the writer does with one group of requests: everything in it is committed by one transaction, or none of it.

`Group` and `Outcome` are plain tuples on the wire (`frames`), laid flat so that the statements bind them as they stand.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from evensplit import clock
from evensplit.storage.embedded.message_ids import MessageIds
from evensplit.storage.embedded.record import Connection, DatabaseError, IntegrityError

EVENT_COLUMNS = 5
LARGEST_CHUNK = 512  # rows of one INSERT; larger ones were no faster
REJECTS_KEPT = 10_000  # whole, per reason
DUPLICATES_KEPT = 100  # whole, per group; the counts are exact
DAY_MS = 86_400_000
MOST_STATED = 50_000  # links that the writer remembers: looking one up takes as long as writing an event

# A link that was stated before, as of then or earlier, is not stated again: most events of a known user name both ids.
LINK = """INSERT INTO es_identity (kind, subject, object, stated_at) SELECT 'link', ?1, ?2, ?3 WHERE NOT EXISTS (
    SELECT 1 FROM es_identity WHERE kind = 'link' AND subject = ?1 AND object = ?2 AND stated_at <= ?3
        AND id > (SELECT coalesce(max(id), 0) FROM es_identity WHERE kind = 'unlink' AND subject = ?1)
)"""


class Group(NamedTuple):
    """What arrived while the group before it was being committed."""

    seq: int
    values: list[str | None]  # five entries an event
    keys: list[bytes | None]  # one an event, or empty
    links: list[tuple[str, str, str]]
    rejects: list[tuple[str, str, str]]
    operations: list[tuple[str, list[tuple[object, ...]]]]  # (kind, rows): "statements", "metrics", "assign"


class Outcome(NamedTuple):
    """What became of it: duplicates are positions in the group; results stand in the order of the operations.

    The ids of the events kept follow one another from `first_id`; 0 where there are none."""

    seq: int
    error: str  # empty, or why nothing at all was kept
    first_id: int
    duplicates: list[int]
    results: list[tuple[str, object]]  # ("ok", value), ("conflict", message) or ("error", message)


class Writer:
    """Applies groups to the record. `mark` names this start of the server."""

    def __init__(self, con: Connection, mark: str, dedup_days: int) -> None:
        self._con = con
        self._mark = mark
        self._dedup_days = dedup_days
        self._ids = MessageIds(con)
        self._forgotten = 0
        self._rejects_since_trim = 0
        self._stated: dict[tuple[str, str], str] = {}  # links known to stand in the record, and since when

    def apply(self, group: Group) -> Outcome:
        """Commit the group, synced to disk."""
        con = self._con
        try:
            con.execute("BEGIN IMMEDIATE")
            first_id, duplicates, results = self._store(group)
            con.execute("COMMIT")
        except (DatabaseError, OverflowError) as error:
            if con.in_transaction:
                con.execute("ROLLBACK")
            self._ids.rollback()
            self._stated.clear()
            return Outcome(group.seq, f"{type(error).__name__}: {error}", 0, [], [])
        self._ids.commit()
        return Outcome(group.seq, "", first_id, duplicates, results)

    def tend(self) -> None:
        """Housekeeping between groups: seal the log of message ids, forget old ones, trim the rejects."""
        today = clock.now_ms() // DAY_MS
        if self._ids.ripe:
            self._alone(self._ids.seal)
        if self._forgotten != today:
            self._forgotten = today
            self._alone(lambda: self._ids.forget(today - self._dedup_days))
        if self._rejects_since_trim >= REJECTS_KEPT // 10:
            self._rejects_since_trim = 0
            self._alone(self._trim_rejects)

    def _alone(self, work: Callable[[], None]) -> None:
        try:
            self._con.execute("BEGIN IMMEDIATE")
            work()
            self._con.execute("COMMIT")
        except DatabaseError:
            if self._con.in_transaction:
                self._con.execute("ROLLBACK")
            self._ids = MessageIds(self._con)

    def _store(self, group: Group) -> tuple[int, list[int], list[tuple[str, object]]]:
        now = clock.now_ms()
        values, duplicates = group.values, []
        rejects = group.rejects
        if group.keys:
            duplicates = self._ids.admit(group.keys)
            if duplicates:
                rejects = rejects + [_duplicate(values, position) for position in duplicates[:DUPLICATES_KEPT]]
                values = _without(values, duplicates)
        first = 0
        if values:
            last = self._insert_events(values)
            first = last - len(values) // EVENT_COLUMNS + 1
            self._arrived(now // 1000, first, last)
        if group.links:
            self._link(group.links)
        results = [self._operation(kind, rows) for kind, rows in group.operations]
        if rejects or len(duplicates) > DUPLICATES_KEPT:
            self._note_rejects(rejects, len(duplicates) - DUPLICATES_KEPT, now)
        self._ids.log(now // DAY_MS)
        self._con.execute(
            "INSERT INTO es_state (name, value) VALUES ('last_group', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
            (json.dumps([self._mark, group.seq, duplicates]),),
        )
        return first, duplicates, results

    def _link(self, links: list[tuple[str, str, str]]) -> None:
        """State the links that were not stated before, as of then or earlier."""
        stated, new = self._stated, {}
        for anonymous_id, user_id, at in links:
            pair = (anonymous_id, user_id)
            known = stated.get(pair)
            if known is None or at < known:
                stated[pair] = new[pair] = at
        self._con.executemany(LINK, [(*pair, at) for pair, at in new.items()])
        if len(stated) > MOST_STATED:
            stated.clear()

    def _insert_events(self, values: list[str | None]) -> int:
        """Multi-row INSERTs in power-of-two chunks, so that few statements are ever prepared; the last id."""
        con, at, rows = self._con, 0, len(values) // EVENT_COLUMNS
        last = 0
        while rows:
            chunk = min(LARGEST_CHUNK, 1 << (rows.bit_length() - 1))
            end = at + chunk * EVENT_COLUMNS
            last = con.execute(_insert_sql(chunk), values[at:end]).lastrowid or 0
            at, rows = end, rows - chunk
        return last

    def _arrived(self, second: int, first: int, last: int) -> None:
        self._con.execute(
            "INSERT INTO es_arrivals (second, first_id, last_id) VALUES (?, ?, ?) "
            "ON CONFLICT (second) DO UPDATE SET last_id = excluded.last_id",
            (second, first, last),
        )

    def _operation(self, kind: str, rows: list[tuple[object, ...]]) -> tuple[str, object]:
        """One operation, all or nothing; a broken constraint undoes it and nothing else of the group."""
        con = self._con
        offered = self._ids.offered
        con.execute("SAVEPOINT operation")
        try:
            result = getattr(self, f"_{kind}")(rows)
        except IntegrityError as error:
            con.execute("ROLLBACK TO operation")
            self._ids.rollback(offered)
            return "conflict", str(error)
        except (DatabaseError, OverflowError) as error:
            con.execute("ROLLBACK TO operation")
            self._ids.rollback(offered)
            return "error", f"{type(error).__name__}: {error}"
        finally:
            con.execute("RELEASE operation")
        return "ok", result

    def _statements(self, rows: list[tuple[object, ...]]) -> list[tuple[list[tuple[object, ...]], int, int]]:
        """(sql, parameters) each; the rows returned, the last row id and the row count of each."""
        done = []
        for sql, parameters in rows:
            if "es_identity" in str(sql):  # it may undo a link
                self._stated.clear()
            cursor = self._con.execute(sql, parameters)  # type: ignore[arg-type]
            found = cursor.fetchall() if cursor.description else []
            done.append((found, cursor.lastrowid or 0, cursor.rowcount))
        return done

    def _metrics(self, rows: list[tuple[object, ...]]) -> list[int]:
        """(test_id, variant_id, metric_name, value, created_at, user_id, key) each; positions of the duplicates."""
        duplicates = self._ids.admit([row[6] for row in rows])  # type: ignore[misc]
        seen = set(duplicates)
        for position, row in enumerate(rows):
            if position in seen:
                continue
            cursor = self._con.execute(
                "INSERT INTO ab_metrics (test_id, variant_id, metric_name, value, created_at) VALUES (?, ?, ?, ?, ?)",
                row[:5],
            )
            if row[5] is not None:
                self._con.execute(
                    "INSERT INTO es_metric_users (metric_id, user_id) VALUES (?, ?)", (cursor.lastrowid, row[5])
                )
        return duplicates

    def _assign(self, rows: list[tuple[object, ...]]) -> list[tuple[int, str, bool]]:
        """(user_id, test_id, variant_id, assigned_at) each; (variant_id, assigned_at, new) of the row that stands."""
        con, standing = self._con, []
        for user_id, test_id, variant_id, assigned_at in rows:
            found = con.execute(
                "SELECT variant_id, assigned_at FROM ab_assignments WHERE user_id = ? AND test_id = ?",
                (user_id, test_id),
            ).fetchone()
            if found is None:
                con.execute(
                    "INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at) VALUES (?, ?, ?, ?)",
                    (user_id, test_id, variant_id, assigned_at),
                )
                standing.append((variant_id, assigned_at, True))
            else:
                standing.append((found[0], found[1], False))
        return standing  # type: ignore[return-value]

    def _note_rejects(self, rejects: list[tuple[str, str, str]], uncounted: int, now: int) -> None:
        received = clock.to_text(now)
        counts: dict[str, int] = {"duplicate": uncounted} if uncounted > 0 else {}
        for reason, _, _ in rejects:
            counts[reason] = counts.get(reason, 0) + 1
        self._con.executemany(
            "INSERT INTO es_rejects (reason, message, event, received_at) VALUES (?, ?, ?, ?)",
            [(*reject, received) for reject in rejects],
        )
        self._con.executemany(
            "INSERT INTO es_reject_counts (reason, count) VALUES (?, ?) "
            "ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count",
            list(counts.items()),
        )
        self._rejects_since_trim += len(rejects)

    def _trim_rejects(self) -> None:
        for (reason,) in self._con.execute("SELECT reason FROM es_reject_counts").fetchall():
            self._con.execute(
                "DELETE FROM es_rejects WHERE reason = ?1 AND id <= "
                "(SELECT id FROM es_rejects WHERE reason = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (reason, REJECTS_KEPT),
            )


@cache
def _insert_sql(rows: int) -> str:
    return "INSERT INTO events (event_type, user_id, session_id, properties, created_at) VALUES " + ",".join(
        ["(?,?,?,?,?)"] * rows
    )


def _without(values: list[str | None], positions: list[int]) -> list[str | None]:
    """`values` less the events at `positions` (ascending)."""
    kept: list[str | None] = []
    at = 0
    for position in positions:
        kept += values[at : position * EVENT_COLUMNS]
        at = (position + 1) * EVENT_COLUMNS
    kept += values[at:]
    return kept


def _duplicate(values: list[str | None], position: int) -> tuple[str, str, str]:
    at = position * EVENT_COLUMNS
    names = ("event_type", "user_id", "session_id", "properties", "created_at")
    event = {
        name: value for name, value in zip(names, values[at : at + EVENT_COLUMNS], strict=True) if value is not None
    }
    return "duplicate", "an event with this message_id is stored already", json.dumps(event)[:4096]
