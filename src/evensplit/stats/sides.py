"""A sample as one number and how surely it is known. Every kind of metric ends here; what follows is the same for all.

Means: the sample mean, variance with n - 1. Proportions: variance p(1 - p). Ratios of sums: the delta method over
users. Quantiles: the density at the quantile, read from a span of quantiles around it; where users bring several
values each, their spread by the delta method (Deng, Knoblich, Lu, KDD 2018, 3 and 4.2). Not here: covariates (`cuped`).
"""

import math

import msgspec

from evensplit.stats.estimate import NotEnough
from evensplit.stats.joint import Joint
from evensplit.stats.moments import Moments
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Sample, Values, units

SMALLEST = 1e-290  # a sum of squares below it has lost its digits
ROUNDING = 1e-12  # of the terms of a sum that cancels: what is left below it is no scatter
CLEAR = 2.0  # standard errors that a ratio's denominator must be away from 0

TOO_LARGE = NotEnough("overflow", "the values are too large to be added up")


class Side(msgspec.Struct, frozen=True):
    """An estimate (a mean, a share, a ratio, a quantile) from `n` independent units, and its squared standard error.

    The variance of one unit is `n * spread`."""

    n: int
    mean: float
    spread: float


def side_of(sample: Sample) -> Side | NotEnough:
    """Covariates are left aside. A spread of 0 is told as it is: two such sides have no answer, one may have."""
    if isinstance(sample, Ratios):
        return ratio(sample.joint)
    if isinstance(sample, Quantiles):
        return quantile(sample)
    values = sample.joint.only(0)
    return share(values) if sample.shape == "proportion" else mean(values)


def mean(of: Moments) -> Side | NotEnough:
    if of.n < 2:
        return NotEnough("too_few_observations", f"a mean needs 2 observations, there are {of.n}")
    if not of.is_finite:
        return TOO_LARGE
    middle, variance = of.total / of.n, max(of.m2, 0.0) / (of.n - 1)
    if 0 < variance < SMALLEST:
        return _too_small(variance)
    residue = 2 * math.ulp(middle)
    # Equal values leave a residue of at most one last digit of their mean: that is no scatter.
    return Side(of.n, middle, variance / of.n if variance > residue * residue else 0.0)


def share(of: Moments) -> Side | NotEnough:
    if not of.n:
        return NotEnough("no_observations", "a share needs observations, there are none")
    if not 0 <= of.total <= of.n or of.total % 1:  # NaN fails too
        return NotEnough("not_binary", f"{of.total:g} of {of.n} is no share: the values are not all 0 or 1")
    p = of.total / of.n
    return Side(of.n, p, p * (1 - p) / of.n)


def ratio(joint: Joint, numerator: int = 0, denominator: int = 1) -> Side | NotEnough:
    """The sum of one number of each unit over the sum of another."""
    if joint.n < 2:
        return NotEnough("too_few_observations", f"a ratio needs 2 users, there are {joint.n}")
    if not (joint.only(numerator).is_finite and joint.only(denominator).is_finite):
        return TOO_LARGE
    below, own = joint.mean(denominator), joint.covariance(denominator, denominator)
    if not below:
        return NotEnough("denominator_is_zero", "the denominators add up to 0: there is no ratio")
    if abs(below) <= CLEAR * math.sqrt(max(own, 0.0) / joint.n):
        return NotEnough(
            "denominator_near_zero",
            f"the mean denominator, {below:g}, lies within {CLEAR:g} standard errors of 0: the ratio is not determined",
        )
    for variance in (own, joint.covariance(numerator, numerator)):
        if 0 < variance < SMALLEST:
            return _too_small(variance)
    value = joint.totals[numerator] / joint.totals[denominator]
    spread = deviation(joint, (numerator, denominator), (numerator, denominator)) / joint.n
    return Side(joint.n, value, max(spread, 0.0)) if math.isfinite(spread) and math.isfinite(value) else TOO_LARGE


def deviation(joint: Joint, one: tuple[int, int], other: tuple[int, int]) -> float:
    """The covariance over the units of two ratios' linearised values, (numerator - ratio * denominator) / its mean.

    Each is (number of the numerator, number of the denominator); the means of the denominators are not 0."""
    (a, b), (c, d) = one, other
    left, right = joint.totals[a] / joint.totals[b], joint.totals[c] / joint.totals[d]
    terms = (
        joint.covariance(a, c),
        -right * joint.covariance(a, d),
        -left * joint.covariance(b, c),
        left * right * joint.covariance(b, d),
    )
    found = math.fsum(terms) if all(map(math.isfinite, terms)) else math.nan
    if abs(found) <= ROUNDING * max(map(abs, terms)):
        return 0.0
    return found / joint.mean(b) / joint.mean(d)


def quantile(sample: Quantiles) -> Side | NotEnough:
    """`n` is of the values, or of the users where they bring several each."""
    q, points, value = sample.q, sample.points, sample.value
    if value is None or sample.lower is None or sample.upper is None or points < 2:
        return NotEnough("too_few_observations", f"a quantile needs 2 observations, there are {points}")
    if not all(map(math.isfinite, (value, sample.lower, sample.upper))):
        return TOO_LARGE
    reach = SPREAD * math.sqrt(q * (1 - q) / points)
    if q - reach <= 0 or q + reach >= 1:
        return NotEnough(
            "too_few_observations",
            f"{points} values do not tell how far the quantile {q:g} may be off: "
            f"more than {math.ceil(SPREAD**2 * max(q / (1 - q), (1 - q) / q))} are needed",
        )
    if sample.upper == sample.lower:
        return NotEnough(
            "tied_values", f"the values around the quantile {q:g} are all {value:g}: how far it may be off is not known"
        )
    error = (sample.upper - sample.lower) / (2 * SPREAD)
    independent = Side(points, value, error * error * (points - 1) / points)
    return independent if sample.clusters is None else _clustered(sample, independent, sample.clusters)


def _clustered(sample: Quantiles, independent: Side, clusters: Joint) -> Side | NotEnough:
    """Wider (or narrower) by how much the share of values below the quantile varies between users."""
    below = ratio(clusters)
    if isinstance(below, NotEnough):
        return below
    if not below.spread:
        return NotEnough(
            "no_variance", f"every user has the same share of values below the quantile {sample.q:g}: no scatter"
        )
    factor = below.spread / (sample.q * (1 - sample.q) / sample.points)
    return Side(clusters.n, independent.mean, independent.spread * factor)


def _too_small(variance: float) -> NotEnough:
    return NotEnough("underflow", f"the values scatter by {variance:g} only: too little to be reckoned with")


def few(variant: Sample, control: Sample) -> NotEnough | None:
    """Told with the figures of both sides."""
    proportion = isinstance(variant, Values) and variant.shape == "proportion"
    needed = 1 if proportion else 2
    ours, theirs = units(variant), units(control)
    if min(ours, theirs) >= needed:
        return None
    reason = "no_observations" if proportion else "too_few_observations"
    return NotEnough(
        reason, f"at least {needed} a side are needed; the variant has {ours} observations, the control {theirs}"
    )
