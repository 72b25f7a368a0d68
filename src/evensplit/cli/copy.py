"""`evensplit copy`: an embedded store's events to ClickHouse, and whether both sides say the same afterwards."""

import asyncio
import sys
from pathlib import Path

import click

from evensplit import clock, settings
from evensplit.cli import progress
from evensplit.cli.options import settings_options
from evensplit.errors import StartError
from evensplit.storage.embedded.preparation import RECORD
from evensplit.storage.embedded.store import EmbeddedStore, Options
from evensplit.transfer import comparison, copier
from evensplit.transfer.comparison import SHOWN, Compared


@click.command("copy")
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="Where to: clickhouse://user:pass@host:8123/db, without anything in it but an earlier copy.",
)
@settings_options(["data"])
def copy_command(url: str, data: str | None) -> None:
    """Copy the events and metric values of a data directory to ClickHouse, then compare reports on both sides.

    One that broke off is simply run again and goes on where it stopped. The directory keeps what it has, and is
    still needed: serve it with --events URL afterwards. The exit code is 1 where the sides differ.
    """
    found, left = asyncio.run(_copied(Path(settings.load({"data": data}).data), url))
    for table, row in left:
        click.echo(f"evensplit: {table} {row}: its time or value cannot be read; it was left behind", err=True)
    for each in found:
        click.echo(f"{each.question}: {each.numbers:,} numbers, {len(each.differences):,} rows differ")
        for what, here, there in each.differences[:SHOWN]:
            click.echo(f"{each.question}: {what}: {here} in the directory, {there} there", err=True)
    if any(each.differences for each in found):
        sys.exit(1)
    click.echo(f"both sides agree; serve it with: evensplit serve --data {data or 'DIR'} --events URL")


async def _copied(directory: Path, url: str) -> tuple[list[Compared], list[tuple[str, int]]]:
    try:
        from evensplit.storage.clickhouse.intake import Intake  # its driver is optional
    except ModuleNotFoundError as error:
        raise StartError(f"{error.name} is not installed: pip install 'evensplit[scale]'") from None
    store = await EmbeddedStore.open(Options(directory, owner="evensplit copy", follow=False))
    try:
        starts = [str(mark) for (mark,) in store.read(("SELECT mark FROM es_starts ORDER BY id", []))]
        intake = Intake(url, starts[0], directory / RECORD)
        try:
            intake.open(starts[-1])
            with progress.bar("copied") as advance:
                copier.copy(directory / RECORD, store, intake, lambda done, total: advance(done, total, f"{done:,}"))
            return await comparison.compare(store, intake, clock.now_ms()), intake.at.shown
        finally:
            intake.close()
    finally:
        await store.close()
