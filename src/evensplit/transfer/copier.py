"""An embedded store's events and metric values over to ClickHouse, in blocks, with their ids and message ids.

What is on the other side already is not sent again. Not here: whether both sides say the same (`comparison`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.clickhouse.intake import Intake
from evensplit.storage.embedded.tail import Tail, readable

BLOCK = 50_000  # rows
KEY_BYTES = 16

Progress = Callable[[int, int], None]  # rows done, of how many


def copy(record: Path, catalog: CatalogStore, intake: Intake, progress: Progress) -> None:
    """Send what the other side does not have yet. `catalog` reads the same record."""
    _send_keys(catalog, intake)
    tail = Tail(record)
    try:
        there = tail.marks().rows
        total = there["events"] + there["ab_metrics"]
        while intake.at.events < there["events"]:
            rows = tail.after("events", intake.at.events, there["events"], BLOCK)
            reached = int(str(rows[-1][0])) if rows else there["events"]
            intake.events(readable(rows)[0], reached)
            progress(intake.at.events + intake.at.metrics, total)
        while intake.at.metrics < there["ab_metrics"]:
            rows = tail.after("ab_metrics", intake.at.metrics, there["ab_metrics"], BLOCK)
            intake.metrics(rows, int(str(rows[-1][0])) if rows else there["ab_metrics"])
            progress(intake.at.events + intake.at.metrics, total)
    finally:
        tail.close()
    intake.catalog()


def _send_keys(catalog: CatalogStore, intake: Intake) -> None:
    """First of all: an event that is sent again later must find its key."""
    for run, day in catalog.read(("SELECT id, day FROM es_message_runs WHERE id > ? ORDER BY id", [intake.at.keys])):
        pages = catalog.read(("SELECT keys FROM es_message_pages WHERE run = ?", [run]))
        intake.keys(_cut(pages), int(str(day)), int(str(run)))
    for (day,) in catalog.read(("SELECT DISTINCT day FROM es_message_log", [])):
        log = catalog.read(("SELECT keys FROM es_message_log WHERE day = ?", [day]))
        intake.keys(_cut(log), int(str(day)), None)


def _cut(pages: list[tuple[Value, ...]]) -> Iterator[bytes]:
    for (keys,) in pages:
        assert isinstance(keys, bytes)
        for at in range(0, len(keys), KEY_BYTES):
            yield keys[at : at + KEY_BYTES]
