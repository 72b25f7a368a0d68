"""What each kind of metric is by its definition, worked out person by person and event by event in plain Python."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from evensplit.model.metric import Cap, Funnel, Mean, Metric, Proportion, Quantile, Ratio, Recorded, Retention, Side
from evensplit.model.report import EventChoice
from evensplit.stats.joint import Joint, joint
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Sample, Values

HOUR = 3_600_000


class Event:
    """One event of a person, in milliseconds."""

    def __init__(self, id_: int, event_type: str, person: str, at: int, properties: Mapping[str, Any]) -> None:
        self.id, self.event_type, self.person, self.at, self.properties = id_, event_type, person, at, properties


class World:
    """Persons with their assignment (variant, milliseconds), their events, their rows (metric, value, milliseconds)."""

    def __init__(self) -> None:
        self.assigned: dict[str, tuple[int, int]] = {}
        self.events: list[Event] = []
        self.rows: list[tuple[str, str, float, int]] = []
        self.last = 0

    def of(self, person: str, choice: EventChoice, begin: float, end: float) -> list[Event]:
        """The events of that kind in [begin, end) milliseconds after the assignment, in order."""
        start = self.assigned[person][1]
        found = [
            event
            for event in self.events
            if event.person == person
            and choice.event_type in (event.event_type, "@any")
            and all(_passes(event, str(each.property), each.value) for each in choice.filters)
            and start + begin <= event.at < start + end
        ]
        return sorted(found, key=lambda event: (event.at, event.id))


def samples(world: World, metric: Metric) -> tuple[dict[int, Sample], tuple[float | None, ...]]:
    """By variant, and the caps."""
    begin, end = _ends(metric)
    persons = list(world.assigned)
    if metric.unfinished == "skip":
        persons = [person for person in persons if world.assigned[person][1] + end <= world.last]
    if isinstance(metric, Quantile):
        return _quantiles(world, metric, persons, begin, end), (None,)
    numbers: list[Callable[[str], float | None]]
    sides: Sequence[Mean | Side | None] = [None]
    before: list[Callable[[str], float | None]] = []
    if isinstance(metric, Funnel):
        numbers = [lambda person: float(_walked(world, person, metric.steps, begin, end))]
    elif isinstance(metric, Recorded):
        numbers = [lambda person: _recorded(world, metric, person, begin, end)]
    elif isinstance(metric, Proportion | Retention):
        numbers = [lambda person: float(bool(world.of(person, metric.event, begin, end)))]
        if isinstance(metric, Proportion) and metric.covariate_days:
            days = metric.covariate_days
            before = [lambda person: float(bool(world.of(person, metric.event, -days * 24 * HOUR, 0)))]
    else:
        sides = [metric.numerator, metric.denominator] if isinstance(metric, Ratio) else [metric]
        numbers = [_folded(world, side, begin, end) for side in sides if side]
        if metric.covariate_days:
            before = [_folded(world, side, -metric.covariate_days * 24 * HOUR, 0) for side in sides if side]
    rows: dict[str, list[float | None]] = {person: [number(person) for number in numbers] for person in persons}
    if isinstance(metric, Ratio):
        rows = {person: [value or 0.0 for value in row] for person, row in rows.items()}
    rows = {person: row for person, row in rows.items() if None not in row}
    wide = {person: [*row, *(number(person) or 0.0 for number in before)] for person, row in rows.items()}
    found_caps = [getattr(side, "cap", None) for side in sides] if sides[0] else [getattr(metric, "cap", None)]
    caps = tuple(_cap(cap, [float(row[n] or 0.0) for row in wide.values()]) for n, cap in enumerate(found_caps))
    capped = {
        person: [
            float(value or 0.0) if (cap := caps[n % len(caps)]) is None else min(float(value or 0.0), cap)
            for n, value in enumerate(row)
        ]
        for person, row in wide.items()
    }
    width = len(numbers) + len(before)
    made: dict[int, Sample] = {}
    for variant in sorted({variant for variant, _ in world.assigned.values()}):
        mine = [row for person, row in capped.items() if world.assigned[person][0] == variant]
        made[variant] = _sample(metric, joint(mine, width))
    return made, caps


def _sample(metric: Metric, found: Joint) -> Sample:
    if isinstance(metric, Ratio):
        return Ratios(found)
    return Values("proportion" if isinstance(metric, Proportion | Retention | Funnel) else "mean", found)


def _ends(metric: Metric) -> tuple[float, float]:
    if isinstance(metric, Retention):
        return metric.from_days * 24 * HOUR, metric.to_days * 24 * HOUR
    begin = metric.delay_hours * HOUR
    return begin, math.inf if metric.window_hours is None else begin + metric.window_hours * HOUR


def _passes(event: Event, name: str, value: object) -> bool:
    """The filter `eq` on a text."""
    return event.properties.get(name) == value


def _number(event: Event, name: str) -> float | None:
    value = event.properties.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(event: Event, name: str) -> str | None:
    value = event.properties.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) or value is None else f"{float(value):g}"


def _folded(world: World, side: Mean | Side, begin: float, end: float) -> Callable[[str], float | None]:
    name = str(side.property)

    def fold(person: str) -> float | None:
        events = world.of(person, side.event, begin, end)
        if side.aggregate == "count":
            return float(len(events))
        if side.aggregate == "distinct":
            return float(len({text for event in events if (text := _text(event, name)) is not None}))
        values = [value for event in events if (value := _number(event, name)) is not None]
        if side.aggregate == "sum":
            return math.fsum(values)
        if not values:
            return None
        if side.aggregate == "avg":
            return math.fsum(values) / len(values)
        return max(values) if side.aggregate == "max" else min(values)

    return fold


def _recorded(world: World, metric: Recorded, person: str, begin: float, end: float) -> float | None:
    start = world.assigned[person][1]
    values = [
        value
        for name, who, value, at in world.rows
        if name == metric.name and who == person and start + begin <= at < start + end
    ]
    return math.fsum(values) if values else 0.0 if metric.missing == "zero" else None


def _walked(world: World, person: str, steps: Sequence[EventChoice], begin: float, end: float) -> bool:
    """Greedily: the next step takes the next event that fits it."""
    done = 0
    every = {id(event): event for step in steps for event in world.of(person, step, begin, end)}
    for event in sorted(every.values(), key=lambda event: (event.at, event.id)):
        if done < len(steps) and event in world.of(person, steps[done], begin, end):
            done += 1
    return done == len(steps)


def _cap(cap: Cap | None, values: Sequence[float]) -> float | None:
    if cap is None or cap.upper_quantile is None:
        return None if cap is None else cap.upper_value
    kept = [value for value in values if value != 0 or not cap.ignore_zeros]
    return float(np.quantile(kept, cap.upper_quantile)) if kept else None


def _quantiles(world: World, metric: Quantile, persons: Sequence[str], begin: float, end: float) -> dict[int, Sample]:
    made: dict[int, Sample] = {}
    for variant in sorted({variant for variant, _ in world.assigned.values()}):
        of_person: list[list[float]] = []
        for person in persons:
            if world.assigned[person][0] == variant:
                events = world.of(person, metric.event, begin, end)
                of_person.append(
                    [value for event in events if (value := _number(event, str(metric.property))) is not None]
                )
        of_person = [values for values in of_person if values]
        points = [value for values in of_person for value in values]
        if metric.per == "user":
            points = [math.fsum(values) for values in of_person]
        made[variant] = _quantile(metric, points, of_person)
    return made


def _quantile(metric: Quantile, points: Sequence[float], of_person: Sequence[Sequence[float]]) -> Quantiles:
    if not points:
        return Quantiles(metric.q, 0, None, None, None)
    spread = SPREAD * math.sqrt(metric.q * (1 - metric.q) / len(points))
    value, lower, upper = (
        float(np.quantile(points, level)) for level in (metric.q, max(metric.q - spread, 0), min(metric.q + spread, 1))
    )
    clusters = None
    if metric.per == "event":
        clusters = joint([(sum(each <= value for each in values), len(values)) for values in of_person], 2)
    return Quantiles(metric.q, len(points), value, lower, upper, clusters)
