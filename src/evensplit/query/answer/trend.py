"""From the rows of `sql.trend` to lines of numbers: exact sums, empty buckets, running totals, smoothing, formulas.

Pure arithmetic; not here: asking the store (`run`).
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, cast

import msgspec

from evensplit.model.report import Number
from evensplit.model.report.trend import Measure
from evensplit.query.formula import Expression, evaluate
from evensplit.query.sql.trend import DISTINCT, SUMS, WORD

Row: TypeAlias = tuple[object, ...]
Known: TypeAlias = tuple[tuple[str | None, ...], ...]
Place: TypeAlias = tuple[int, ...]  # per property the position among its known values; REST for those beyond
REST = 1 << 30
ZEROS: tuple[Measure, ...] = ("count", "users", "sessions", "distinct", "sum")  # of nothing: 0; of the others: unknown


class Line(msgspec.Struct, frozen=True):
    """A number a bucket, and one for the whole range."""

    values: list[Number]
    total: Number


Lines: TypeAlias = dict[Place, Line]


class Partial(msgspec.Struct):
    """The exact sum of some values and how many they are: a whole number of units of 2^-`scale`."""

    count: int = 0
    units: int = 0
    scale: int = 0

    def add(self, count: int, units: int, scale: int) -> None:
        """Take in others."""
        self.count += count
        if scale > self.scale:
            self.units <<= scale - self.scale
            self.scale = scale
        self.units += units << (self.scale - scale)

    def result(self, measure: Measure) -> Number:
        """The sum or mean, rounded once. None for a mean of nothing, or beyond the range of doubles."""
        if measure == "avg" and not self.count:
            return None
        try:
            return self.units / ((1 << self.scale) * (self.count if measure == "avg" else 1))  # integers: rounded once
        except OverflowError:
            return None


def nothing(measure: Measure, buckets: int) -> Line:
    """The line of no events."""
    zero = 0 if measure in ZEROS else None
    return Line([zero] * buckets, zero)


def learned(known: Known, rows: Iterable[Row]) -> Known:
    """The known values of each property, and behind them the new ones by rank."""
    found = [list(values) for values in known]
    for n, values in enumerate(found):
        placed = {cast("tuple[int | None, str | None]", row[2 * n : 2 * n + 2]) for row in rows}
        ranked = [(rank, value) for rank, value in placed if rank is not None]
        there = set(values)
        values += [value for _, value in sorted(ranked, key=lambda pair: pair[0]) if value not in there]
    return tuple(tuple(values) for values in found)


def lines(rows: Sequence[Row], measure: Measure, cumulative: bool, buckets: int, known: Known) -> Lines:
    """One line a combination of places that has rows."""
    positions = [{value: at for at, value in enumerate(values)} for values in known]
    width = 2 * len(known)
    grouped: dict[Place, list[Row]] = {}
    for row in rows:
        place = tuple(
            REST if row[2 * n] is None else positions[n][cast("str | None", row[2 * n + 1])] for n in range(len(known))
        )
        grouped.setdefault(place, []).append(row[width:])
    return {place: _line(part, measure, cumulative, buckets) for place, part in grouped.items()}


def smoothed(values: Sequence[Number], window: int) -> list[Number]:
    """Each value's mean with those before it, `window` in all and fewer at the start; what is unknown is left out."""
    found: list[Number] = []
    for end in range(1, len(values) + 1):
        part = [value for value in values[max(end - window, 0) : end] if value is not None]
        found.append(_rounded(sum(map(Fraction, part), Fraction()) / len(part)) if part else None)
    return found


def combined(formula: Expression, parts: Sequence[Line]) -> Line:
    """The formula over lines, bucket by bucket and over their totals."""
    values = [evaluate(formula, column) for column in zip(*(part.values for part in parts), strict=True)]
    return Line(values, evaluate(formula, [part.total for part in parts]))


def _rounded(exact: Fraction) -> Number:
    try:
        return float(exact)
    except OverflowError:
        return None


def _line(rows: Sequence[Row], measure: Measure, cumulative: bool, buckets: int) -> Line:
    if measure in SUMS:
        return _sums(cast("Sequence[tuple[int, int | None, int, int | None]]", rows), measure, cumulative, buckets)
    if measure in DISTINCT and not cumulative:
        rows = _unpacked(cast("Sequence[tuple[int | None, list[int]]]", rows))
    by_bucket = cast("Mapping[int | None, Number]", dict(cast("Sequence[tuple[int | None, Number]]", rows)))
    values = [by_bucket.get(b) for b in range(buckets)]
    if measure in ("min", "max"):
        return _extremes(values, measure, cumulative)
    if measure not in ZEROS:
        return Line(_held(values) if cumulative else values, by_bucket.get(None))
    counts = [int(value or 0) for value in values]
    if not cumulative:
        total = sum(counts) if measure == "count" else int(by_bucket.get(None) or 0)
        return Line(list(counts), total)
    running: list[Number] = []
    total = 0
    for count in counts:
        total += count
        running.append(total)
    return Line(running, total)


def _unpacked(rows: Sequence[tuple[int | None, list[int]]]) -> list[Row]:
    """A row a bucket, from rows that hold the counts of `WORD` buckets each."""
    return [
        (None if word is None else word * WORD + n, count) for word, counts in rows for n, count in enumerate(counts)
    ]


def _sums(
    rows: Sequence[tuple[int, int | None, int, int | None]], measure: Measure, cumulative: bool, buckets: int
) -> Line:
    parts = [Partial() for _ in range(buckets)]
    total, values = Partial(), []
    for b, scale, count, units in rows:
        if scale is not None and units is not None:
            _take(parts[b], count, units, scale)
    for part in parts:
        total.add(part.count, part.units, part.scale)
        values.append((total if cumulative else part).result(measure))
    return Line(values, total.result(measure))


def _take(part: Partial, count: int, units: int, scale: int) -> None:
    """Scales below 0 are whole multiples of big numbers."""
    part.add(count, units << max(-scale, 0), max(scale, 0))


def _extremes(values: Sequence[Number], measure: Measure, cumulative: bool) -> Line:
    choose = min if measure == "min" else max
    running: list[Number] = []
    best: Number = None
    for value in values:
        best = value if best is None else best if value is None else choose(best, value)
        running.append(best)
    return Line(running if cumulative else list(values), best)


def _held(values: Sequence[Number]) -> list[Number]:
    """What was so far stays so through buckets without values."""
    held: list[Number] = []
    for value in values:
        held.append(held[-1] if value is None and held else value)
    return held
