"""Asking a store for what metrics need, and putting its rows together as samples. Not here: the SQL (`statements`)."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, cast

import msgspec

from evensplit import clock
from evensplit.errors import QueryFailed
from evensplit.experiments import exposures
from evensplit.experiments.conditions import selections
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import statements
from evensplit.experiments.measure.asked import Asked
from evensplit.experiments.measure.kinds import Known, doubt, known
from evensplit.experiments.measure.numbers import Measurement, People, Points
from evensplit.experiments.measure.statements import EVERYBODY, Statement
from evensplit.model.metric import Quantile, Ratio
from evensplit.query.fragment import Fragment, fill
from evensplit.stats.joint import Joint
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Sample, Values
from evensplit.storage.base import EventStore

Row = tuple[object, ...]
Group = tuple[int, str | None]  # variant_id, part


class Measured(msgspec.Struct, frozen=True):
    """The samples by part (None: not set, or all where no part was asked) and variant id, and the value of each cap."""

    samples: Mapping[str | None, Mapping[int, Sample]]
    caps: tuple[float | None, ...] = ()


class _Sums(msgspec.Struct, frozen=True):
    """One row of `sums.summed`, read."""

    counts: list[int]
    totals: list[int | None]
    exponents: list[float | None]
    means: list[float | None]
    products: list[int | None]
    product_exponents: list[float | None]
    caps: list[float | None]


async def measure(store: EventStore, scope: Scope, wanted: Mapping[int, Measurement]) -> dict[int, Measured]:
    """By the number of the measurement."""
    if not wanted:
        return {}
    first, last_event, last = await ends(store, scope)
    if first is None:
        return {number: Measured({}) for number in wanted}
    chosen = [each for measurement in wanted.values() for each in selections(measurement.metric)]
    asked = Asked(scope, await known(store, chosen, scope.as_of), first, last_event, last)

    async def answered(write: Callable[[Asked], Fragment]) -> list[Row]:
        nonlocal asked
        try:
            return await _rows(store, write(asked))
        except QueryFailed:
            # A scan may cast a value before it drops the row, and so fail at one that is not asked about.
            if not asked.known.narrow:
                raise
        doubt(store, chosen)
        asked = msgspec.structs.replace(asked, known=Known(store.engine))
        return await _rows(store, write(asked))

    rows = await answered(lambda asked: statements.moments(asked, wanted).sql)
    found = _measured(statements.moments(asked, wanted), wanted, rows)
    for number, measurement in wanted.items():
        metric = measurement.metric
        if isinstance(metric, Quantile):
            points = _points(measurement, found[number])
            levels = _levels(metric.q, points)
            rows = await answered(partial(statements.quantiles, measurement, levels))
            found[number] = Measured(_quantiles(metric.q, points, levels, rows))
    return found


async def ends(store: EventStore, scope: Scope) -> tuple[int | None, int, int]:
    """When the first person was assigned, when the last event happened, and the last of all things that can be seen,
    but not in the future: users whose time was not over by then are unfinished, whenever it is asked."""
    watermark, times = scope.as_of.watermark, scope.dialect.times
    (row,) = await _rows(
        store,
        fill(
            f"""SELECT {times.shown("min(a.assigned_at)")}, {times.shown("max(a.assigned_at)")},
    (SELECT {times.shown("max(created_at)")} FROM events WHERE id <= {{}}),
    (SELECT {times.shown("max(created_at)")} FROM ab_metrics WHERE test_id = {{}} AND id <= {{}})
