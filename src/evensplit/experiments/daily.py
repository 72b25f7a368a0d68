"""Results over time: one metric of an experiment as it stood at the end of each day, by what is known now.

A day's line is what the results would have been if everything had arrived in time. Not here: how one line is computed
(`measure`, `compare`), or what was really looked at (`storage.catalog.peeks`).
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit import clock
from evensplit.experiments import exposures
from evensplit.experiments.compare import answer
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Measurement, ends, measure
from evensplit.experiments.results import ComparisonNumbers, DayLine
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment
from evensplit.model.instant import rfc3339
from evensplit.model.metric import Metric
from evensplit.query.edges import Buckets, cut
from evensplit.query.zones import zone
from evensplit.stats.estimate import NotEnough
from evensplit.storage.base import EventStore

MOST_LINES = 90  # each is a pass over the events
DAY = 86_400_000


Width: TypeAlias = Literal["day", "week", "month"]


class Lines(msgspec.Struct, frozen=True):
    """A bucket each of this width."""

    interval: Width
    lines: tuple[DayLine, ...]


async def lines(
    store: EventStore, scope: Scope, experiment: Experiment, metric: Metric, asked: tuple[Measurement, Reading, str]
) -> Lines:
    """From the first assignment on; the last line is what the results say. `asked`: how the metric is measured, how it
    is weighed, and the time zone whose days are meant. Raises InvalidReport for a zone that there is not."""
    plan, reading, timezone = asked
    tz = zone(timezone)
    first, _, last = await ends(store, scope)
    if first is None:
        return Lines("day", ())
    interval = _interval(last - first)
    buckets = cut(first, max(last, first) + 1, interval, tz, "monday")
    users = await _users(store, scope, experiment, buckets)
    found = []
    lowest: dict[str, float | None] = {}
    for place, day in enumerate(buckets.labels):
        is_last = place == len(buckets.labels) - 1
        until = None if is_last else clock.to_text(buckets.edges[place + 1])
        upto = msgspec.structs.replace(scope, until=until)
        measured = await measure(store, upto, {0: plan})
        samples = measured[0].samples.get(None, {})
        result = await asyncio.to_thread(answer, experiment, metric, plan, samples, reading)
        if reading.method == "sequential":
            lowest = _lowest(lowest, result.comparisons)
        found.append(
            DayLine(
                day=day,
                until=rfc3339(until or clock.to_text(last)),
                users=users[place],
                comparisons=result.comparisons,
                lowest_p_value=dict(lowest) if reading.method == "sequential" else msgspec.UNSET,
                unknown=result.unknown if isinstance(result.unknown, NotEnough) else msgspec.UNSET,
            )
        )
    return Lines(interval, tuple(found))


def _interval(length: int) -> Width:
    """Days, unless these were too many lines."""
    if length < (MOST_LINES - 1) * DAY:
        return "day"
    return "week" if length < (MOST_LINES - 1) * 7 * DAY else "month"


def _lowest(before: Mapping[str, float | None], comparisons: Sequence[ComparisonNumbers]) -> dict[str, float | None]:
    """The least p value so far; None where there was none yet."""
    found = {}
    for each in comparisons:
        known = [p for p in (before.get(each.variant), each.p_value) if p is not None]
        found[each.variant] = min(known, default=None)
    return found


async def _users(store: EventStore, scope: Scope, experiment: Experiment, buckets: Buckets) -> list[dict[str, int]]:
    """Users of each variant at the end of each bucket; one question for all."""
    names = {variant.id: variant.name for variant in experiment.variants}
    query = exposures.counts(scope, [clock.to_text(edge) for edge in buckets.edges[1:]])
    arrived = [dict.fromkeys(names.values(), 0) for _ in buckets.edges]
    for variant_id, place, persons in await store.query(query.sql, query.values):
        if variant_id in names:
            assert isinstance(place, int) and isinstance(persons, int)
            arrived[place][names[variant_id]] += persons
    for before, after in itertools.pairwise(arrived):
        for name, count in before.items():
            after[name] += count
    return arrived
