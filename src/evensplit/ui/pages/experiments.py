"""Experiments looked at: all of them, one with its results, who is in it, what happened to it. Nothing changes here."""

from collections.abc import Sequence
from typing import Any

import msgspec

from evensplit.errors import Invalid
from evensplit.experiments.decision import Decision
from evensplit.experiments.exposures import Scope
from evensplit.experiments.intent import read_aim
from evensplit.experiments.population import population
from evensplit.experiments.power import remaining
from evensplit.experiments.question import DAILY, RESULTS, Question, read_question
from evensplit.experiments.results import Results
from evensplit.experiments.shares import phases
from evensplit.model.experiment import Experiment, Variant
from evensplit.query.as_of import settle
from evensplit.query.dialect import speak
from evensplit.storage.base import StoredAssignment
from evensplit.ui.experiments import charts, rows, words
from evensplit.ui.experiments.snippets import snippets
from evensplit.ui.replies import Reply, link, segment
from evensplit.ui.visit import Visit

SHOWN_LOOKS = 50
PERSONS = 50  # a page
AT_ONCE = 1_000  # assignments read for a page of one variant
MOST_READS = 50  # of them, before the page is shown as far as it got

TABS = (("", "Results"), ("people", "Who is in it"), ("history", "History"), ("setup", "Set-up"))


async def overview(visit: Visit) -> Reply:
    """Every experiment; what it amounts to is fetched by the page."""
    found = sorted(visit.catalog.experiments(), key=lambda each: (each.status == "archived", -each.id))
    return visit.page("experiments.html", experiments=found, tones=words.STATUS_TONES)


async def standing(visit: Visit) -> Reply:
    """A part of the list: users, the verdict in a word, what needs attention."""
    experiment = _experiment(visit)
    results = await visit.services.looker.results(experiment.name, Question(), "pages")
    decision = results.verdict if isinstance(results.verdict, Decision) else None
    return visit.page(
        "experiment_standing.html",
        users=sum(results.users.values()),
        word=None if decision is None else words.short(decision),
        attention=words.attention(experiment, results),
    )


async def page(visit: Visit) -> Reply:
    """Results, as the address asks for them."""
    experiment = _experiment(visit)
    asked = _asked(visit, RESULTS)
    results = await visit.services.looker.results(experiment.name, read_question(asked), "pages")
    decision = results.verdict if isinstance(results.verdict, Decision) else None
    dimension = rows.known(results.dimension)
    parts = [] if dimension is None else [rows.groups(part.metrics, results.control) for part in dimension.parts]
    return visit.page(
        "experiment.html",
        **_frame(experiment, ""),
        results=results,
        asked=asked,
        decision=decision,
        sentence=None if decision is None else words.verdict(decision),
        tones=words.TONES,
        split=words.split(results.srm),
        split_unknown=rows.known(results.srm.unknown),
        diagnosis=rows.known(results.srm.diagnosis),
        looks=rows.known(results.looks),
        groups=rows.groups(results.metrics, results.control),
        checks=_checks(results),
        dimension=dimension,
        parts=parts,
        known=rows.known,
        words=words,
        over_time=_over_time(experiment, results, asked),
        api=link(f"{visit.base_url}/v1/experiments/{segment(experiment.name)}/results", **asked),
        reproduced=link(_path(experiment), **{**asked, "as_of": results.as_of}),
    )


async def daily(visit: Visit) -> Reply:
    """A part of the page: one metric day by day."""
    experiment = _experiment(visit)
    question = read_question(_asked(visit, DAILY), DAILY)
    found = await visit.services.looker.over_time(experiment.name, question, "pages")
    return visit.page(
        "experiment_daily.html",
        found=found,
        chart=charts.daily(found),
        unknown=rows.known(found.unknown),
        known=rows.known,
    )


async def arrivals(visit: Visit) -> Reply:
    """A part of the page: users by day and variant."""
    experiment = _experiment(visit)
    store = visit.services.store
    scope = Scope(experiment.id, await settle(store, None), speak(store.engine, {}))
    people = await population(store, experiment, phases(experiment, visit.catalog.weights(experiment)), scope)
    return visit.page(
        "experiment_arrivals.html",
        experiment=experiment,
        chart=charts.arrivals(people.arrived, [variant.name for variant in experiment.variants]),
        days=charts.users_by_day(people.arrived),
    )


async def outlook(visit: Visit) -> Reply:
    """A part of the page: what can be seen by now, and how long until what is aimed at can be."""
    asked = {name: visit.query.text(name) for name in ("minimum_effect", "power") if visit.query.text(name)}
    found = await remaining(visit.services.store, _experiment(visit), read_aim(asked))
    return visit.page("experiment_power.html", found=found, charts=charts, known=rows.known)


async def people(visit: Visit) -> Reply:
    """Stored assignments, of one variant or of all."""
    experiment = _experiment(visit)
    wanted = visit.query.text("variant")
    after = visit.query.whole("cursor") if visit.query.text("cursor") else 0
    shown, cursor = _page(visit, experiment, wanted, after)
    names = {variant.id: variant.name for variant in experiment.variants}
    following = {"cursor": str(cursor), **({"variant": wanted} if wanted else {})}
    return visit.page(
        "experiment_people.html",
        **_frame(experiment, "people"),
        assignments=shown,
        names=names,
        wanted=wanted,
        following="" if cursor is None else link(f"{_path(experiment)}/people", **following),
        began=after == 0,
    )


