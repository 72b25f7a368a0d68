"""Who takes part: how many in each variant, day by day, and whether that is what the weights ask for.

Not here: what they did (`measure`), or why a split is off (`split`).
"""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit import clock
from evensplit.experiments import exposures, split
from evensplit.experiments.exposures import Scope
from evensplit.experiments.results import SampleRatio, Warned
from evensplit.experiments.shares import Phases, expected
from evensplit.experiments.split import Arrived, Diagnosis
from evensplit.model.experiment import Experiment
from evensplit.query.fragment import fill, join
from evensplit.stats.estimate import NotEnough
from evensplit.stats.srm import mismatch
from evensplit.storage.base import EventStore


class Population(msgspec.Struct, frozen=True):
    """`arrived`: the same users by day, by the weights in force then, and by part where the scope is divided."""

    users: Mapping[str, int]
    srm: SampleRatio
    warnings: tuple[Warned, ...]
    arrived: tuple[Arrived, ...]


async def population(store: EventStore, experiment: Experiment, weights: Phases, scope: Scope) -> Population:
    """One question to the store, and a second one where ids have been linked. Without parts the split is diagnosed."""
    arrived = await _arrived(store, experiment, scope, weights.edges)
    users, ratio = counted(experiment, weights, arrived)
    if scope.part is None:
        ratio = _with_diagnosis(ratio, diagnosis(experiment, weights, arrived))
    return Population(users, ratio, await _several(store, scope), tuple(arrived))


def counted(experiment: Experiment, weights: Phases, arrived: Sequence[Arrived]) -> tuple[dict[str, int], SampleRatio]:
    """Users of each variant, and the check of their split; not its diagnosis."""
    users = dict.fromkeys((variant.name for variant in experiment.variants), 0)
    persons: dict[int, int] = {}
    for each in arrived:
        users[each.variant] += each.users
        persons[each.phase] = persons.get(each.phase, 0) + each.users
    wanted = expected(experiment, weights, persons)
    found = mismatch(users, wanted)
    if isinstance(found, NotEnough):
        return users, SampleRatio(expected=wanted, chi2=None, p_value=None, verdict=None, unknown=found)
    return users, SampleRatio(expected=wanted, chi2=found.chi2, p_value=found.p_value, verdict=found.verdict)


def diagnosis(
    experiment: Experiment,
    weights: Phases,
    arrived: Sequence[Arrived],
    dimensions: Mapping[str, Sequence[Arrived]] | None = None,
) -> Diagnosis | NotEnough:
    """`dimensions`: the same users divided."""
    shares = [{variant.name: of.get(variant.id, 0.0) for variant in experiment.variants} for of in weights.weights]
    return split.diagnose(arrived, shares, dimensions)


def _with_diagnosis(ratio: SampleRatio, found: Diagnosis | NotEnough) -> SampleRatio:
    """The sequential p value always; the diagnosis where one of the two tests says that something is off."""
    if isinstance(found, NotEnough):
        return ratio
    off = "suspect" in (ratio.verdict, found.verdict)
    return msgspec.structs.replace(ratio, sequential_p_value=found.p_value, diagnosis=found if off else msgspec.UNSET)


async def unfinished(store: EventStore, scope: Scope, last: int, lengths: Sequence[int]) -> dict[int, int]:
    """How many users were assigned less than so many milliseconds before `last`."""
    if not lengths:
        return {}
    given = [
        fill(
            "coalesce(sum((assigned_at > {})::INTEGER), 0)::BIGINT",
            scope.dialect.times.given(clock.to_text(last - each)),
        )
        for each in lengths
    ]
    query = fill("WITH {}\nSELECT {} FROM exposed", exposures.exposed(scope), join(", ", given))
    (row,) = await store.query(query.sql, query.values)
    return {length: _whole(count) for length, count in zip(lengths, row, strict=True)}


async def _arrived(store: EventStore, experiment: Experiment, scope: Scope, edges: Sequence[str]) -> list[Arrived]:
    """Of the experiment's own variants only: another program may have named others."""
    query = split.arrivals(scope, edges)
    names = {variant.id: variant.name for variant in experiment.variants}
    found = []
    for variant_id, phase, day, part, persons in await store.query(query.sql, query.values):
        if variant_id in names:
            found.append(
                Arrived(
                    variant=names[_whole(variant_id)],
                    users=_whole(persons),
                    day=str(day),
                    phase=_whole(phase),
                    part=None if part is None else str(part),
                )
            )
    return found


async def _several(store: EventStore, scope: Scope) -> tuple[Warned, ...]:
    """Only persons with several ids can hold several assignments."""
    if not scope.as_of.links:
        return ()
    query = fill("WITH {}\nSELECT ignored, elsewhere FROM {}", exposures.exposed(scope), exposures.left_out())
    ((ignored, elsewhere),) = await store.query(query.sql, query.values)
    if not ignored:
        return ()
    message = (
        f"{ignored} assignments of persons who hold several are ignored: the earliest counts; "
        f"{elsewhere} of them name another variant"
    )
    figures = {"ignored": _whole(ignored), "elsewhere": _whole(elsewhere)}
    return (Warned("several_assignments", _whole(ignored), message, figures),)


def _whole(value: object) -> int:
    assert isinstance(value, int), value
    return value