FROM ab_assignments a WHERE {{}}""",
            Fragment("?", (watermark.events,)),
            Fragment("?", (scope.test_id,)),
            Fragment("?", (watermark.metrics,)),
            exposures.assigned(scope),
        ),
    )
    first, *lasts = [None if text is None else clock.from_text(str(text)) for text in row]
    bounds = [clock.now_ms(), max((at for at in lasts if at is not None), default=0)]
    if scope.until is not None:
        bounds.append(clock.from_text(scope.until))
    return first, lasts[1] or 0, min(bounds)


async def _rows(store: EventStore, query: Fragment) -> list[Row]:
    return await store.query(query.sql, query.values)


# --- sums -----------------------------------------------------------------------------------------


def _measured(statement: Statement, wanted: Mapping[int, Measurement], rows: Sequence[Row]) -> dict[int, Measured]:
    groups: dict[int, dict[Group, _Sums]] = {}
    for table, variant_id, part, *lists in rows:
        place = (cast("int", variant_id), None if part is None else str(part))
        groups.setdefault(cast("int", table), {})[place] = _Sums(
            *(cast("list[Any]", [] if each is None else each) for each in lists)
        )
    persons = {group: sums.counts[0] for group, sums in groups.pop(EVERYBODY, {}).items()}
    found = {}
    for number, measurement in wanted.items():
        placed = statement.placed[number]
        pairs, capped = statement.pairs[placed.table], statement.caps[placed.table]
        of_table = groups.get(placed.table, {})
        samples: dict[str | None, dict[int, Sample]] = {}
        for variant_id, part in of_table if placed.others is None else persons:
            sums = of_table.get((variant_id, part))
            zeros = persons[variant_id, part] if placed.others == "zero" else 0
            joint = _joint(sums, placed.columns, pairs, zeros)
            samples.setdefault(part, {})[variant_id] = _sample(measurement, joint)
        caps = _caps(measurement, placed.columns, capped, next(iter(of_table.values()), None)) if samples else ()
        found[number] = Measured(samples, caps)
    return found


def _sample(measurement: Measurement, joint: Joint) -> Sample:
    return Ratios(joint) if isinstance(measurement.metric, Ratio) else Values(measurement.shape, joint)


def _caps(
    measurement: Measurement, columns: Sequence[int], of: Mapping[int, int], sums: _Sums | None
) -> tuple[float | None, ...]:
    """The cap of each side; None where it has none. Without any row only those that were given as values are known."""
    sides = columns[: 2 if isinstance(measurement.metric, Ratio) else 1]
    if sums is not None:
        places = {column: n for n, column in enumerate(sorted(set(of.values())))}
        return tuple(sums.caps[places[column]] if column in places else None for column in sides)
    if not isinstance(measurement.made_of, People):
        return (None,) * len(sides)
    caps = [column.cap for column in measurement.made_of.columns[: len(sides)]]
    return tuple(None if cap is None else cap.upper_value for cap in caps)


def _joint(sums: _Sums | None, columns: Sequence[int], pairs: Sequence[tuple[int, int]], persons: int) -> Joint:
    """Of these columns, and of so many persons in all if those without a row have 0 (0: there are none of them). The
    products are brought from the engine's means to the true ones."""
    rows = 0 if sums is None else sums.counts[columns[0]]
    n = max(rows, persons)
    if sums is None or not rows:
        width = len(columns)
        return Joint(n, (0.0,) * width, (0.0,) * (width * (width + 1) // 2))
    totals = [_exact(sums.totals[column], sums.exponents[column]) for column in columns]
    products = []
    for place, i in enumerate(columns):
        for j in columns[place:]:
            one, other = totals[place], totals[columns.index(j)]
            if (i, j) in pairs:
                at = pairs.index((i, j))
                found = _exact(sums.products[at], sums.product_exponents[at])
                means = sums.means[i], sums.means[j]
                product = _centred(rows, found, (one, other), means)
                if product is not None and one is not None and other is not None:
                    product += one * other * Fraction(n - rows, n * rows)  # about the mean of all
                products.append(product)
            else:  # zeros and ones
                products.append(None if one is None else one * (n - one) / n)
    return Joint(n, tuple(map(_float, totals)), tuple(map(_float, products)))


def _centred(
    n: int, product: Fraction | None, totals: tuple[Fraction | None, ...], means: tuple[float | None, ...]
) -> Fraction | None:
    (one, other), (near_one, near_other) = totals, means
    if product is None or one is None or other is None or near_one is None or near_other is None:
        return None
    if not (math.isfinite(near_one) and math.isfinite(near_other)):
        return None
    return product - n * (one / n - Fraction(near_one)) * (other / n - Fraction(near_other))


def _exact(whole: int | None, exponent: float | None) -> Fraction | None:
    if whole is None or exponent is None:
        return None
    return Fraction(whole) / Fraction(2) ** int(exponent)


def _float(exact: Fraction | None) -> float:
    """NaN where a sum left the range of doubles."""
    if exact is None:
        return math.nan
    try:
        return float(exact)
    except OverflowError:
        return math.nan


# --- quantiles ------------------------------------------------------------------------------------


def _points(measurement: Measurement, counted: Measured) -> dict[Group, int]:
    """How many values there are."""
    found = {}
    for part, samples in counted.samples.items():
        for variant_id, sample in samples.items():
            assert isinstance(sample, Values)
            of_events = isinstance(measurement.made_of, Points)
            found[variant_id, part] = round(sample.joint.totals[0]) if of_events else sample.joint.n
    return found


def _levels(q: float, points: Mapping[Group, int]) -> list[float]:
    """All the quantiles that are needed, `q` first."""
    return list(dict.fromkeys([q, *(level for n in points.values() if n for level in _ends_of(q, n))]))


def _ends_of(q: float, n: int) -> tuple[float, float]:
    spread = SPREAD * math.sqrt(q * (1 - q) / n)
    return max(q - spread, 0.0), min(q + spread, 1.0)


def _quantiles(
    q: float, points: Mapping[Group, int], levels: Sequence[float], rows: Sequence[Row]
) -> dict[str | None, dict[int, Sample]]:
    found: dict[str | None, dict[int, Sample]] = {part: {} for _, part in points}
    for (variant_id, part), n in points.items():
        if not n:
            found[part][variant_id] = Quantiles(q, 0, None, None, None)
    for row in rows:
        variant_id, part = cast("int", row[0]), None if row[1] is None else str(row[1])
        n = points.get((variant_id, part), 0)
        if n:
            values = dict(zip(levels, cast("Sequence[float]", row[2]), strict=True))
            lower, upper = _ends_of(q, n)
            clusters = None if row[3] is None else _clusters(cast("Sequence[int]", row[3]))
            found[part][variant_id] = Quantiles(q, n, values[q], values[lower], values[upper], clusters)
    return found


def _clusters(whole: Sequence[int]) -> Joint:
    """From sums and sums of products of whole numbers, exact."""
    n, a, b, aa, ab, bb = (int(each) for each in whole)
    products = (Fraction(aa) - Fraction(a * a, n), Fraction(ab) - Fraction(a * b, n), Fraction(bb) - Fraction(b * b, n))
    return Joint(n, (float(a), float(b)), tuple(float(each) for each in products))
