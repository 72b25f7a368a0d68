"""The rows of results: a line a variant in each metric, and the axis on which all their lifts stand."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TypeVar

import msgspec

from evensplit.experiments.results import ComparisonNumbers, MetricResult, NonInferiority, VariantNumbers
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.ui.experiments import words
from evensplit.ui.experiments.words import Word

T = TypeVar("T")

ROLES = (("primary", "What it is decided by"), ("guardrail", "What must not suffer"), ("secondary", "What else moved"))
STEPS = (1.0, 2.0, 2.5, 5.0)
LEAST_WIDTH = 1e-9  # of an axis: what is nearer to 0 is as good as none
MOST_BEYOND = 4  # times the usual reach; what goes further is cut off, with an arrow


class Tick(msgspec.Struct, frozen=True):
    """`at` in percent of the axis."""

    at: float
    label: str


class Axis(msgspec.Struct, frozen=True):
    """Lifts from `low` to `high`; 0 is among them."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """In percent of the axis, within it."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def zero(self) -> float:
        return self.place(0.0)


class Bar(msgspec.Struct, frozen=True):
    """An interval on the axis, in percent of it. `more_left`: it goes on beyond the axis."""

    left: float
    right: float
    at: float
    more_left: bool
    more_right: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A variant in one metric. `bar`, `p_value` and the rest are None for the control and where they are unknown."""

    variant: str
    is_control: bool
    n: int | None = None
    mean: float | None = None
    difference: Interval | None = None
    lift: Interval | None = None
    bar: Bar | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    chance_to_win: float | None = None
    expected_loss: float | None = None
    margin: NonInferiority | None = None
    state: Word | None = None
    unknown: NotEnough | None = None


class MetricRows(msgspec.Struct, frozen=True):
    """A metric, the control first."""

    result: MetricResult
    rows: Sequence[Row]
    unknown: NotEnough | None


class Group(msgspec.Struct, frozen=True):
    """The metrics of one role, on one axis; None where no lift is known."""

    role: str
    title: str
    metrics: Sequence[MetricRows]
    axis: Axis | None


def groups(results: Sequence[MetricResult], control: str) -> Sequence[Group]:
    """By role; roles without a metric are left out."""
    found = []
    for role, title in ROLES:
        of = [result for result in results if result.role == role]
        if of:
            scale = axis(each.lift for result in of for each in result.comparisons)
            found.append(Group(role, title, [_metric(result, control, scale) for result in of], scale))
    return found


def axis(lifts: Iterable[Interval | None]) -> Axis | None:
    """An axis on which these stand; far outliers are cut off."""
    ends = [end for lift in lifts if lift for end in (lift.lower, lift.estimate, lift.upper) if end is not None]
    ends = [end for end in ends if math.isfinite(end)]
    if not ends:
        return None
    reach = MOST_BEYOND * median(abs(end) for end in ends)
    reach = reach if reach > LEAST_WIDTH else 0.01
    low, high = max(min(0.0, *ends), -reach), min(max(0.0, *ends), reach)
    step = _step(high - low if high - low > LEAST_WIDTH else 0.02)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = first - 1, last + 1
    blank = Axis(first * step, last * step, ())
    places = [n * step for n in range(first, last + 1)]
    return msgspec.structs.replace(blank, ticks=tuple(Tick(blank.place(at), f"{at * 100:.4g}%") for at in places))


def bar(lift: Interval | None, scale: Axis | None) -> Bar | None:
    """Where it stands on the axis."""
    if lift is None or scale is None or not math.isfinite(lift.estimate):
        return None
    low = -math.inf if lift.lower is None else lift.lower
    high = math.inf if lift.upper is None else lift.upper
    return Bar(
        left=scale.place(max(low, scale.low)),
        right=scale.place(min(high, scale.high)),
        at=scale.place(lift.estimate),
        more_left=low < scale.low,
        more_right=high > scale.high,
    )


def known(value: T | msgspec.UnsetType | None) -> T | None:
    """What was left out is unknown."""
    return None if isinstance(value, msgspec.UnsetType) else value


def _step(width: float) -> float:
    """A round number of which about five make the width."""
    size = 10.0 ** math.floor(math.log10(width / 5))
    return next((size * step for step in STEPS if size * step * 5 >= width), size * 10)


def _metric(result: MetricResult, control: str, scale: Axis | None) -> MetricRows:
    numbers = {each.variant: each for each in result.variants}
    comparisons = {each.variant: each for each in result.comparisons}
    names = [control, *(name for name in {**numbers, **comparisons} if name != control)]
    shown = [_row(result, name, numbers.get(name), comparisons.get(name), scale) for name in names]
    return MetricRows(result, [msgspec.structs.replace(shown[0], is_control=True), *shown[1:]], known(result.unknown))


def _row(
    result: MetricResult,
    name: str,
    numbers: VariantNumbers | None,
    comparison: ComparisonNumbers | None,
    scale: Axis | None,
) -> Row:
    row = Row(
        variant=name,
        is_control=False,
        n=None if numbers is None else numbers.n,
        mean=None if numbers is None else numbers.mean,
    )
    if comparison is None:
        return row
    return msgspec.structs.replace(
        row,
        difference=comparison.difference,
        lift=comparison.lift,
        bar=bar(comparison.lift, scale),
        p_value=comparison.p_value,
        adjusted_p_value=known(comparison.adjusted_p_value),
        chance_to_win=known(comparison.chance_to_win),
        expected_loss=known(comparison.expected_loss),
        margin=known(comparison.non_inferiority),
        state=words.state(result, comparison),
        unknown=known(comparison.unknown),
    )
