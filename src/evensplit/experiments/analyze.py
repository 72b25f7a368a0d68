"""An experiment's results: users, the check of their split, every metric compared with the control, a verdict.

The store computes moments, `compare` makes numbers of them; no row of a user passes through here. Here: the order in
which everything is asked and put together.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from evensplit.errors import Invalid, NotFound
from evensplit.experiments import cautions, checks, measure, parts
from evensplit.experiments.compare import Evidence, answers, judged
from evensplit.experiments.conclude import Found, conclude
from evensplit.experiments.conditions import check
from evensplit.experiments.daily import Lines, lines
from evensplit.experiments.definition import definition
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Census, Measured, Measurement, census
from evensplit.experiments.population import Population, population, unfinished
from evensplit.experiments.question import Question
from evensplit.experiments.results import Daily, MetricResult, Results, Warned
from evensplit.experiments.shares import Phases, phases
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Metric, Recorded
from evensplit.query.as_of import AsOf, encode
from evensplit.query.as_of import settle as settle_as_of
from evensplit.query.dialect import speak
from evensplit.stats.estimate import NotEnough
from evensplit.stats.samples import Quantiles, Sample
from evensplit.storage.base import EventStore
from evensplit.storage.catalog.experiments import Weight


class _Asked(msgspec.Struct, frozen=True):
    """A question that is settled: of what, as of when, how it is weighed."""

    experiment: Experiment
    weights: Phases
    scope: Scope
    question: Question
    reading: Reading
    census: Mapping[str, Census]

    @property
    def as_of(self) -> AsOf:
        return self.scope.as_of


async def analyze(store: EventStore, experiment: Experiment, history: Sequence[Weight], question: Question) -> Results:
    """`history`: the experiment's weights over time. Raises NotFound for a metric that it does not have."""
    asked = await _settled(store, experiment, phases(experiment, history), question)
    people = await population(store, experiment, asked.weights, asked.scope)
    metrics = _wanted(asked, corrected=question.correction != "none")
    await check(store, metrics)
    users = sum(people.users.values())
    near = checks.neighbours(metrics, users) if question.checks else []
    evidence, beside = await _evidence(store, asked, metrics, near)
    measured = [each for each, _ in evidence]
    # Beliefs about many proportions take tenths of a second, in which others are answered.
    found, family = await asyncio.to_thread(answers, experiment, measured, asked.reading, question.correction)
    found = [_with_evidence(asked, result, *each) for result, each in zip(found, evidence, strict=True)]
    found = _checked(asked, near, beside, measured, found)
    found = [judged(result, question.alpha, people.srm.is_suspect) for result in found]
    shown = [result for result in found if question.metric in (None, result.metric)]
    warned = (*people.warnings, *await _cautions(store, asked, [each.metric for each, _ in evidence], shown))
    results = Results(
        experiment=experiment.name,
        as_of=encode(asked.as_of.watermark, asked.as_of.links),
        method=asked.reading.method,
        alpha=question.alpha,
        alternative=question.alternative,
        horizon=question.horizon if asked.reading.method == "sequential" else msgspec.UNSET,
        correction=question.correction,
        family=family,
        control=experiment.control,
        users=people.users,
        srm=people.srm,
        metrics=tuple(shown),
        warnings=warned,
        altered_by_erasure=True if question.as_of is not None and asked.as_of.altered_by_erasure else msgspec.UNSET,
        definition=definition(experiment, asked.reading.method),
    )
    if question.metric is None:
        results = _with_verdict(asked, people, metrics, results)
    if question.dimension is None:
        return results
    kept = tuple(each for each, _ in evidence if question.metric in (None, each.metric.name))
    divided = parts.Asked(experiment, asked.weights, kept, asked.reading)
    return msgspec.structs.replace(
        results, dimension=await parts.divided(store, asked.scope, question.dimension, divided)
    )


async def over_time(store: EventStore, experiment: Experiment, history: Sequence[Weight], question: Question) -> Daily:
    """One metric, day by day; `question.metric` may be left out where there is only one. Raises Invalid, NotFound."""
    asked = await _settled(store, experiment, phases(experiment, history), question)
    metrics = _wanted(asked, corrected=False)
    if len(metrics) != 1:
        raise Invalid(f"metric: name one of the {len(metrics)} metrics of experiment {experiment.name!r}")
    await check(store, metrics)
    plan = measure.measurement(metrics[0], asked.census)
    told = Lines("day", ())
    if isinstance(plan, Measurement):
        told = await lines(store, asked.scope, experiment, metrics[0], (plan, asked.reading, question.timezone))
    return Daily(
        experiment=experiment.name,
        metric=metrics[0].name,
        as_of=encode(asked.as_of.watermark, asked.as_of.links),
        method=asked.reading.method,
        alpha=question.alpha,
        alternative=question.alternative,
        timezone=question.timezone,
        interval=told.interval,
        control=experiment.control,
        lines=told.lines,
        unknown=plan if isinstance(plan, NotEnough) else msgspec.UNSET,
    )


# --- what is asked --------------------------------------------------------------------------------


