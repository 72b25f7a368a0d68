"""Files of every kind come in whole: the same events whichever way, bad lines told, twice is once."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evensplit.errors import Invalid, Unavailable
from evensplit.ingest import pipeline
from evensplit.model.event import Batch, Kept
from evensplit.storage import parquet
from evensplit.storage.embedded.store import EmbeddedStore
from evensplit.transfer import fields, files, importer, tables
from evensplit.transfer.fields import Mapping, Options
from evensplit.transfer.importer import Chunk, Receipt, StoreSink, Summary
from evensplit.transfer.rows import Assembly
from tests.unit.examples import some

EVENTS: list[dict[str, str | float]] = [
    {"event_type": "view", "user_id": "ann", "at": "2026-11-01T10:00:00Z", "path": "/a b", "ms": 12.5, "new": True},
    {"event_type": "view", "user_id": "bob", "at": "2026-11-01T10:00:01Z", "path": 'say "hi"\nthere', "ms": 7},
    {"event_type": "buy", "user_id": "ann", "at": "2026-11-01T10:00:02Z", "new": False},
    {"event_type": "buy", "user_id": "çıé", "at": "2026-11-01T10:00:03Z", "path": "=1+1", "ms": -3},
]
NAMES = ["event_type", "user_id", "at", "path", "ms", "new"]
AT = fields.mapping(["timestamp=at"])
PLAIN = Options()
STORED = [
    ("view", "ann", "2026-11-01 10:00:00.000", {"path": "/a b", "ms": 12.5, "new": True}),
    ("view", "bob", "2026-11-01 10:00:01.000", {"path": 'say "hi"\nthere', "ms": 7}),
    ("buy", "ann", "2026-11-01 10:00:02.000", {"new": False}),
    ("buy", "çıé", "2026-11-01 10:00:03.000", {"path": "=1+1", "ms": -3}),
]


def csv_text(delimiter: str) -> str:
    def cell(value: object) -> str:
        text = "" if value is None else json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
        quoted = '"' + text.replace('"', '""') + '"'
        return quoted if any(sign in text for sign in (delimiter, '"', "\n")) else text

    rows: list[list[str] | list[str | float | None]] = [
        NAMES,
        *([event.get(name) for name in NAMES] for event in EVENTS),
    ]
    return "".join(delimiter.join(cell(value) for value in row) + "\n" for row in rows)


def write(path: Path) -> Path:
    """EVENTS in the format and compression that the name of the file says."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        lines = path.with_suffix(".ndjson")
        lines.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
        types = {"event_type": "VARCHAR", "user_id": "VARCHAR", "at": "TIMESTAMP", "path": "VARCHAR"}
        parquet.write(lines, types | {"ms": "DOUBLE", "new": "BOOLEAN"}, path)
        return path
    if name.endswith(".ndjson"):
        data = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
    else:
        data = csv_text("\t" if name.endswith(".tsv") else ";" if "semicolon" in name else ",").encode("utf-8-sig")
    if path.name.endswith(".gz"):
        data = gzip.compress(data)
    if path.name.endswith(".zst"):
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


async def load(
    store: EmbeddedStore,
    path: Path,
    chosen: Mapping = AT,
    options: Options = PLAIN,
    form: files.Format | None = None,
) -> Summary:
    return await importer.load(files.source(path, form), chosen, options, StoreSink(store), lambda *_: None)


def stored(store: EmbeddedStore) -> list[tuple[Any, ...]]:
    rows = store.read(("SELECT event_type, user_id, created_at, properties FROM events ORDER BY id", []))
    return [(kind, user, at, None if text is None else json.loads(str(text))) for kind, user, at, text in rows]


@pytest.mark.parametrize(
    "name",
    [
        "e.csv",
        "semicolon.csv",
        "e.tsv",
        "e.ndjson",
        "e.parquet",
        "e.csv.gz",
        "e.ndjson.zst",
        "e.ndjson.gz",
        "e.tsv.zst",
    ],
)
def test_every_format_brings_the_same_events(place: Any, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path)
        assert (summary.accepted, summary.refused) == (4, 0), summary
        assert stored(store) == STORED

    place.use(run)


