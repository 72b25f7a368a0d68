"""`evensplit power`: how long an experiment has to run. Every figure is the server's."""

import asyncio
from typing import Any

import click
import msgspec

from evensplit.cli import ask, tables
from evensplit.cli.options import Where, where, where_options
from evensplit.errors import Invalid, InvalidJson
from evensplit.experiments.power import MetricOutlook, PowerReply
from evensplit.stats.estimate import NotEnough


@click.command("power")
@click.option("--metric", "metrics", multiple=True, metavar="JSON", help="A definition, as experiments have them.")
@click.option("--experiment", metavar="NAME", help="An experiment that has begun: how long it still has to run.")
@click.option("--event", metavar="NAME", help="What gets a user into the experiment. Default: any event.")
@click.option("--weight", "variants", multiple=True, type=float, help="Of each variant, the control first.")
@click.option("--days", type=int, help="How far back to look (default 28).")
@click.option("--effect", "minimum_effect", type=float, help="The least lift to find (default 0.05).")
@click.option("--power", type=float, help="How surely it is to be found (default 0.8).")
@click.option("--alpha", type=float, help="The error rate (default 0.05).")
@click.option("--max-days", type=int, help="It will not run longer (default 90).")
@click.option("--json", "as_json", is_flag=True, help="The server's reply as it is.")
@where_options
def power_command(metrics: tuple[str, ...], experiment: str | None, as_json: bool, **given: Any) -> None:
    """Users and days that an experiment needs, from what users did before it."""
    place = where(*(given.pop(word) for word in ("data", "url", "key")))
    if bool(metrics) == bool(experiment):
        raise Invalid("give either --metric, once or more, or --experiment")
    question = {name: value for name, value in given.items() if value not in (None, ())}
    if experiment is None:
        question["metrics"] = [_metric(text) for text in metrics]
    raw = asyncio.run(_asked(place, experiment, question))
    if as_json:
        click.echo(bytes(raw).decode())
    else:
        _show(msgspec.json.decode(bytes(raw), type=PowerReply))


async def _asked(place: Where, experiment: str | None, question: dict[str, Any]) -> msgspec.Raw:
    async with ask.api(place) as api:
        if experiment is None:
            return await api.post("/v1/experiments/power", question, msgspec.Raw)
        values = {name: str(value) for name, value in question.items()}
        return await api.get(f"/v1/experiments/{ask.segment(experiment)}/power", msgspec.Raw, **values)


def _metric(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidJson(f"--metric is not valid JSON: {error}") from None


def _show(reply: PowerReply) -> None:
    came = reply.arrivals
    click.echo(f"{came.users:,} users from {reply.since[:10]} to {reply.until[:10]}, {came.per_day:,.0f} a day of late")
    for metric in reply.metrics:
        _show_metric(metric)


def _show_metric(metric: MetricOutlook) -> None:
    click.echo(f"\n{metric.metric} ({metric.role}, {metric.kind})")
    if isinstance(metric.unknown, NotEnough):
        click.echo(f"unknown: {metric.unknown.message}")
        return
    aim = f"a lift of {metric.lift:+.1%}" if metric.margin is None else f"that it is not worse by {metric.margin:.1%}"
    click.echo(f"mean {tables.number(metric.mean)}, variance {tables.number(metric.variance)}; to show {aim}:")
    heads = ("read", "covariate", "users", "days", "lift seen after 7 days", "14 days", "28 days")
    rows = []
    for each in metric.outlooks:
        seen = {reach.days: reach.minimum_effect for reach in each.curve}
        found = [seen.get(day) for day in (7, 14, 28)]
        size = "-" if each.sample_size is None else f"{each.sample_size.users:,}"
        days = "-" if each.days is None else f"{each.days}"
        effects = ["-" if lift is None else f"{lift:.1%}" for lift in found]
        rows.append((each.method, "yes" if each.covariate else "no", size, days, *effects))
    tables.show(heads, rows)
    for each in metric.outlooks:
        if isinstance(each.unknown, NotEnough):
            click.echo(f"{each.method}{', with the covariate' if each.covariate else ''}: {each.unknown.message}")
