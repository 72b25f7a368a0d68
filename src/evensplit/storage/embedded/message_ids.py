"""Which message ids have been stored: a log-structured set of 16-byte keys inside the record.

A plain unique index costs a random page a key once it outgrows the cache. Here each commit appends its keys to a
log (one small row); every 65,536 keys the log is sealed into a sorted run, and sixteen runs share one Bloom filter
that is held in memory. A new key costs one set look-up and one Bloom probe per million remembered keys; only a key
that was probably seen is looked for on disk. Whole runs are dropped when their youngest day is out of date.
"""

from zlib import crc32

from evensplit.storage.embedded.record import Connection

KEY = 16
RUN = 65_536
PAGE = 256
RUNS_A_GENERATION = 16
BLOOM_BITS = 1 << 24  # 16 bits a key for a full generation: with four probes 0.24 % false positives
MASK = BLOOM_BITS - 1


class MessageIds:
    """The set, on the writer's connection. `admit` inside a transaction, then `commit` or `rollback` with it."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self._recent: set[bytes] = set()  # what the log holds
        self._offered: list[bytes] = []  # what the open transaction adds
        for (keys,) in con.execute("SELECT keys FROM es_message_log"):
            self._recent.update(_cut(keys))
        self._blooms: dict[int, bytearray] = {
            generation: bytearray(bits)
            for generation, bits in con.execute("SELECT generation, bits FROM es_message_blooms")
        }

    def admit(self, keys: list[bytes | None]) -> list[int]:
        """Take up the keys that are new; return the positions of those already stored. None is always new."""
        recent, offered = self._recent, self._offered
        blooms = list(self._blooms.items())
        duplicates = []
        for position, key in enumerate(keys):
            if key is None:
                continue
            if key in recent or (blooms and self._sealed(key, blooms)):
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
        bloom = bytearray(self._blooms.get(generation) or bytes(BLOOM_BITS // 8))
        for key in keys:
            for bit in _probes(key):
                bloom[bit >> 3] |= 1 << (bit & 7)
        con.execute(
            "INSERT OR REPLACE INTO es_message_blooms (generation, bits) VALUES (?, ?)", (generation, bytes(bloom))
        )
        con.execute("DELETE FROM es_message_log")
        self._blooms[generation] = bloom
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

    def _sealed(self, key: bytes, blooms: list[tuple[int, bytearray]]) -> bool:
        first, step = crc32(key), crc32(key[::-1]) | 1
        for generation, bits in blooms:
            bit = first
            for _ in range(4):
                at = bit & MASK
                if not bits[at >> 3] >> (at & 7) & 1:
                    break
                bit += step
            else:
                if self._on_disk(key, generation):
                    return True
        return False

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


def _probes(key: bytes) -> tuple[int, int, int, int]:
    """Four bit positions by double hashing (Kirsch and Mitzenmacher, 2006)."""
    first, step = crc32(key), crc32(key[::-1]) | 1
    return first & MASK, (first + step) & MASK, (first + 2 * step) & MASK, (first + 3 * step) & MASK
