"""`evensplit demo`: a directory filled with a made-up month, then the server over it."""

import asyncio
from pathlib import Path

import click
import msgspec

from evensplit import app, clock, settings
from evensplit.cli import ask, progress
from evensplit.cli.options import settings_options
from evensplit.demo import fill
from evensplit.demo.product import Month
from evensplit.errors import StartError

DIRECTORY = "./evensplit-demo"
MARKER = "demo.json"  # says that the directory holds nothing but a demo


@click.command("demo")
@click.option("--users", type=click.IntRange(1, 1_000_000), default=5_000, show_default=True, help="How many people.")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How many days, ending now.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes up another month.")
@click.option("--fill-only", is_flag=True, help="Fill the directory and do not serve.")
@settings_options()
def demo_command(users: int, days: int, seed: int, fill_only: bool, **flags: str | None) -> None:
    """Fill a fresh directory (./evensplit-demo unless --data names one) with a made-up product, then serve it.

    A directory that holds a demo already is served as it stands; delete it for a new month.
    """
    chosen = settings.load({**flags, "data": flags["data"] or DIRECTORY})
    directory = Path(chosen.data)
    if (directory / MARKER).exists():
        click.echo(f"{directory} holds a demo already: it is served as it stands (delete it for a new one)")
    elif directory.exists() and any(directory.iterdir()):
        raise StartError(f"{directory} is not empty; name a directory of its own for the demo with --data")
    else:
        count = asyncio.run(_filled(chosen, Month(clock.now_ms(), days, users, seed)))
        (directory / MARKER).write_bytes(msgspec.json.encode({"users": users, "days": days, "seed": seed}))
        click.echo(f"{directory}: {count:,} events of {users:,} people in {days} days, with experiments and dashboards")
    if not fill_only:
        app.serve(chosen)


async def _filled(chosen: settings.Settings, month: Month) -> int:
    with progress.bar("demo") as advance:
        async with ask.opened(chosen) as services:
            return await fill.fill(month, services.catalog, services.store, services.store, advance)
