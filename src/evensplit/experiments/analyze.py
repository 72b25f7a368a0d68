"""An experiment's results: users, the check of their split, and every metric compared with the control.

The store computes moments, `compare` makes numbers of them; no row of a user passes through here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from evensplit.errors import NotFound
from evensplit.experiments import exposures, measure
from evensplit.experiments.compare import Evidence, answers, judged
from evensplit.experiments.conditions import check
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Census, Measured, Measurement, census
from evensplit.experiments.results import MetricResult, Results, SampleRatio, Warned
from evensplit.experiments.shares import Phases, expected, phases
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment, settle
from evensplit.model.faults import Fault
from evensplit.model.metric import Method, Metric, Recorded
from evensplit.query.as_of import encode
from evensplit.query.as_of import settle as settle_as_of
from evensplit.query.dialect import speak
from evensplit.stats.estimate import Alternative, NotEnough
from evensplit.stats.multiplicity import Correction
from evensplit.stats.sequential import HORIZON
from evensplit.stats.srm import mismatch
from evensplit.storage.base import EventStore
from evensplit.storage.catalog.experiments import Weight

MOST_HORIZON = 10**12


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an experiment. `metric` None: all of them. `method` None: the experiment's own."""

    metric: str | None = None
    method: Method | None = None
    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    horizon: int = HORIZON
    correction: Correction = "none"
    as_of: str | None = None


class Population(msgspec.Struct, frozen=True):
    """Who takes part, before any metric."""

    users: Mapping[str, int]
    srm: SampleRatio
    warnings: tuple[Warned, ...]

    @property
    def suspect(self) -> bool:
        return self.srm.verdict == "suspect"


def read_question(values: Mapping[str, str]) -> Question:
    """The query parameters of `results`; raises Invalid, with every fault."""
    faults: list[Fault] = []
    methods: Mapping[str, Method] = {word: word for word in get_args(Method)}
    method = methods.get(values.get("method", ""))
    if "method" in values and method is None:
        faults.append(Fault("method", f"must be fixed, sequential or bayesian, is {values['method']!r}"))
    try:
        alpha = float(values.get("alpha", "0.05"))
    except ValueError:
        alpha = math.nan
    if not 0 < alpha < 1:
        faults.append(Fault("alpha", f"must lie between 0 and 1, is {values['alpha']!r}"))
    corrections: Mapping[str, Correction] = {word: word for word in get_args(Correction)}
    alternatives: Mapping[str, Alternative] = {word: word for word in get_args(Alternative)}
    alternative = alternatives.get(values.get("alternative", "two-sided"))
    if alternative is None:
        faults.append(Fault("alternative", f"must be two-sided, greater or less, is {values['alternative']!r}"))
    horizon = _horizon(values.get("horizon", str(HORIZON)), faults)
    correction = corrections.get(values.get("correction", "none"))
    if correction is None:
        faults.append(Fault("correction", f"must be none, holm or bh, is {values['correction']!r}"))
    if "dimension" in values:
        faults.append(Fault("dimension", "is not supported yet"))
    known = {"metric", "method", "alpha", "alternative", "horizon", "correction", "dimension", "as_of"}
    faults += [Fault(name, "is not a known parameter") for name in values if name not in known]
    settle(faults)
    return Question(
        metric=values.get("metric"),
        method=method,
        alpha=alpha,
        alternative=alternative or "two-sided",
        horizon=horizon,
        correction=correction or "none",
        as_of=values.get("as_of"),
    )


def _horizon(text: str, faults: list[Fault]) -> int:
    horizon = int(text) if text.isdecimal() and len(text) < 20 else 0
    if not 1 <= horizon <= MOST_HORIZON:
        faults.append(Fault("horizon", f"must be a whole number of users from 1 to {MOST_HORIZON:,}, is {text!r}"))
    return horizon