async def _settled(store: EventStore, experiment: Experiment, weights: Phases, question: Question) -> _Asked:
    as_of = await settle_as_of(store, question.as_of)
    scope = Scope(experiment.id, as_of, speak(store.engine, {}))
    query = census(scope)
    rows = await store.query(query.sql, query.values)
    found = {str(name): Census(_whole(count), _whole(named), binary is True) for name, count, named, binary in rows}
    return _Asked(experiment, weights, scope, question, question.reading(experiment), found)


def _wanted(asked: _Asked, corrected: bool) -> Sequence[Metric]:
    """A correction needs the whole family of primary metrics, also where only one is asked for."""
    name = asked.question.metric
    metrics: Sequence[Metric] = asked.experiment.metrics or [Recorded(name=name) for name in asked.census]
    if name is None:
        return metrics
    if all(metric.name != name for metric in metrics):
        raise NotFound(f"experiment {asked.experiment.name!r} has no metric named {name!r}")
    return [metric for metric in metrics if metric.name == name or (corrected and metric.role == "primary")]


# --- what the store says --------------------------------------------------------------------------


async def _evidence(
    store: EventStore, asked: _Asked, metrics: Sequence[Metric], near: Sequence[checks.Neighbour]
) -> tuple[list[tuple[Evidence, Sequence[float | None]]], dict[int, Measured]]:
    """Each with the values at which its numbers were capped; and the neighbours, by their place. In one pass."""
    plans = [measure.measurement(metric, asked.census) for metric in metrics]
    wanted = {number: plan for number, plan in enumerate(plans) if isinstance(plan, Measurement)}
    wanted |= {len(plans) + place: plan for place, plan in checks.plans(near, asked.census).items()}
    measured = dict.fromkeys(range(len(plans)), Measured({}))
    measured |= await measure.measure(store, asked.scope, wanted)
    evidence: list[tuple[Evidence, Sequence[float | None]]] = [
        (Evidence(metric, plan, measured[number].samples.get(None, {})), measured[number].caps)
        for number, (metric, plan) in enumerate(zip(metrics, plans, strict=True))
    ]
    return evidence, {number - len(plans): each for number, each in measured.items() if number >= len(plans)}


def _checked(
    asked: _Asked,
    near: Sequence[checks.Neighbour],
    measured: Mapping[int, Measured],
    evidence: Sequence[Evidence],
    found: Sequence[MetricResult],
) -> list[MetricResult]:
    """With the checks that the samples allow, and those of the neighbours."""
    checked = []
    for number, (each, result) in enumerate(zip(evidence, found, strict=True)):
        gathered = checks.gathered(number, each.metric, each.samples, near, measured)
        of = checks.checks(asked.experiment, gathered, asked.question.alpha)
        checked.append(msgspec.structs.replace(result, checks=of) if of else result)
    return checked


async def _cautions(
    store: EventStore, asked: _Asked, metrics: Sequence[Metric], shown: Sequence[MetricResult]
) -> list[Warned]:
    found = list(cautions.caution(asked.experiment, asked.reading, shown))
    names = {result.metric for result in shown}
    metrics = [metric for metric in metrics if metric.name in names]
    lengths = sorted({length for metric in metrics if (length := cautions.time_of(metric)) is not None})
    if lengths:
        *_, last = await measure.ends(store, asked.scope)
        found += cautions.unfinished(metrics, await unfinished(store, asked.scope, last, lengths))
    for result in shown:
        found += cautions.of_limits(result, asked.experiment.control, asked.reading.method)
        found += cautions.of_checks(result, asked.question.alpha)
    return found


# --- putting it together --------------------------------------------------------------------------


def _with_evidence(
    asked: _Asked, result: MetricResult, evidence: Evidence, caps: Sequence[float | None]
) -> MetricResult:
    """With the values at which its numbers were capped, and the samples that it was computed from."""
    names = {variant.id: variant.name for variant in asked.experiment.variants}
    samples = {names[id_]: _sent(sample) for id_, sample in evidence.samples.items() if id_ in names}
    result = msgspec.structs.replace(result, samples=samples)
    if all(cap is None for cap in caps):
        return result
    both = dict(zip(("numerator", "denominator"), caps, strict=False))
    return msgspec.structs.replace(result, cap_value=caps[0] if len(caps) == 1 else both)


def _sent(sample: Sample) -> Sample | None:
    """JSON has no number for a sum that left the range of doubles."""
    joint = sample.clusters if isinstance(sample, Quantiles) else sample.joint
    return None if joint is not None and not joint.is_finite else sample


def _with_verdict(asked: _Asked, people: Population, metrics: Sequence[Metric], results: Results) -> Results:
    decision = conclude(
        asked.experiment,
        Found(
            reading=asked.reading,
            metrics=tuple(metrics),
            results=results.metrics,
            users=people.users,
            srm=people.srm,
            warnings=results.warnings,
        ),
    )
    return results if decision is None else msgspec.structs.replace(results, verdict=decision)


def _whole(value: object) -> int:
    assert isinstance(value, int), value
    return value
