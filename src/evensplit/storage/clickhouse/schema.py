"""The tables on ClickHouse. Not here: how rows get into them, and the record's tables that are copied beside them.

Every insert is synced to disk before it is acknowledged, and the last blocks are remembered by their token, so that
a block sent again is stored once. Tables that exist already (replicated ones, say) are used as they stand.
"""

from collections.abc import Mapping

from evensplit.storage.embedded.tables import COLUMNS
from evensplit.storage.embedded.tail import ROWS, SMALL

INSTANT = "DateTime64(3, 'UTC')"
DURABLE = "fsync_after_insert = 1, fsync_part_directory = 1"
BLOCKS_REMEMBERED = 1_000

# Columns in the order in which they are sent. What `props` and `texts` hold: `properties`.
EVENTS: Mapping[str, str] = {
    "id": "Int64",
    "event_type": "LowCardinality(String)",
    "user_id": "Nullable(String)",
    "session_id": "Nullable(String)",
    "properties": "Nullable(String)",
    "props": "JSON",
    "texts": "Map(String, String)",
    "created_at": INSTANT,
}
METRICS: Mapping[str, str] = {
    "id": "Int64",
    "test_id": "Int64",
    "variant_id": "Int64",
    "metric_name": "String",
    "value": "Float64",
    "created_at": INSTANT,
    "user_id": "Nullable(String)",
}
KEYS: Mapping[str, str] = {
    "key": "UInt128",  # the 16 bytes of a message id, as a number
    "table_name": "LowCardinality(String)",
    "id": "Int64",  # of the row that brought it
    "first_id": "Int64",  # of the group that the row was stored with
    "day": "Date",  # of arrival
}
STARTS: Mapping[str, str] = {"mark": "String", "record": "String", "started_at": INSTANT}
STATE: Mapping[str, str] = {"name": "String", "value": "String", "version": "Int64"}
ERASURES: Mapping[str, str] = {
    "erased_at": INSTANT,
    "what": "String",
    "table_name": "String",
    "last_id": "Int64",  # the highest given by then: none is given twice
}

# Of the record, copied here: what an experiment's analysis and the persons behind ids need.
COPIED = tuple(name for name in (*ROWS, *SMALL) if name not in ("events", "ab_metrics"))
_TYPES = {
    "BIGINT": "Nullable(Int64)",
    "VARCHAR": "Nullable(String)",
    "DOUBLE": "Nullable(Float64)",
    "TIMESTAMP": f"Nullable({INSTANT})",
}


def copied(table: str) -> Mapping[str, str]:
    """The columns of a table of the record here: as in the other columnar copy."""
    columns = {}
    for column in COLUMNS[table].split(", "):
        name, kind = column.split()[:2]
        columns[name] = "Int64" if name == "id" else _TYPES[kind]
    return columns


def statements() -> list[str]:
    """What creates the tables that are not there yet."""
    made = [
        _table("events", EVENTS, _EVENTS_STORED),
        _table("ab_metrics", METRICS, "ENGINE = MergeTree ORDER BY (test_id, metric_name, id)"),
        # Keys are looked up at random: small granules keep that cheap. Whole weeks are dropped once they are old.
        _table("es_message_keys", KEYS, "ENGINE = MergeTree PARTITION BY toMonday(day) ORDER BY key", 512),
        _table("es_starts", STARTS, "ENGINE = MergeTree ORDER BY started_at"),
        _table("es_state", STATE, "ENGINE = ReplacingMergeTree(version) ORDER BY name"),
        _table("es_erasures", ERASURES, "ENGINE = MergeTree ORDER BY erased_at"),
    ]
    for name in COPIED:
        for table in (name, f"{name}_next") if name in SMALL else (name,):
            order = "id" if "id" in copied(name) else "tuple()"
            made.append(_table(table, copied(name), f"ENGINE = MergeTree ORDER BY {order}"))
    return made


_EVENTS_STORED = (
    "ENGINE = MergeTree PARTITION BY toYYYYMM(created_at) "
    "ORDER BY (event_type, cityHash64(ifNull(user_id, '')), created_at, id)"
)
_MORE: Mapping[str, tuple[str, ...]] = {
    "events": ("INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 1",),  # single events are looked up by id
}


def _table(name: str, columns: Mapping[str, str], stored: str, granularity: int = 8192) -> str:
    parts = [f"{column} {kind}" for column, kind in columns.items()] + list(_MORE.get(name, ()))
    settings = (
        f"index_granularity = {granularity}, {DURABLE}, non_replicated_deduplication_window = {BLOCKS_REMEMBERED}"
    )
    return f"CREATE TABLE IF NOT EXISTS {name} (\n    " + ",\n    ".join(parts) + f"\n) {stored}\nSETTINGS {settings}"
