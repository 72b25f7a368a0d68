"""`evensplit sql`: one read-only question over the five tables."""

import asyncio
import csv
import sys

import click
import msgspec

from evensplit.api.sql import SqlReply
from evensplit.cli import ask, tables
from evensplit.cli.options import Where, where, where_options
from evensplit.transfer.cells import guarded


@click.command("sql")
@click.argument("query")
@click.option("--limit", type=click.IntRange(1), default=None, metavar="NUMBER", help="The most rows to show.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the rows are printed; JSON is one array a row.",
)
@where_options
def sql_command(query: str, limit: int | None, form: str, **place: str | None) -> None:
    """Run QUERY in DuckDB's SQL over events, ab_tests, ab_variants, ab_assignments and ab_metrics; - reads stdin."""
    text = sys.stdin.read() if query == "-" else query
    answer = asyncio.run(_asked(where(**place), text, limit))
    heads = [column.name for column in answer.columns]
    if form == "json":
        for row in answer.rows:
            click.echo(msgspec.json.encode(row).decode())
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(map(guarded, heads))
        writer.writerows(
            [_shown(cell) if isinstance(cell, int | float) else guarded(_shown(cell)) for cell in row]
            for row in answer.rows
        )
    else:
        tables.show(heads, [[_shown(cell) for cell in row] for row in answer.rows])
    if answer.truncated:
        click.echo("evensplit: there are more rows; --limit shows more of them", err=True)


async def _asked(place: Where, text: str, limit: int | None) -> SqlReply:
    body: dict[str, object] = {"sql": text}
    if limit is not None:
        body["limit"] = limit
    async with ask.api(place) as api:
        return await api.post("/v1/sql", body, SqlReply)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
