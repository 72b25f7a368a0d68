"""An experiment's results: users, the check of their split, and every metric compared with the control.

The store computes moments, `compare` makes numbers of them; no row of a user passes through here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from evensplit.errors import NotFound
from evensplit.experiments import exposures, measure
from evensplit.experiments.compare import Reading, answer, corrected, judged
from evensplit.experiments.conditions import check
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Census, Measurement
from evensplit.experiments.results import Results, SampleRatio, Warned
from evensplit.experiments.shares import Phases, expected, phases
from evensplit.model.experiment import Experiment, settle
from evensplit.model.faults import Fault
from evensplit.model.metric import Method, Metric, Recorded
from evensplit.query.as_of import encode
from evensplit.query.as_of import settle as settle_as_of
from evensplit.query.dialect import speak
from evensplit.stats.estimate import NotEnough
from evensplit.stats.moments import Moments
from evensplit.stats.multiplicity import Correction
from evensplit.stats.srm import mismatch
from evensplit.storage.base import EventStore
from evensplit.storage.catalog.experiments import Weight


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an experiment. `metric` None: all of them. `method` None: the experiment's own."""

    metric: str | None = None
    method: Method | None = None
    alpha: float = 0.05
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
    correction = corrections.get(values.get("correction", "none"))
    if correction is None:
        faults.append(Fault("correction", f"must be none, holm or bh, is {values['correction']!r}"))
    if "dimension" in values:
        faults.append(Fault("dimension", "is not supported yet"))
    known = {"metric", "method", "alpha", "correction", "dimension", "as_of"}
    faults += [Fault(name, "is not a known parameter") for name in values if name not in known]
    settle(faults)
    return Question(
        metric=values.get("metric"),
        method=method,
        alpha=alpha,
        correction=correction or "none",
        as_of=values.get("as_of"),
    )


async def analyze(store: EventStore, experiment: Experiment, history: Sequence[Weight], question: Question) -> Results:
    """`history`: the experiment's weights over time. Raises NotFound for a metric that it does not have."""
    as_of = await settle_as_of(store, question.as_of)
    scope = Scope(experiment.id, as_of, speak(store.engine, {}))
    population = await _population(store, experiment, phases(experiment, history), scope)
    found = await _census(store, scope)
    metrics: Sequence[Metric] = experiment.metrics or [Recorded(name=name) for name in found]
    if question.metric is not None:
        metrics = [metric for metric in metrics if metric.name == question.metric]
        if not metrics:
            raise NotFound(f"experiment {experiment.name!r} has no metric named {question.metric!r}")
    await check(store, metrics)
    plans = [measure.measurement(metric, scope, found) for metric in metrics]
    moments = await _moments(store, scope, plans)
    reading = Reading(question.method or experiment.method, question.alpha)
    answers = [
        answer(experiment, metric, plan, moments.get(number, {}), reading)
        for number, (metric, plan) in enumerate(zip(metrics, plans, strict=True))
    ]
    answers = corrected(answers, question.correction)
    return Results(
        experiment=experiment.name,
        as_of=encode(as_of.watermark, as_of.links),
        method=reading.method,
        alpha=question.alpha,
        correction=question.correction,
        control=experiment.control,
        users=population.users,
        srm=population.srm,
        metrics=tuple(judged(each, question.alpha, population.suspect) for each in answers),
        warnings=population.warnings,
        altered_by_erasure=True if question.as_of is not None and as_of.altered_by_erasure else msgspec.UNSET,
    )


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
    query = measure.census(scope)
    rows = await store.query(query.sql, query.values)
    return {str(name): Census(_whole(count), _whole(named), binary is True) for name, count, named, binary in rows}


async def _moments(
    store: EventStore, scope: Scope, plans: Sequence[Measurement | NotEnough]
) -> dict[int, dict[int, Moments]]:
    """By the number of the plan, by variant id."""
    wanted = {number: plan for number, plan in enumerate(plans) if isinstance(plan, Measurement)}
    found: dict[int, dict[int, Moments]] = {number: {} for number in wanted}
    if wanted:
        query = measure.moments(scope, wanted)
        for number, variant_id, n, total, m2 in await store.query(query.sql, query.values):
            found[_whole(number)][_whole(variant_id)] = Moments(_whole(n), _number(total), _number(m2))
    return found


def _whole(value: object) -> int:
    assert isinstance(value, int), value
    return value


def _number(value: object) -> float:
    """A sum that left the range of doubles comes back as NULL or infinite."""
    return value if isinstance(value, float) else math.nan