def test_compression_and_format_need_not_be_in_the_name(place: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv.gz").rename(tmp_path / "plain")

    async def run(store: EmbeddedStore) -> None:
        with pytest.raises(Invalid, match="--format"):
            await load(store, path)
        assert (await load(store, path, form="csv")).accepted == 4
        assert stored(store) == STORED

    place.use(run)


def test_twice_is_once_where_lines_carry_a_message_id(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text("".join(f'{{"event_type":"e","message_id":"m{i}"}}\n' for i in range(9000)))

    async def run(store: EmbeddedStore) -> None:
        first, second = await load(store, path, Mapping()), await load(store, path, Mapping())
        assert (first.accepted, first.duplicate) == (9000, 0)
        assert (second.accepted, second.duplicate) == (0, 9000)

    place.use(run)


def test_bad_lines_are_told_with_their_line_and_stop_nothing(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    good = b'{"event_type":"e"}\n'
    path.write_bytes(
        good
        + b"\n"
        + b"[1]\n"
        + b'{"event_type":""}\n'
        + good
        + b"{nonsense\n"
        + b'{"event_type":"\xff"}\n'
        + good[:-1]
    )

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path, Mapping())
        assert summary.accepted == 3
        found = [(fault.line, fault.reason) for fault in summary.shown]
        assert found == [(3, "not_an_object"), (4, "missing_event_type"), (6, "invalid_json"), (7, "invalid_json")]
        assert store.read(("SELECT count(*) FROM es_rejects", [])) == [(4,)]

    place.use(run)


def test_lines_before_the_first_event_are_counted_right(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    path.write_text('\n\n5\n[1]\n{"event_type":"e"}\n{"event_type":5}\n')

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path, Mapping())
        assert summary.accepted == 1
        assert [fault.line for fault in summary.shown] == [3, 4, 6]

    place.use(run)


def test_crooked_rows_of_a_csv_are_told_with_their_line(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(b'event_type,a,b\nx,"1\n2",3\n\ny,1\nz,1,2,3\n,1,2\nok,\xff,\nok,4,"5"\n')

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path, Mapping())
        assert stored(store) == [
            ("x", None, stored(store)[0][2], {"a": "1\n2", "b": 3}),
            ("ok", None, stored(store)[1][2], {"a": 4, "b": 5}),
        ]
        assert [(fault.line, fault.reason) for fault in summary.shown] == [
            (5, "invalid_row"),
            (6, "invalid_row"),
            (7, "missing_event_type"),
            (8, "invalid_json"),
        ]
        assert store.read(("SELECT reason, count FROM es_reject_counts ORDER BY 1", [])) == [
            ("invalid_json", 1),
            ("invalid_row", 2),
            ("missing_event_type", 1),
        ]

    place.use(run)


def test_more_bad_lines_than_are_shown_are_counted(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("event_type,n\n" + ",1\n" * 5000 + "e,1\n")

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path, Mapping())
        assert (summary.accepted, summary.refused, len(summary.shown)) == (1, 5000, importer.SHOWN)
        assert summary.reasons == Counter(missing_event_type=5000)

    place.use(run)


def test_mapping_constants_texts_and_zone(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("when,who,zip,n\n2026-07-01 12:00:00,7,12345,1\n2026-01-01 12:00,8,01234,2\n")
    chosen = fields.mapping(["event_type==visit,user_id=who", "timestamp=when"])

    async def run(store: EmbeddedStore) -> None:
        options = Options(ZoneInfo("Europe/Berlin"), frozenset({"zip"}))
        assert (await load(store, path, chosen, options)).accepted == 2
        assert stored(store) == [
            ("visit", "7", "2026-07-01 10:00:00.000", {"zip": "12345", "n": 1}),
            ("visit", "8", "2026-01-01 11:00:00.000", {"zip": "01234", "n": 2}),
        ]
        assert (await load(store, path, chosen)).reasons == Counter(invalid_timestamp=2)

    place.use(run)


def test_lines_of_other_programs_are_renamed(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(
        '{"event":"buy","distinct_id":5,"time":"2026-11-01 10:00:00","properties":{"a":1.50},"extra":[1, 2],"n":null}\n'
        "no json\n"
    )
    chosen = fields.mapping(["event_type=event,user_id=distinct_id,timestamp=time"])

    async def run(store: EmbeddedStore) -> None:
        summary = await load(store, path, chosen, Options(ZoneInfo("UTC")))
        assert (summary.accepted, summary.reasons) == (1, Counter(invalid_json=1))
        rows = store.read(("SELECT event_type, user_id, created_at, properties FROM events", []))
        assert rows == [("buy", "5", "2026-11-01 10:00:00.000", '{"a":1.50,"extra":[1, 2],"n":null}')]

    place.use(run)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("user_id", "is not FIELD=COLUMN"),
        ("user_id=", "is not FIELD=COLUMN"),
        ("colour=x", "is not FIELD=COLUMN"),
        ("user_id=a,user_id=b", "twice"),
        ("timestamp=a,created_at=b", "twice"),
        ("properties=={}", "takes a column"),
    ],
)
def test_a_wrong_mapping_is_refused(word: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        fields.mapping([word])


@pytest.mark.parametrize(
    ("content", "maps", "said"),
    [
        (b"", "", "first line is empty"),
        (b"a,b\n1,2\n", "", "no column says what happened"),
        (b"a,b\n1,2\n", "event_type=c", "no column 'c'"),
        (b"a,a\n1,2\n", "event_type=a", "two columns are named 'a'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_read(
    tmp_path: Path, content: bytes, maps: str, said: str
) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=said), importer.chunks(files.source(path), fields.mapping([maps]), PLAIN):
        raise AssertionError("it was opened")


def test_files_that_are_not_what_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"event_type":"e"}]')
    (tmp_path / "a.parquet").write_text("PAR1 not")
    for name, said in (
        ("a.json", "one JSON array"),
        ("a.parquet", "no readable Parquet"),
        ("b.csv", "there is no file"),
    ):
        with (
            pytest.raises(Invalid, match=said),
            importer.chunks(files.source(tmp_path / name), Mapping(), Options()) as (_, found),
        ):
            list(found)


def test_a_file_that_is_cut_off_gives_what_it_holds_and_says_so(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson.gz"
    lines = "".join(f'{{"event_type":"e","message_id":"m{i}{hash(i) ** 5}"}}\n' for i in range(60_000))
    path.write_bytes(gzip.compress(lines.encode())[:-4000])

    async def run(store: EmbeddedStore) -> None:
        with pytest.raises(files.Damaged, match="cut off"):
            await load(store, path, Mapping())
        assert len(stored(store)) > 1000

    place.use(run)


class Full:
    """A store whose queue is full for a while."""

    engine = "none"

    def __init__(self, times: int) -> None:
        self.times = times
        self.kept: list[Batch] = []

    async def append(self, batch: Batch) -> Kept:
        if self.times:
            self.times -= 1
            raise Unavailable("full", retry_after=0)
        self.kept.append(batch)
        return Kept([])


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    store = Full(5)
    sink = StoreSink(store)  # type: ignore[arg-type]
    receipt = asyncio.run(sink.send(Chunk(lambda: b'{"event_type":"e"}', range(1, 2), [], 0)))
    assert receipt == Receipt(1, 0, [], Counter())
    assert len(store.kept) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Columns:
    """A table in memory."""

    size = 0

    def __init__(self, names: list[str], json: bool = False) -> None:
        self.names = names
        self.json = json

    def slabs(self) -> Iterator[tables.Slab]:
        raise NotImplementedError


@settings(max_examples=some(10), deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), min_size=1, max_size=5))
def test_properties_in_a_column_come_out_as_they_are(objects: list[dict[str, object]]) -> None:
    """Through the CSV reader's own steps, without a store."""
    texts = [msgspec.json.encode(value).decode() for value in objects]
    names = ["event_type", "properties"]
    rows = Assembly(Columns(names), Mapping().resolve(names), PLAIN).rows([["e"] * len(texts), texts])
    assert rows.batch(NOW) is None
    batch = importer.judged(Chunk(rows.body, range(len(texts)), [], 0)).batch
    assert batch.values[3::5] == texts


NOW = 1_795_348_800_000  # 2026-11-22 12:00 UTC
ODD = ["", "x" * 201, "x" * 600, "a\0b", "\udcff", "'=x", '"', "\\", "{", "[", "ann", "5", "1e3", "true", "ü"]
TIMES = [
    "",
    "5",
    "2026-11-01T10:00:00.123Z",
    "2026-11-01T10:00:00+01:00",
    "2026-11-01 10:00:00",
    "2030-01-01T00:00:00Z",
]
CELL = st.one_of(st.sampled_from(ODD), st.text(max_size=5), st.integers().map(str), st.floats().map(str))
ROW = st.tuples(st.sampled_from(["view", "", *ODD]), CELL, st.sampled_from(TIMES), CELL, CELL)


@settings(max_examples=some(75), deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6), st.booleans())
@example([("view", "ann", "2026-11-01T10:00:00.123Z", "1.50", "m1"), ("view", "bob", "", "", "")], False)
@example([("view", "ann", "2026-11-01T10:00:00.123Z", "1.50", "m1"), ("view", "bob", "", "", "")], True)
def test_the_straight_way_stores_what_the_long_way_would(table: list[tuple[str, ...]], json: bool) -> None:
    names = ["event_type", "user_id", "timestamp", "a", "message_id"]
    columns: list[list[str]] = [list(column) for column in zip(*table, strict=True)]
    if json:
        texts = [[cell.encode(errors="replace").decode() for cell in column] for column in columns]
        columns = [[quoted(cell) if cell else "" for cell in column] for column in texts]
    options = Options(ZoneInfo("UTC"))
    chosen = Mapping(constants={"session_id": "s"}).resolve(names)
    rows = Assembly(Columns(names, json), chosen, options).rows(columns)
    straight = rows.batch(NOW)
    reading = pipeline.read(rows.body(), "application/x-ndjson", NOW)
    if straight is not None:
        assert reading.notes == []
        assert straight == reading.batch
    elif not reading.notes:
        # The long way is gone for what may be odd, and may find nothing wrong with it.
        assert any("[" in cell or cell.count("{") > 0 for column in columns for cell in column)
