"""What is kept: how much of it, out as a file, and the old of it deleted. Erasing a person stands on their page."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from evensplit.errors import EvensplitError, Invalid
from evensplit.query.dialect import speak
from evensplit.storage.base import StoredEvent
from evensplit.transfer import exporter
from evensplit.ui.replies import Reply, redirect
from evensplit.ui.visit import Services, Visit

WORD = "delete"  # what is typed before events are
PAGE = 5_000  # ids of one piece of the export
FILES = {
    "the record": ("analytics.db", "analytics.db-wal", "analytics.db-shm"),
    "its copy in columns": ("analytics.duckdb", "analytics.duckdb.wal"),
}
TABLES = ("events", "ab_tests", "ab_variants", "ab_assignments", "ab_metrics")


class Size(msgspec.Struct, frozen=True):
    """`first` and `last` are when an event happened, as RFC 3339."""

    rows: dict[str, int]
    first: str | None
    last: str | None
    files: dict[str, int]


async def page(visit: Visit) -> Reply:
    return await _page(visit)


async def clean(visit: Visit) -> Reply:
    """Begin to delete events that happened more than so many days ago. The word has to be typed."""
    try:
        if visit.form.text("confirm").strip() != WORD:
            raise Invalid(f"to delete events, type {WORD!r}")
        visit.services.eraser.clean(visit.form.whole("days"))
    except EvensplitError as error:
        return await _page(visit, error)
    return redirect("/setup/data")


async def export(visit: Visit) -> Reply:
    """All events, one a line, as `evensplit import` reads them."""
    headers = ((b"content-disposition", b'attachment; filename="events.ndjson"'),)
    return Reply(body=_lines(visit.services), content_type="application/x-ndjson", headers=headers)


async def size(services: Services) -> Size:
    """Counted over the columns."""
    store = services.store
    await store.fresh()
    shown = speak(store.engine, {}).times.shown
    rows: dict[str, int] = {}
    for table in TABLES:
        ((count,),) = await store.query(f"SELECT count(*) FROM {table}", [])
        rows[table] = int(str(count))
    ((first, last),) = await store.query(
        f"SELECT {shown('min(created_at)')}, {shown('max(created_at)')} FROM events", []
    )
    directory = Path(services.settings.data)
    files = {what: sum(map(_bytes, (directory / name for name in names))) for what, names in FILES.items()}
    return Size(rows, first, last, files)


async def _page(visit: Visit, error: EvensplitError | None = None) -> Reply:
    return visit.page(
        "data.html",
        200 if error is None else error.status,
        size=await size(visit.services),
        cleaning=visit.services.eraser.cleaning,
        error=error,
        word=WORD,
        elsewhere=visit.services.store.engine != "duckdb",
    )


async def _lines(services: Services) -> AsyncIterator[bytes]:
    store = services.store
    newest = await store.events.newest()
    for low in range(0, newest, PAGE):
        found: list[StoredEvent] = await store.events.between(low, min(low + PAGE, newest))
        if found:
            yield exporter.ndjson(
                [
                    exporter.row(
                        each.id, each.event_type, each.user_id, each.session_id, each.created_at, each.properties
                    )
                    for each in found
                ]
            )


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