async def history(visit: Visit) -> Reply:
    """Starts and stops, weights over time, who looked at the results."""
    experiment = _experiment(visit)
    changes = [(experiment.created_at, "created", "")]
    if experiment.started_at:
        changes.append((experiment.started_at, "started", ""))
    if experiment.stopped_at:
        changes.append((experiment.stopped_at, "stopped", ""))
    by_moment: dict[str, list[str]] = {}
    for weight in visit.catalog.weights(experiment):
        variant = experiment.variant(weight.variant_id)
        name = f"variant {weight.variant_id}, removed since" if variant is None else variant.name
        by_moment.setdefault(weight.since, []).append(f"{name}: {weight.weight:g}")
    changes += [(since, "weights", ", ".join(of)) for since, of in by_moment.items()]
    return visit.page(
        "experiment_history.html",
        **_frame(experiment, "history"),
        changes=sorted(changes, reverse=True),
        peeks=visit.catalog.peeks.newest(experiment.id, SHOWN_LOOKS),
        most=SHOWN_LOOKS,
    )


async def setup(visit: Visit) -> Reply:
    """Its variants and metrics, how to ask for a variant, and what editors may change."""
    return setup_page(visit, _experiment(visit))


def setup_page(visit: Visit, experiment: Experiment, fault: str = "", status: int = 200) -> Reply:
    """`fault`: why what was sent was not taken; what was typed is kept."""
    shown = [*map(_variant_fields, experiment.variants)]
    names = visit.form.all("variant")
    if fault and names:
        kept = zip(*(visit.form.all(name) for name in ("variant", "weight", "payload", "about")), strict=False)
        shown = [dict(zip(("name", "weight", "payload", "about"), each, strict=True)) for each in kept]
    metrics = msgspec.json.format(msgspec.json.encode(_without_nulls(experiment)), indent=2).decode()
    return visit.page(
        "experiment_setup.html",
        status,
        **_frame(experiment, "setup"),
        fields=shown,
        description=visit.form.text("description") if fault and names else experiment.description or "",
        metrics=visit.form.text("metrics", metrics) if fault else metrics,
        definition=_definition(experiment),
        snippets=snippets(experiment, visit.base_url),
        fault=fault,
    )


# --- what all of them need ------------------------------------------------------------------------


def _frame(experiment: Experiment, tab: str) -> dict[str, Any]:
    """What the head of each page of an experiment shows."""
    tabs = [(link(f"{_path(experiment)}/{path}".rstrip("/")), title, path == tab) for path, title in TABS]
    return {"experiment": experiment, "tabs": tabs, "base": _path(experiment), "status_tones": words.STATUS_TONES}


def _path(experiment: Experiment) -> str:
    return f"/experiments/{segment(experiment.name)}"


def _experiment(visit: Visit) -> Experiment:
    """Raises UnknownExperiment."""
    return visit.catalog.experiment(visit.parts["name"])


def _asked(visit: Visit, names: frozenset[str]) -> dict[str, str]:
    """The parameters of the address; empty ones were not chosen."""
    found = {name: visit.query.text(name).strip() for name in sorted(names)}
    return {name: text for name, text in found.items() if text}


def _over_time(experiment: Experiment, results: Results, asked: dict[str, str]) -> Sequence[tuple[str, str]]:
    """Each metric with the address of its days, weighed as the results are."""
    kept = {name: text for name, text in asked.items() if name in DAILY and name != "metric"}
    return [
        (result.metric, link(f"{_path(experiment)}/daily", **kept, metric=result.metric)) for result in results.metrics
    ]


def _checks(results: Results) -> Sequence[tuple[str, object]]:
    """Each metric's checks by variant; empty unless they were asked for and the metric allows them."""
    found: list[tuple[str, object]] = []
    for result in results.metrics:
        found += [(result.metric, each) for each in rows.known(result.checks) or ()]
    return found


def _page(
    visit: Visit, experiment: Experiment, wanted: str, after: int
) -> tuple[Sequence[StoredAssignment], int | None]:
    """A page of assignments and where the next one begins."""
    variant = experiment.named(wanted) if wanted else None
    if wanted and variant is None:
        raise Invalid(f"variant: no variant is named {wanted[:100]!r}")
    found: list[StoredAssignment] = []
    for _ in range(MOST_READS):
        read = visit.catalog.assignments.page(experiment.id, after, AT_ONCE if variant else PERSONS + 1)
        for row_id, each in read:
            if len(found) == PERSONS:
                return found, after
            after = row_id
            if variant is None or each.variant_id == variant.id:
                found.append(each)
        if len(read) < (AT_ONCE if variant else PERSONS + 1):
            return found, None
    return found, after


def _variant_fields(variant: Variant) -> dict[str, str]:
    """As they stand in a form."""
    payload = bytes(variant.payload).decode()
    return {
        "name": variant.name,
        "weight": f"{variant.weight:g}",
        "payload": "" if payload == "null" else payload,
        "about": variant.description or "",
    }


def _without_nulls(experiment: Experiment) -> Sequence[dict[str, object]]:
    """Its metrics, without what is not set."""
    plain: list[dict[str, object]] = msgspec.to_builtins(experiment.metrics)
    return [{name: value for name, value in metric.items() if value is not None} for metric in plain]


def _definition(experiment: Experiment) -> str:
    """As JSON, to be created again elsewhere."""
    body = {
        "name": experiment.name,
        "description": experiment.description,
        "control": experiment.control,
        "variants": [
            {"name": each.name, "description": each.description, "weight": each.weight, "payload": each.payload}
            for each in experiment.variants
        ],
        "metrics": _without_nulls(experiment),
        "method": experiment.method,
        "hash_version": experiment.hash_version,
        "seed": experiment.seed,
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
