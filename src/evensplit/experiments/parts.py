"""An experiment's results among each part of its users: by country, device, plan. Not here: what the parts are
(`exposures`), or how one comparison is made (`weigh`).
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from evensplit.errors import InvalidReport
from evensplit.experiments.compare import Evidence, answer
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Measured, Measurement, measure
from evensplit.experiments.population import counted, diagnosis, population
from evensplit.experiments.results import Dimension, MetricResult, PartResult, PartsDiffer
from evensplit.experiments.shares import Phases
from evensplit.experiments.split import Arrived, Diagnosis
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment
from evensplit.query.conditions import Property, Trait, source
from evensplit.stats.contrast import Contrast, Uncertain, contrast
from evensplit.stats.estimate import NotEnough
from evensplit.stats.heterogeneity import heterogeneity
from evensplit.stats.multiplicity import adjust, interval_alphas
from evensplit.stats.samples import Sample
from evensplit.storage.base import EventStore

Part = str | None


class Asked(msgspec.Struct, frozen=True):
    """An experiment with the metrics that are wanted, and how they are weighed. `plans` stand beside `metrics`."""

    experiment: Experiment
    weights: Phases
    evidence: tuple[Evidence, ...]
    reading: Reading


def dimension_of(name: str) -> Property | Trait:
    """What divides the users. Raises InvalidReport for a name that means nothing, or no property or trait."""
    if not name:
        raise InvalidReport("invalid_property", "dimension: a property has a name of at least one character")
    of = source(name, "dimension")
    if isinstance(of, Property | Trait):
        return of
    raise InvalidReport("unsupported_property", f"dimension: {name!r} is neither a property nor a trait (user.name)")


async def divided(store: EventStore, scope: Scope, name: str, asked: Asked) -> Dimension:
    """Two questions to the store: how many users each part has, and all metrics. `asked.evidence` is of everybody."""
    scope = msgspec.structs.replace(scope, part=dimension_of(name))
    people = await population(store, asked.experiment, asked.weights, scope)
    plans = {number: each.plan for number, each in enumerate(asked.evidence) if isinstance(each.plan, Measurement)}
    measured = await measure(store, scope, plans)
    by_part: dict[Part, list[Arrived]] = {}
    for each in people.arrived:
        by_part.setdefault(each.part, []).append(each)
    order = sorted(by_part, key=lambda part: (-sum(each.users for each in by_part[part]), part is None, part or ""))
    numbers = range(len(asked.evidence))
    columns = [await asyncio.to_thread(_column, asked, number, measured, order) for number in numbers]
    parts = []
    for place, part in enumerate(order):
        users, ratio = counted(asked.experiment, asked.weights, by_part[part])
        parts.append(PartResult(part=part, users=users, srm=ratio, metrics=tuple(column[place] for column in columns)))
    found = diagnosis(asked.experiment, asked.weights, people.arrived, {name: people.arrived})
    off = isinstance(found, Diagnosis) and (found.verdict == "suspect" or found.parts)
    return Dimension(
        name=name,
        correction="bh",
        parts=tuple(parts),
        heterogeneity=tuple(
            each for number in range(len(asked.evidence)) for each in _differ(asked, number, measured, order)
        ),
        diagnosis=found if off and isinstance(found, Diagnosis) else msgspec.UNSET,
    )


def _column(asked: Asked, number: int, measured: Mapping[int, Measured], order: Sequence[Part]) -> list[MetricResult]:
    """One metric in every part, its comparisons corrected together."""
    each = asked.evidence[number]
    samples = [_samples(measured, number, part) for part in order]
    plain = [answer(asked.experiment, each.metric, each.plan, of, asked.reading) for of in samples]
    family = [
        (place, comparison.variant, comparison.p_value)
        for place, result in enumerate(plain)
        for comparison in result.comparisons
        if comparison.p_value is not None
    ]
    if not family:
        return plain
    p_values = [p_value for _, _, p_value in family]
    adjusted = adjust(p_values, "bh")
    alphas = interval_alphas(p_values, "bh", asked.reading.alpha)
    found = []
    for place, (of, result) in enumerate(zip(samples, plain, strict=True)):
        own = {variant: at for at, (where, variant, _) in enumerate(family) if where == place}
        if not own:
            found.append(result)
            continue
        by_variant = {variant: alphas[at] for variant, at in own.items()}
        again = answer(asked.experiment, each.metric, each.plan, of, asked.reading, by_variant)
        comparisons = tuple(
            msgspec.structs.replace(one, adjusted_p_value=adjusted[own[one.variant]] if one.variant in own else None)
            for one in again.comparisons
        )
        found.append(msgspec.structs.replace(again, comparisons=comparisons))
    return found


def _samples(measured: Mapping[int, Measured], number: int, part: Part) -> Mapping[int, Sample]:
    found = measured.get(number)
    return {} if found is None else found.samples.get(part, {})


def _differ(asked: Asked, number: int, measured: Mapping[int, Measured], order: Sequence[Part]) -> list[PartsDiffer]:
    """One metric, each variant against the control."""
    experiment, metric = asked.experiment, asked.evidence[number].metric
    control = experiment.named(experiment.control)
    found = []
    for variant in experiment.variants:
        if control is None or variant.id == control.id:
            continue
        effects: list[Uncertain] = []
        for part in order:
            of = _samples(measured, number, part)
            if variant.id in of and control.id in of:
                apart = contrast(of[variant.id], of[control.id])
                if isinstance(apart, Contrast):
                    effects.append(apart.difference)
        blank = PartsDiffer(metric=metric.name, variant=variant.name, parts=len(effects))
        tested = heterogeneity(effects)
        if isinstance(tested, NotEnough):
            found.append(msgspec.structs.replace(blank, unknown=tested))
        else:
            found.append(
                msgspec.structs.replace(
                    blank,
                    q=tested.q,
                    degrees_of_freedom=tested.degrees_of_freedom,
                    p_value=tested.p_value,
                    i_squared=tested.i_squared,
                )
            )
    return found