async def analyze(store: EventStore, experiment: Experiment, history: Sequence[Weight], question: Question) -> Results:
    """`history`: the experiment's weights over time. Raises NotFound for a metric that it does not have."""
    as_of = await settle_as_of(store, question.as_of)
    scope = Scope(experiment.id, as_of, speak(store.engine, {}))
    population = await _population(store, experiment, phases(experiment, history), scope)
    found = await _census(store, scope)
    metrics: Sequence[Metric] = experiment.metrics or [Recorded(name=name) for name in found]
    metrics = _asked(experiment, metrics, question)
    await check(store, metrics)
    plans = [measure.measurement(metric, found) for metric in metrics]
    measured = await _measured(store, scope, plans)
    reading = Reading(question.method or experiment.method, question.alpha, question.alternative, question.horizon)
    evidence = [
        Evidence(metric, plan, measured[number].samples.get(None, {}))
        for number, (metric, plan) in enumerate(zip(metrics, plans, strict=True))
    ]
    found_out, family = answers(experiment, evidence, reading, question.correction)
    found_out = [_capped(result, measured[number].caps) for number, result in enumerate(found_out)]
    shown = [each for each in found_out if question.metric in (None, each.metric)]
    return Results(
        experiment=experiment.name,
        as_of=encode(as_of.watermark, as_of.links),
        method=reading.method,
        alpha=question.alpha,
        alternative=question.alternative,
        horizon=question.horizon if reading.method == "sequential" else msgspec.UNSET,
        correction=question.correction,
        family=family,
        control=experiment.control,
        users=population.users,
        srm=population.srm,
        metrics=tuple(judged(each, question.alpha, population.suspect) for each in shown),
        warnings=population.warnings + _caution(experiment, reading, shown),
        altered_by_erasure=True if question.as_of is not None and as_of.altered_by_erasure else msgspec.UNSET,
    )


def _asked(experiment: Experiment, metrics: Sequence[Metric], question: Question) -> Sequence[Metric]:
    """A correction needs the whole family of primary metrics, also where only one is asked for."""
    if question.metric is None:
        return metrics
    if all(metric.name != question.metric for metric in metrics):
        raise NotFound(f"experiment {experiment.name!r} has no metric named {question.metric!r}")
    corrected = question.correction != "none"
    return [metric for metric in metrics if metric.name == question.metric or (corrected and metric.role == "primary")]


def _caution(experiment: Experiment, reading: Reading, shown: Sequence[MetricResult]) -> tuple[Warned, ...]:
    """A test at a fixed horizon does not hold while its users are still coming in."""
    count = sum(each.p_value is not None for result in shown for each in result.comparisons)
    if reading.method != "fixed" or experiment.status != "running" or not count:
        return ()
    message = (
        f"the p values and intervals of method fixed ({count} comparisons) hold if they are read once, at a number of "
        "users or a day that was chosen before the start; while the experiment runs, method sequential may be read "
        "at any time"
    )
    return (Warned("fixed_horizon", count, message),)


async def _population(store: EventStore, experiment: Experiment, weights: Phases, scope: Scope) -> Population:
    query = exposures.counts(scope, weights.edges)
    rows = [[_whole(value) for value in row] for row in await store.query(query.sql, query.values)]
    users = dict.fromkeys((variant.name for variant in experiment.variants), 0)
    persons: dict[int, int] = {}
    warnings: tuple[Warned, ...] = ()
    for variant_id, phase, count in rows:
        if variant_id == exposures.IGNORED:
            warnings = (_several(phase, count),) if phase else ()
            continue
        variant = experiment.variant(variant_id)
        if variant is not None:
            users[variant.name] += count
            persons[phase] = persons.get(phase, 0) + count
    return Population(users, _sample_ratio(users, expected(experiment, weights, persons)), warnings)


def _several(ignored: int, elsewhere: int) -> Warned:
    message = f"{ignored} assignments of persons who hold several are ignored: the earliest counts"
    return Warned("several_assignments", ignored, f"{message}; {elsewhere} of them name another variant")


def _sample_ratio(users: Mapping[str, int], wanted: Mapping[str, float]) -> SampleRatio:
    found = mismatch(users, wanted)
    if isinstance(found, NotEnough):
        return SampleRatio(expected=wanted, chi2=None, p_value=None, verdict=None, unknown=found)
    return SampleRatio(expected=wanted, chi2=found.chi2, p_value=found.p_value, verdict=found.verdict)


async def _census(store: EventStore, scope: Scope) -> dict[str, Census]:
    query = census(scope)
    rows = await store.query(query.sql, query.values)
    return {str(name): Census(_whole(count), _whole(named), binary is True) for name, count, named, binary in rows}


async def _measured(store: EventStore, scope: Scope, plans: Sequence[Measurement | NotEnough]) -> dict[int, Measured]:
    """By the number of the plan; nothing where there is not enough to begin with."""
    wanted = {number: plan for number, plan in enumerate(plans) if isinstance(plan, Measurement)}
    return dict.fromkeys(range(len(plans)), Measured({})) | await measure.measure(store, scope, wanted)


def _capped(result: MetricResult, caps: Sequence[float | None]) -> MetricResult:
    """With the values at which its numbers were capped."""
    if all(cap is None for cap in caps):
        return result
    both = dict(zip(("numerator", "denominator"), caps, strict=False))
    return msgspec.structs.replace(result, cap_value=caps[0] if len(caps) == 1 else both)


def _whole(value: object) -> int:
    assert isinstance(value, int), value
    return value
