"""`evensplit simulate`: how often the project's own users, split at random, are called different."""

import asyncio
from typing import Any

import click
import msgspec

from evensplit.cli import ask, progress, tables
from evensplit.cli.options import Where, where, where_options
from evensplit.errors import Invalid, StartError
from evensplit.experiments import simulate
from evensplit.experiments.power import recorded
from evensplit.experiments.simulate import Crowd, Outcome, Trial
from evensplit.model.experiment import settle
from evensplit.model.faults import Fields
from evensplit.model.metric import Metric, Recorded, read_metrics
from evensplit.model.report import ANY, EventChoice
from evensplit.stats.estimate import NotEnough


class Asked(msgspec.Struct, frozen=True):
    """Of whom and what: an experiment's users and metrics, or those of the past."""

    experiment: str | None
    metrics: tuple[Metric, ...]
    event: str
    days: int


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
    if place.url:
        raise StartError("simulate opens the data directory itself: stop the server and give --data")
    if bool(metrics) == bool(given["experiment"]):
        raise Invalid("give either --metric, once or more, or --experiment")
    asked = Asked(given["experiment"], _metrics(metrics), given["event"], given["days"])
    trial = Trial(
        methods=given["methods"] or Trial().methods,
        runs=given["runs"],
        alpha=given["alpha"],
        looks=given["looks"],
        seed=given["seed"],
    )
    outcomes = asyncio.run(_run(place, asked, trial))
    if as_json:
        for outcome in outcomes:
            click.echo(msgspec.json.encode(outcome).decode())
        return
    heads = ("metric", "method", "users", "splits", "looks", "called", "error", "unknown")
    tables.show(heads, [_row(each) for each in outcomes])
    click.echo("")
    for each in outcomes:
        click.echo(each.message)


async def _run(place: Where, asked: Asked, trial: Trial) -> list[Outcome]:
    async with ask.opened(place.settings()) as services:
        metrics, share = asked.metrics, trial.share
        if asked.experiment is None:
            crowds = await simulate.of_the_past(services.store, metrics, EventChoice(asked.event), asked.days)
        else:
            experiment = services.catalog.experiment(asked.experiment)
            found = await recorded(services.store, experiment.id)
            metrics = experiment.metrics or tuple(Recorded(name=name) for name in found)
            crowds = await simulate.of_experiment(services.store, experiment.id, metrics, found)
            weights = [variant.weight for variant in experiment.variants if variant.weight > 0]
            share = min(weights) / (min(weights) + max(weights))  # the most uneven pair
    trial = msgspec.structs.replace(trial, share=share)
    outcomes: list[Outcome] = []
    with progress.bar("simulate") as advance:
        for metric, crowd in zip(metrics, crowds, strict=True):
            outcomes += (
                simulate.simulated(crowd, trial, advance) if isinstance(crowd, Crowd) else _none(metric, crowd, trial)
            )
    return outcomes


def _none(metric: Metric, why: NotEnough, trial: Trial) -> list[Outcome]:
    return [
        Outcome(metric=metric.name, method=method, users=0, looks=0, runs=0, message=f"{metric.name}: {why.message}")
        for method in trial.methods[:1]
    ]


def _row(of: Outcome) -> tuple[str, ...]:
    called = "" if of.rate is None or of.error is None else f"{of.rate:.2%}"
    error = "" if of.error is None else f"{of.error:.2%}"
    return of.metric, of.method, f"{of.users:,}", f"{of.runs:,}", f"{of.looks}", called, error, f"{of.unknown:,}"


def _metrics(texts: tuple[str, ...]) -> tuple[Metric, ...]:
    """Raises Invalid with every fault, or InvalidJson."""
    fields = Fields(b'{"metrics":[' + ",".join(texts).encode() + b"]}")
    found = read_metrics(fields.items("metrics"), fields.faults)
    for n, metric in enumerate(found):
        if isinstance(metric, Recorded):
            fields.fault(f"metrics[{n}].kind", "recorded values belong to an experiment: name it with --experiment")
    fields.end()
    settle(fields.faults)
    return found
