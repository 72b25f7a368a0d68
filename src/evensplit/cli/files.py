"""`evensplit import` and `evensplit export`: which file, which columns, where to; and what came of it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, cast
from zoneinfo import ZoneInfo

import click

from evensplit import clock
from evensplit.api.capture import CaptureReply
from evensplit.api.events import EventPage
from evensplit.cli import ask, progress
from evensplit.cli.options import Where, where, where_options
from evensplit.query import ranges, zones
from evensplit.transfer import exporter, fields, files, importer
from evensplit.transfer.importer import Chunk, Receipt, Sink, Summary

PAGE = "1000"


class ServerSink:
    """Sends lines to a server that judges them itself."""

    def __init__(self, api: ask.Api) -> None:
        self._api = api

    async def send(self, chunk: Chunk) -> Receipt:
        if not len(chunk.numbers):
            return importer.receipt(0, 0, ())
        reply = await self._api.send("/v1/events", chunk.body(), "application/x-ndjson", CaptureReply)
        return importer.receipt(reply.accepted, reply.duplicate, reply.notes)


# --- import ---------------------------------------------------------------------------------------


@click.command("import")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(files.FORMATS), help="Where the suffix does not say.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Which column is which field: event_type=method,user_id=host. FIELD==TEXT gives every event that text. "
    f"Fields are {', '.join(fields.FIELDS)}; the other columns become properties.",
)
@click.option("--text", "texts", multiple=True, metavar="COLUMN", help="Keep this column's numbers as text.")
@click.option("--timezone", metavar="ZONE", help="The zone of times that name none, such as Europe/Berlin.")
@where_options
def import_command(
    paths: tuple[Path, ...],
    form: files.Format | None,
    maps: tuple[str, ...],
    texts: tuple[str, ...],
    timezone: str | None,
    **place: str | None,
) -> None:
    """Read events from CSV, TSV, NDJSON or Parquet files, plain or compressed with gzip or Zstandard.

    A line that is no event is counted and named, and the import goes on. Lines with a message_id that is stored
    already add nothing, so an import that broke off is simply run again.
    """
    sources = [files.source(path, form) for path in paths]
    options = fields.Options(zone(timezone), frozenset(texts))
    asyncio.run(_import(sources, fields.mapping(maps), options, where(**place)))


async def _import(sources: list[files.Source], chosen: fields.Mapping, options: fields.Options, place: Where) -> None:
    async with _sink(place) as sink:
        for source in sources:
            with progress.bar(source.path.name) as advance:

                def moved(done: int, total: int, so_far: Summary, advance: progress.Advance = advance) -> None:
                    advance(done, total, f"{so_far.accepted:,} events")

                began = clock.now_ms()
                summary = await importer.load(source, chosen, options, sink, moved)
            _report(source.path, summary, (clock.now_ms() - began) / 1000)


@asynccontextmanager
async def _sink(place: Where) -> AsyncIterator[Sink]:
    if place.url:
        async with ask.api(place) as api:
            yield ServerSink(api)
    else:
        async with ask.opened(place.settings()) as services:
            yield importer.StoreSink(services.store)


def _report(path: Path, summary: Summary, seconds: float) -> None:
    parts = [f"{summary.accepted:,} events in {seconds:.1f} s"]
    if summary.duplicate:
        parts.append(f"{summary.duplicate:,} were stored before")
    parts += [f"{count:,} {reason}" for reason, count in sorted(summary.noted.items())]
    if summary.refused:
        parts.append(f"{summary.refused:,} refused")
    click.echo(f"{path.name}: {', '.join(parts)}")
    for fault in summary.shown:
        click.echo(f"  line {fault.line}: {fault.reason}: {fault.message}", err=True)
    if summary.refused > len(summary.shown):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.reasons.most_common())
        click.echo(f"  and {summary.refused - len(summary.shown):,} more; by reason: {reasons}", err=True)


def zone(name: str | None) -> ZoneInfo | None:
    """Raises Invalid for a name that the time zone database does not know."""
    return None if name is None else zones.zone(name)


# --- export ---------------------------------------------------------------------------------------


@click.command("export")
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(exporter.FORMS), help="Default: by the suffix, else ndjson.")
@click.option("--event-type", metavar="TEXT", help="Only events of this type.")
@click.option("--user-id", metavar="TEXT", help="Only events of this user.")
@click.option("--since", metavar="TIME", help="From this instant or day on: 2026-11-01, 2026-11-01T10:00:00Z, -30d.")
@click.option("--until", metavar="TIME", help="Up to this instant, or through this day.")
@where_options
def export_command(
    path: Path | None,
    form: exporter.Form | None,
    event_type: str | None,
    user_id: str | None,
    since: str | None,
    until: str | None,
    **place: str | None,
) -> None:
    """Write events to FILE (or stdout) as NDJSON, CSV or Parquet, in a form that `evensplit import` reads."""
    suffix = files.SUFFIXES.get(path.suffix.lower(), "ndjson") if path else "ndjson"
    chosen = form or ("csv" if suffix in ("csv", "tsv") else cast(exporter.Form, suffix))
    wanted = {"event_type": event_type, "user_id": user_id, "since": since, "until": until}
    if path is None:
        asyncio.run(_export(wanted, chosen, sys.stdout.buffer, where(**place)))
        return
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as out:
            count = asyncio.run(_export(wanted, chosen, out, where(**place)))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{path.name}: {count:,} events", err=True)


async def _export(wanted: dict[str, str | None], form: exporter.Form, out: IO[bytes], place: Where) -> int:
    with progress.bar("events") as advance:

        def moved(count: int) -> None:
            advance(count, 0, f"{count:,}")

        if place.url or place.settings().events:  # no file here holds the events
            async with ask.api(place) as api:
                return await exporter.write(_from_server(api, wanted), form, out, moved)
        async with ask.opened(place.settings()) as services:
            pages = exporter.from_record(services.store, _resolved(wanted))
            return await exporter.write(pages, form, out, moved)


async def _from_server(api: ask.Api, wanted: dict[str, str | None]) -> exporter.Pages:
    cursor: str | None = None
    while True:
        page = await api.get("/v1/events", EventPage, **wanted, limit=PAGE, cursor=cursor)
        yield [
            exporter.row(
                event.id,
                event.event_type,
                event.user_id,
                event.session_id,
                event.timestamp,
                None if bytes(event.properties) == b"null" else bytes(event.properties).decode(),
            )
            for event in page.events
        ]
        cursor = page.next_cursor
        if cursor is None:
            return


def _resolved(wanted: dict[str, str | None]) -> exporter.Wanted:
    now, utc = clock.now_ms(), zones.zone("UTC")
    since, until = wanted["since"], wanted["until"]
    return exporter.Wanted(
        event_type=wanted["event_type"],
        user_id=wanted["user_id"],
        since=None if since is None else clock.to_text(ranges.resolve(since, "since", now, utc)),
        until=None if until is None else clock.to_text(ranges.resolve(until, "until", now, utc)),
    )
