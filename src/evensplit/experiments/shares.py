"""How many users each variant should have, by the weights in force when they came. Not here: whether they have them."""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit.model.experiment import Experiment
from evensplit.storage.catalog.experiments import Weight


class Phases(msgspec.Struct, frozen=True):
    """`weights[k]` (by variant id) were in force from `edges[k - 1]` to `edges[k]`; the first and last are open."""

    edges: tuple[str, ...]
    weights: tuple[Mapping[int, float], ...]


def phases(experiment: Experiment, history: Sequence[Weight]) -> Phases:
    """`history` is oldest first. What stood at its beginning is taken to have stood ever before: an experiment that
    was loaded from a file has assignments older than its own row."""
    recorded = {weight.variant_id for weight in history}
    current = {variant.id: variant.weight for variant in experiment.variants if variant.id not in recorded}
    edges: list[str] = []
    weights: list[Mapping[int, float]] = []
    since = history[0].since if history else ""
    for weight in history:
        if weight.since != since:
            edges.append(weight.since)
            weights.append(dict(current))
            since = weight.since
        current[weight.variant_id] = weight.weight
    return Phases(tuple(edges), (*weights, current))


def expected(experiment: Experiment, weights: Phases, persons: Mapping[int, int]) -> dict[str, float]:
    """`persons` who came in each phase, shared out by its weights."""
    found = dict.fromkeys((variant.name for variant in experiment.variants), 0.0)
    for phase, count in persons.items():
        shares = weights.weights[phase]
        total = sum(shares.values())
        for variant in experiment.variants:
            if total > 0:
                found[variant.name] += count * shares.get(variant.id, 0.0) / total
    return found
