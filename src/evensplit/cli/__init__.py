"""The command line: which commands there are. Each stands in a file of its own, imported when it is called."""

import importlib
import sys

import click
import msgspec

import evensplit
from evensplit.errors import DirectoryOwned, EvensplitError, StartError

# name: the file it stands in, and what `evensplit --help` says of it (without importing that file)
COMMANDS = {
    "serve": ("serve", "Run the server."),
    "demo": ("demo", "Run the server on a made-up product, to look around."),
    "import": ("files", "Read events from CSV, NDJSON or Parquet files."),
    "export": ("files", "Write events to a CSV, NDJSON or Parquet file."),
    "copy": ("copy", "Move events to ClickHouse."),
    "experiment": ("experiment", "Create, list and load experiments; show results."),
    "power": ("power", "How long an experiment has to run."),
    "simulate": ("simulate", "How often a difference is called that is none."),
    "sql": ("sql", "Ask a question in SQL."),
    "keys": ("keys", "List, create and revoke keys."),
}


class Commands(click.Group):
    """Knows its commands by name and imports one only to run it: `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"evensplit.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    name="evensplit",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every option of a command can also be set by the variable that its help names.",
)
@click.version_option(evensplit.__version__, message="%(version)s")
def root() -> None:
    """Product analytics and A/B tests that a team runs itself."""


def main() -> None:
    """The entry point. What went wrong is said in one line on stderr; the exit code is 1, or what the error names."""
    try:
        root(prog_name="evensplit")
    except EvensplitError as error:
        click.echo(f"evensplit: {error.message}", err=True)
        for detail in error.details[1:]:  # the message has the first
            click.echo(f"  {_said(detail)}", err=True)
        if isinstance(error, DirectoryOwned):
            click.echo("  ask that server instead: --url http://... --key es_s_...", err=True)
        sys.exit(error.exit_code if isinstance(error, StartError) else 1)
    except BrokenPipeError:  # `evensplit export | head`
        sys.stderr.close()
        sys.exit(1)


def _said(detail: object) -> str:
    """A fault as `field: message`, whether it was found here or told by a server."""
    fault = msgspec.to_builtins(detail)
    return f"{fault.get('field')}: {fault.get('message')}" if isinstance(fault, dict) else str(fault)
