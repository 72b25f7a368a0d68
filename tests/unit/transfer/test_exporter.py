"""What goes out comes back the same, whichever the format, and no cell of a CSV file is a formula."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from evensplit.model.event import Batch
from evensplit.storage.embedded.store import EmbeddedStore
from evensplit.transfer import exporter, fields, files, importer

NOW = "2026-11-01 10:00:00.123"
ROWS: list[tuple[str, str | None, str | None, str | None, str]] = [
    ("view", "ann", "s1", '{"a":1.50,"b":"x"}', NOW),
    ("view", "ann", "s1", '{"a":1.50,"b":"x"}', NOW),
    ("=cmd", "-5", "'+x", '{ "k" : [1, {"z": null}] }', "1970-01-01 00:00:00.000"),
    ("@none", None, None, None, "2026-01-01 00:00:00.001"),
    ('say "hi",\nyou', "çıé", None, "{}", NOW),
    ("007", "12345678901234567890", "true", '{"a":12345678901234567890,"a":2}', NOW),
]
COLUMNS = "event_type, user_id, session_id, properties, created_at"


async def filled(store: EmbeddedStore) -> None:
    await store.append(Batch([value for row in ROWS for value in row]))


async def exported(store: EmbeddedStore, form: exporter.Form, wanted: exporter.Wanted) -> bytes:
    out = io.BytesIO()
    await exporter.write(exporter.from_record(store, wanted), form, out, lambda _: None)
    return out.getvalue()


@pytest.mark.parametrize("form", exporter.FORMS)
def test_a_round_trip_changes_nothing_and_a_second_one_adds_nothing(
    place: Any, tmp_path: Path, form: exporter.Form
) -> None:
    path = tmp_path / f"events.{form}"

    async def out(store: EmbeddedStore) -> None:
        await filled(store)
        path.write_bytes(await exported(store, form, exporter.Wanted()))

    async def back(store: EmbeddedStore) -> None:
        await store.write([("DELETE FROM events", [])])
        for accepted in (len(ROWS), 0):
            source, sink = files.source(path), importer.StoreSink(store)
            summary = await importer.load(source, fields.Mapping(), fields.Options(), sink, lambda *_: None)
            assert (summary.accepted, summary.refused, summary.shown) == (accepted, 0, [])
        assert store.read((f"SELECT {COLUMNS} FROM events ORDER BY id", [])) == ROWS

    place.use(out)
    place.use(back)


def test_no_cell_is_a_formula(place: Any) -> None:
    async def run(store: EmbeddedStore) -> None:
        await filled(store)
        text = (await exported(store, "csv", exporter.Wanted())).decode()
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert "'=cmd" in cells

    place.use(run)


def test_only_what_is_wanted(place: Any) -> None:
    async def run(store: EmbeddedStore) -> None:
        await filled(store)

        async def count(wanted: exporter.Wanted) -> int:
            return (await exported(store, "ndjson", wanted)).count(b"\n")

        assert await count(exporter.Wanted(event_type="view")) == 2
        assert await count(exporter.Wanted(user_id="ann", event_type="view")) == 2
        assert await count(exporter.Wanted(since=NOW)) == 4
        assert await count(exporter.Wanted(until=NOW)) == 2
        assert await count(exporter.Wanted(event_type="'; DROP TABLE events --")) == 0

    place.use(run)


def test_more_events_than_a_page_holds(place: Any) -> None:
    async def run(store: EmbeddedStore) -> None:
        size = exporter.PAGE * 2 + 1
        await store.append(Batch(["e", None, None, None, NOW] * size))
        assert (await exported(store, "ndjson", exporter.Wanted())).count(b"\n") == size

    place.use(run)


def test_properties_that_another_program_wrote_go_out_as_text() -> None:
    odd = exporter.row(1, "e", None, None, NOW, "no json\n")

    async def pages() -> exporter.Pages:
        yield [odd]

    out = io.BytesIO()
    asyncio.run(exporter.write(pages(), "ndjson", out, lambda _: None))
    assert b'"properties":"no json\\n"' in out.getvalue()
