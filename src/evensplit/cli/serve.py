"""`evensplit serve`: settings in, server running. What runs stands in `app`."""

import click

from evensplit import app, settings
from evensplit.cli.options import settings_options


@click.command("serve")
@settings_options()
def serve_command(**flags: str | None) -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM).

    The first start on an empty directory makes a write key and a secret key and prints them once.
    """
    chosen = settings.load(flags)
    for name in settings.unknown_variables():
        click.echo(f"evensplit: the variable {name} names no setting and is not used", err=True)
    app.serve(chosen)
