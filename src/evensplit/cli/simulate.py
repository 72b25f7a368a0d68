"""`evensplit simulate`: how often the project's own users, split at random, are called different."""

import asyncio
from typing import Any

import click
import msgspec

from evensplit.cli import ask, progress, tables
from evensplit.cli.options import Where, where, where_options
from evensplit.errors import Invalid
from evensplit.experiments.simulate import Outcome, Trial
from evensplit.experiments.trials import Asked, TrialReply, read_past_metrics, tried
from evensplit.model.experiment import settle
from evensplit.model.faults import Fields
from evensplit.model.report import ANY, EventChoice


@click.command("simulate")
@click.option("--metric", "metrics", multiple=True, metavar="JSON", help="A definition, as experiments have them.")
@click.option("--experiment", metavar="NAME", help="This experiment's users and metrics instead of the past's.")
@click.option("--event", default=ANY, show_default=True, metavar="NAME", help="What gets a user into the experiment.")
@click.option("--days", type=click.IntRange(1, 730), default=28, show_default=True, help="How far back to look.")
@click.option("--runs", type=click.IntRange(1, 1_000_000), default=2_000, show_default=True, help="How many splits.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(["fixed", "sequential", "bayesian"]),
    help="How evidence is weighed. Default: fixed and sequential.",
)
@click.option(
    "--alpha", type=click.FloatRange(0, 1, True, True), default=0.05, show_default=True, help="What is promised."
)
@click.option("--looks", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Of the sequential method.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same splits.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@where_options
def simulate_command(metrics: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Split past users at random, again and again, and count how often a difference is called that is none."""
    place = where(*(given.pop(word) for word in ("data", "url", "key")))
    if bool(metrics) == bool(given["experiment"]):
        raise Invalid("give either --metric, once or more, or --experiment")
    definitions = b"[" + ",".join(metrics).encode() + b"]"
    fields = Fields(b'{"metrics":' + definitions + b"}")
    asked = Asked(
        experiment=given["experiment"],
        metrics=read_past_metrics(fields),
        event=EventChoice(given["event"]),
        days=given["days"],
        trial=Trial(
            methods=given["methods"] or Trial().methods,
            runs=given["runs"],
            alpha=given["alpha"],
            looks=given["looks"],
            seed=given["seed"],
        ),
    )
    fields.end()
    settle(fields.faults)
    outcomes = asyncio.run(_asked(place, asked, msgspec.Raw(definitions))).outcomes
    if as_json:
        for outcome in outcomes:
            click.echo(msgspec.json.encode(outcome).decode())
        return
    heads = ("metric", "method", "users", "splits", "looks", "called", "error", "unknown")
    tables.show(heads, [_row(each) for each in outcomes])
    click.echo("")
    for each in outcomes:
        click.echo(each.message)


async def _asked(place: Where, asked: Asked, definitions: msgspec.Raw) -> TrialReply:
    """A server is asked in one piece; a directory that is opened here shows how far it has come."""
    if place.url is None:
        async with ask.opened(place.settings()) as services:
            with progress.bar("simulate") as advance:
                return await tried(services.store, services.catalog, asked, advance)
    trial = asked.trial
    question: dict[str, object] = {name: getattr(trial, name) for name in ("methods", "runs", "alpha", "looks", "seed")}
    if asked.experiment is None:
        question |= {"metrics": definitions, "event": asked.event.event_type, "days": asked.days}
    else:
        question["experiment"] = asked.experiment
    async with ask.api(place) as api:
        return await api.post("/v1/simulate", question, TrialReply)


def _row(of: Outcome) -> tuple[str, ...]:
    called = "" if of.rate is None or of.error is None else f"{of.rate:.2%}"
    error = "" if of.error is None else f"{of.error:.2%}"
    return of.metric, of.method, f"{of.users:,}", f"{of.runs:,}", f"{of.looks}", called, error, f"{of.unknown:,}"
