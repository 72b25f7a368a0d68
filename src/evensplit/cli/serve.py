"""`evensplit serve`: settings in, server running. What runs stands in `app`."""

from pathlib import Path

import click

from evensplit import settings
from evensplit.cli.options import settings_options
from evensplit.storage.embedded.preparation import Preparation


@click.command("serve")
@settings_options()
def serve_command(**flags: str | None) -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM).

    The first start on an empty directory makes a write key and a secret key and prints them once.
    """
    chosen = settings.load(flags)
    for name in settings.unknown_variables():
        click.echo(f"evensplit: the variable {name} names no setting and is not used", err=True)
    preparation = Preparation(Path(chosen.data), f"http://{chosen.host}:{chosen.port}")
    from evensplit import app  # loading it takes as long as a first migration: the two run side by side

    app.serve(chosen, preparation)
