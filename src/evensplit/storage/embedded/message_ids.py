"""Which message ids have been stored: a log-structured set of 16-byte keys inside the record.

A plain unique index costs a random page a key once it outgrows the cache. Here each commit appends its keys to a
log (one small row); every 65,536 keys the log is sealed into a sorted run, and sixteen runs share one Bloom filter
that is held in memory. A new key costs one set look-up and one Bloom probe per million remembered keys, and no probe
where it is greater than all of them, as a key that begins with the time is; only a key that was probably seen is
looked for on disk. Whole runs are dropped when their youngest day is out of date.
"""

from typing import TYPE_CHECKING

from evensplit.storage.embedded.record import Connection

KEY = 16
RUN = 65_536
PAGE = 256
RUNS_A_GENERATION = 16

if TYPE_CHECKING:
    from evensplit.storage.embedded.bloom import Bloom  # arrays: loaded when a first run is sealed, not with the writer


class MessageIds:
    """The set, on the writer's connection. `admit` inside a transaction, then `commit` or `rollback` with it."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self._recent: set[bytes] = set()  # what the log holds
        self._offered: list[bytes] = []  # what the open transaction adds
        for (keys,) in con.execute("SELECT keys FROM es_message_log"):
            self._recent.update(_cut(keys))
        self._blooms: dict[int, Bloom] = {
            generation: _bloom(bits)
            for generation, bits in con.execute("SELECT generation, bits FROM es_message_blooms")
        }
        self._highest = self._sealed_up_to()

    def admit(self, keys: list[bytes | None]) -> list[int]:
        """Take up the keys that are new; return the positions of those already stored. None is always new."""
        recent, offered = self._recent, self._offered
        stored = self._stored(keys)
        duplicates = []
        for position, key in enumerate(keys):
            if key is None:
                continue
            if key in recent or key in stored:
                duplicates.append(position)
            else:
                recent.add(key)
                offered.append(key)
        return duplicates

    def log(self, day: int) -> None:
        """Write what the transaction took up. `day` is the day of arrival, counted from 1970."""
        if self._offered:
            self._con.execute("INSERT INTO es_message_log (day, keys) VALUES (?, ?)", (day, b"".join(self._offered)))

    def commit(self) -> None:
        self._offered.clear()

    @property
    def offered(self) -> int:
        """How many keys the open transaction has taken up so far: a point to roll back to."""
        return len(self._offered)

    def rollback(self, to: int = 0) -> None:
        """Give back what was taken up since `to`."""
        self._recent.difference_update(self._offered[to:])
        del self._offered[to:]

    @property
    def ripe(self) -> bool:
        """Whether the log is long enough to be sealed."""
        return len(self._recent) >= RUN

    def seal(self) -> None:
        """Turn the log into a sorted run. Call inside a transaction of its own; it is all or nothing with it."""
        keys = sorted(self._recent)
        con = self._con
        (day,) = con.execute("SELECT coalesce(max(day), 0) FROM es_message_log").fetchone()
        generation, runs = con.execute(
            "SELECT generation, count(*) FROM es_message_runs GROUP BY generation ORDER BY generation DESC LIMIT 1"
        ).fetchone() or (1, 0)
        if runs >= RUNS_A_GENERATION:
            generation += 1
        run = con.execute(
            "INSERT INTO es_message_runs (generation, day, low, high) VALUES (?, ?, ?, ?) RETURNING id",
            (generation, day, keys[0], keys[-1]),
        ).fetchone()[0]
        con.executemany(
            "INSERT INTO es_message_pages (run, first, keys) VALUES (?, ?, ?)",
            ((run, keys[i], b"".join(keys[i : i + PAGE])) for i in range(0, len(keys), PAGE)),
        )
        bloom = _bloom(bytes(known)) if (known := self._blooms.get(generation)) else _bloom()
        bloom.add(b"".join(keys))
        con.execute(
            "INSERT OR REPLACE INTO es_message_blooms (generation, bits) VALUES (?, ?)", (generation, bytes(bloom))
        )
        con.execute("DELETE FROM es_message_log")
        self._blooms[generation] = bloom
        self._highest = max(self._highest, keys[-1])
        self._recent.clear()

    def forget(self, before_day: int) -> None:
        """Drop the runs whose youngest key arrived before `before_day`. Call inside a transaction."""
        con = self._con
        con.execute(
            "DELETE FROM es_message_pages WHERE run IN (SELECT id FROM es_message_runs WHERE day < ?)", (before_day,)
        )
        con.execute("DELETE FROM es_message_runs WHERE day < ?", (before_day,))
        con.execute("DELETE FROM es_message_blooms WHERE generation NOT IN (SELECT generation FROM es_message_runs)")
        kept = {generation for (generation,) in con.execute("SELECT generation FROM es_message_blooms")}
        self._blooms = {generation: bits for generation, bits in self._blooms.items() if generation in kept}
        self._highest = self._sealed_up_to()

    def _sealed_up_to(self) -> bytes:
        """The greatest key of any run; no key is as small as the empty text, which stands where there is no run."""
        (high,) = self._con.execute("SELECT coalesce(max(high), x'') FROM es_message_runs").fetchone()
        return bytes(high)

    def _stored(self, keys: list[bytes | None]) -> set[bytes]:
        """Which of `keys` stand in runs."""
        highest = self._highest
        asked = [key for key in keys if key is not None and key <= highest]
        if not asked:
            return set()
        whole, found = b"".join(asked), set()
        for generation, bloom in self._blooms.items():
            for position in bloom.probable(whole):
                if self._on_disk(asked[position], generation):
                    found.add(asked[position])
        return found

    def _on_disk(self, key: bytes, generation: int) -> bool:
        pages = self._con.execute(
            """SELECT (SELECT keys FROM es_message_pages WHERE run = id AND first <= ?1 ORDER BY first DESC LIMIT 1)
               FROM es_message_runs WHERE generation = ?2 AND low <= ?1 AND high >= ?1""",
            (key, generation),
        )
        return any(_holds(keys, key) for (keys,) in pages)


def _holds(keys: bytes | None, key: bytes) -> bool:
    """Whether the key stands in a page, at a place where keys begin."""
    at = -1 if keys is None else keys.find(key)
    while at >= 0 and at % KEY:
        at = keys.find(key, at + 1)  # type: ignore[union-attr]
    return at >= 0


def _cut(keys: bytes) -> list[bytes]:
    return [keys[i : i + KEY] for i in range(0, len(keys), KEY)]


def _bloom(bits: bytes | None = None) -> "Bloom":
    from evensplit.storage.embedded.bloom import Bloom

    return Bloom(bits)
