"""`evensplit experiment`: create, list, load and read the results. What they mean is decided by the server's routes."""

import asyncio
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from evensplit.api.experiments import ExperimentList, ExperimentReply, VariantReply
from evensplit.cli import ask, progress, results, tables
from evensplit.cli.files import zone
from evensplit.cli.options import Where, where, where_options
from evensplit.errors import Invalid, StartError
from evensplit.experiments.results import Results
from evensplit.transfer import experiment_file, fields, files
from evensplit.transfer.experiment_file import Loaded, Plan, Stores

_T = TypeVar("_T")


@click.group("experiment")
def experiment_command() -> None:
    """Create, list and load experiments; show results."""


# --- create, list ---------------------------------------------------------------------------------


@experiment_command.command("create")
@click.argument("name")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    required=True,
    metavar="NAME[:WEIGHT]",
    help="At least two; the first is the control unless --control names another.",
)
@click.option("--control", metavar="NAME", help="The variant that the others are compared with.")
@click.option("--description", metavar="TEXT", help="What is tried, and why.")
@click.option("--draft", is_flag=True, help="Do not start it yet.")
@where_options
def create_command(
    name: str,
    variants: tuple[str, ...],
    control: str | None,
    description: str | None,
    draft: bool,
    **place: str | None,
) -> None:
    """Create an experiment; it runs at once."""
    body: dict[str, object] = {"name": name, "start": not draft, "variants": [_variant(text) for text in variants]}
    body |= {key: value for key, value in (("control", control), ("description", description)) if value is not None}
    made = asyncio.run(_created(where(**place), body))
    click.echo(f"{made.name} is {made.status}: {_shares(made.variants)}")


@experiment_command.command("list")
@where_options
def list_command(**place: str | None) -> None:
    """Every experiment."""
    found = asyncio.run(_listed(where(**place)))
    rows = [(one.name, one.status, one.created_at, _shares(one.variants)) for one in found.experiments]
    tables.show(("experiment", "status", "created", "variants"), rows)


async def _created(place: Where, body: dict[str, object]) -> ExperimentReply:
    async with ask.api(place) as api:
        return await api.post("/v1/experiments", body, ExperimentReply)


async def _listed(place: Where) -> ExperimentList:
    async with ask.api(place) as api:
        return await api.get("/v1/experiments", ExperimentList)


def _variant(text: str) -> dict[str, object]:
    name, colon, weight = text.rpartition(":")
    if not colon:
        return {"name": text}
    return {"name": name, "weight": _weight(weight, f"--variant {text}")}


def _weight(text: str, source: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"{source}: the weight {text!r} is no number") from None


def _shares(variants: list[VariantReply]) -> str:
    total = sum(variant.weight for variant in variants)
    return ", ".join(f"{v.name} {v.weight / total:.0%}" if total else v.name for v in variants)


# --- results --------------------------------------------------------------------------------------


@experiment_command.command("results")
@click.argument("name")
@click.option("--metric", metavar="NAME", help="Only this metric.")
@click.option(
    "--method",
    type=click.Choice(["fixed", "sequential", "bayesian"]),
    help="How evidence is weighed. Default: the experiment's own.",
)
@click.option("--alpha", metavar="NUMBER", help="The error rate (default 0.05, two-sided).")
@click.option("--correction", type=click.Choice(["none", "holm", "bh"]), help="For many comparisons (default none).")
@click.option("--dimension", metavar="NAME", help="By the values of a property, or of a trait (user.plan), as well.")
@click.option("--checks", type=click.Choice(["none", "all"]), help="All checks, which read more of the events.")
@click.option("--as-of", metavar="TEXT", help="The state of the data that an earlier reply named.")
@click.option("--json", "as_json", is_flag=True, help="The server's reply as it is.")
@where_options
def results_command(name: str, as_json: bool, **given: str | None) -> None:
    """Users and their split, and every metric: each variant against the control."""
    place = where(*(given.pop(word) for word in ("data", "url", "key")))
    if as_json:
        click.echo(bytes(asyncio.run(_results(place, name, given, msgspec.Raw))).decode())
    else:
        results.show(asyncio.run(_results(place, name, given, Results)))


async def _results(place: Where, name: str, question: dict[str, str | None], kind: type[_T]) -> _T:
    async with ask.api(place) as api:
        return await api.get(f"/v1/experiments/{ask.segment(name)}/results", kind, **question)


# --- load -----------------------------------------------------------------------------------------


@experiment_command.command("load")
@click.argument("name")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--user", required=True, metavar="COLUMN", help="Who.")
@click.option("--variant", required=True, metavar="COLUMN", help="Which variant they had.")
@click.option("--metric", "metrics", multiple=True, metavar="COLUMN", help="A number, or true/false (a proportion).")
@click.option("--time", metavar="COLUMN", help="When. Without it all rows get the instant of loading.")
@click.option("--control", metavar="NAME", help="Default: the variant named control, else the first by name.")
@click.option("--weight", "weights", multiple=True, metavar="NAME=NUMBER", help="Its intended share (default 1).")
@click.option("--running", is_flag=True, help="Leave it running: new users are assigned. Default: stopped.")
@click.option("--description", metavar="TEXT", help="What was tried, and why.")
@click.option("--format", "form", type=click.Choice(files.FORMATS), help="Where the suffix does not say.")
@click.option("--timezone", metavar="ZONE", help="The zone of times that name none.")
@where_options
def load_command(name: str, path: Path, form: files.Format | None, timezone: str | None, **given: object) -> None:
    """Load an experiment that ran elsewhere: a CSV, NDJSON or Parquet file with a row per user."""
    data, url, key = (given.pop(word) for word in ("data", "url", "key"))
    weights = dict(_named_weight(text) for text in msgspec.convert(given.pop("weights"), list[str], strict=False))
    plan = msgspec.convert({"name": name, "weights": weights, **given}, Plan)
    place = msgspec.convert({"data": data, "url": url, "key": key}, Where)
    if place.url:
        raise StartError("experiment load opens the data directory itself: stop the server and give --data")
    source = files.source(path, form)
    options = fields.Options(zone(timezone))
    with progress.bar(source.path.name) as advance:
        loaded = asyncio.run(_loaded(place, source, plan, options, advance))
    _report(loaded)


async def _loaded(
    place: Where, source: files.Source, plan: Plan, options: fields.Options, advance: progress.Advance
) -> Loaded:
    async with ask.opened(place.settings()) as services:
        stores = Stores(services.catalog, services.store, services.store)
        return await experiment_file.load(source, plan, options, stores, lambda done, total: advance(done, total, ""))


def _named_weight(text: str) -> tuple[str, float]:
    name, sign, weight = text.rpartition("=")
    if not sign:
        raise Invalid(f"--weight {text!r} is not NAME=NUMBER")
    return name, _weight(weight, f"--weight {text}")


def _report(loaded: Loaded) -> None:
    users = ", ".join(f"{name} {count:,}" for name, count in sorted(loaded.users.items()))
    click.echo(f"{loaded.users.total():,} users ({users}), {loaded.values:,} values")
    for fault in loaded.shown:
        click.echo(f"  line {fault.line}: {fault.reason}: {fault.message}", err=True)
    more = loaded.reasons.total() - len(loaded.shown)
    if more > 0:
        click.echo(f"  and {more:,} more rows that could not be used", err=True)
