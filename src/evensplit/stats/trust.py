"""Checks of one comparison: what makes it more or less to be believed. Samples and effects in, numbers out.

Were the groups alike before? Does the effect hang on a few huge values? Does it fade from day to day? Is it too good to
be true? Not here: whether users were split as planned (`srm`), or what is made of it (`experiments.decision`).
"""

import math
from collections.abc import Sequence

import msgspec

from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast, Uncertain, contrast
from evensplit.stats.estimate import OVERFLOW, Compared, Comparison, Interval, NotEnough
from evensplit.stats.frequentist import compare
from evensplit.stats.joint import Joint
from evensplit.stats.relative import around
from evensplit.stats.samples import Quantiles, Ratios, Sample, Values

BIASED_BELOW = 0.001  # as for the split of users: looked at for every metric, it must not cry wolf
# The quantile at which values are capped to see whether the few above it make the effect: ten values or more, where
# there are as many units; with fewer units another.
CAP, CAP_OF_FEW, MANY = 0.999, 0.99, 10_000
MOVED = 0.5  # standard errors; a single value that outweighs all others moves the difference by one
FEWEST_DAYS = 4
SURPRISING_LIFT = 0.5  # most changes of a running product move a metric by less than a tenth of that


# --- before the experiment ------------------------------------------------------------------------


def before(sample: Sample) -> Sample | None:
    """The covariate as a sample of its own; None where there is none."""
    if isinstance(sample, Quantiles):
        return None
    at = (2, 3) if isinstance(sample, Ratios) else (1,)
    joint = sample.joint
    if len(joint.totals) <= at[-1]:
        return None
    pairs = [(i, j) for i in at for j in at if i <= j]
    alone = Joint(joint.n, tuple(joint.totals[i] for i in at), tuple(joint.product(*pair) for pair in pairs))
    return Ratios(alone) if isinstance(sample, Ratios) else Values("mean", alone)


def bias(variant: Sample, control: Sample) -> Compared | None:
    """How the groups differed before anybody was assigned, which can be by chance only; None without a covariate."""
    ours, theirs = before(variant), before(control)
    if ours is None or theirs is None:
        return None
    found = contrast(ours, theirs)
    return found if isinstance(found, NotEnough) else compare(found, BIASED_BELOW)


# --- huge values ----------------------------------------------------------------------------------


class Sensitivity(msgspec.Struct, frozen=True):
    """A comparison as it is, and with values capped at a high quantile of all users' values.

    `moved`: how far capping moved the difference, in standard errors of the difference as it is. `reverses`: one of the
    two says that the variant differs, the other does not, or says the opposite."""

    plain: Comparison
    capped: Comparison
    moved: float
    reverses: bool

    @property
    def is_suspect(self) -> bool:
        return self.moved > MOVED or self.reverses


def sensitivity(plain: Contrast, capped: Contrast, alpha: float = 0.05) -> Sensitivity | NotEnough:
    """Both of the same users."""
    one, other = compare(plain, alpha), compare(capped, alpha)
    if isinstance(one, NotEnough):
        return one
    if isinstance(other, NotEnough):
        return other
    apart = abs(plain.difference.estimate - capped.difference.estimate)
    return Sensitivity(one, other, apart / plain.difference.error, _says(one, alpha) != _says(other, alpha))


def _says(found: Comparison, alpha: float) -> int:
    """1 up, -1 down, 0 nothing."""
    if found.p_value >= alpha:
        return 0
    return 1 if found.difference.estimate > 0 else -1


# --- over the days --------------------------------------------------------------------------------


class Drift(msgspec.Struct, frozen=True):
    """How the effect changes from one day after the assignment to the next: a line through the days' effects.

    `first` is where the line begins, at day 0. `fades`: the line leads towards 0, and chance does not explain it."""

    slope: Interval  # a day
    p_value: float
    first: float
    days: int
    fades: bool
    grows: bool


def drift(effects: Sequence[tuple[int, Uncertain]], alpha: float = 0.05) -> Drift | NotEnough:
    """(days since the assignment, the effect of that day); weighted least squares with the days' standard errors.

    Users stand in several days: what is common to their days cancels out of a slope, so the interval is rather too wide
    than too narrow."""
    if len(effects) < FEWEST_DAYS:
        return NotEnough("too_few_days", f"a trend needs {FEWEST_DAYS} days with an effect; there are {len(effects)}")
    try:
        return _line(effects, alpha)
    except OverflowError:  # of a square, or of a sum of them
        return OVERFLOW


def _line(effects: Sequence[tuple[int, Uncertain]], alpha: float) -> Drift | NotEnough:
    least = min(effect.error for _, effect in effects)
    weights = [(least / effect.error) ** 2 for _, effect in effects]
    total = math.fsum(weights)
    middle = math.fsum(w * day for w, (day, _) in zip(weights, effects, strict=True)) / total
    mean = math.fsum(w * (effect.estimate / total) for w, (_, effect) in zip(weights, effects, strict=True))
    spread = math.fsum(w * (day - middle) ** 2 for w, (day, _) in zip(weights, effects, strict=True))
    if not spread:
        return NotEnough("too_few_days", "the effects are all of one day")
    slope = math.fsum(w * (day - middle) * e.estimate for w, (day, e) in zip(weights, effects, strict=True)) / spread
    error = least / math.sqrt(spread)
    first = mean - slope * middle
    if not (math.isfinite(slope) and math.isfinite(first) and error > 0):
        return OVERFLOW
    p_value = distributions.normal_two_sided(slope / error)
    clear = p_value < alpha
    return Drift(
        slope=around(Uncertain(slope, error), distributions.normal_quantile(1 - alpha / 2)),
        p_value=p_value,
        first=first,
        days=len(effects),
        fades=clear and slope * first < 0,
        grows=clear and slope * first > 0,
    )


# --- too good to be true --------------------------------------------------------------------------


def surprising(lift: Interval) -> bool:
    """Even the end of the interval that is nearer to 0 is beyond `SURPRISING_LIFT`: rather a fault in the data than an
    effect (Twyman's law: a figure that looks interesting is usually wrong)."""
    low = lift.estimate if lift.lower is None else lift.lower
    high = lift.estimate if lift.upper is None else lift.upper
    return low > SURPRISING_LIFT or high < -SURPRISING_LIFT
