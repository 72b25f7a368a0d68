"""How many users a test needs, what it detects with so many, and how surely. Before the data: nothing is tested here.

The tests are those of `frequentist` and `sequential`: Welch's t with equal variances for means; the z test, pooled
where there is no difference, for proportions; and the confidence sequence, whose chance to leave 0 out at a number of
users is a lower bound of the chance to have done so by then. Lifts are relative to the control's mean.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import msgspec

from evensplit.stats import distributions
from evensplit.stats.estimate import Alternative, NotEnough
from evensplit.stats.noncentral import t_upper
from evensplit.stats.samples import Shape
from evensplit.stats.sequential import HORIZON, boundary, rho_squared

MOST_USERS = 1e12  # beyond it no experiment is worth planning
LARGEST_LIFT = 1e6
CLOSE = 1e-12  # of a power, and relative
MOST_STEPS = 200
FAR = 6.0  # standard errors


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What one user is like: the mean and variance of the metric. `reduction`: the share of the variance that a
    covariate takes away (CUPED). The variance of a proportion follows from its mean."""

    mean: float
    variance: float
    shape: Shape = "mean"
    reduction: float = 0.0

    def variance_at(self, mean: float) -> float:
        """Where the mean is moved: that of a proportion goes along, that of anything else stays."""
        spread = mean * (1 - mean) if self.shape == "proportion" else self.variance
        return spread * (1 - self.reduction)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the experiment will be read. `shares`: the control's first, of any sum. `family`: how many comparisons share
    alpha (Bonferroni, which is Holm's first step: Holm needs no more users).

    With a `margin` (a part of the control's mean) it is to be shown that the variant is not worse by as much: a
    one-sided test, whose better side is `greater` unless the alternative is `less`."""

    alpha: float = 0.05
    power: float = 0.8
    alternative: Alternative = "two-sided"
    method: Literal["fixed", "sequential"] = "fixed"
    shares: tuple[float, ...] = (1.0, 1.0)
    family: int = 1
    margin: float | None = None
    horizon: float = HORIZON


class SampleSize(msgspec.Struct, frozen=True):
    """Users in all, and of each variant."""

    users: int
    per_variant: tuple[int, ...]


class _Effect(msgspec.Struct, frozen=True):
    """Of one variant: what is to be found, and its standard error if there were none and as it is."""

    difference: float
    error_of_none: float
    error: float
    degrees_of_freedom: float
    n: float


def sample_size(plan: Plan, baseline: Baseline, lift: float) -> SampleSize | NotEnough:
    """Enough users for every variant with this true lift to be told from the control with the promised power."""
    users = least_users(plan, baseline, lift)
    if isinstance(users, NotEnough):
        return users
    total = math.fsum(plan.shares)
    per_variant = tuple(math.ceil(users * share / total - 1e-9) for share in plan.shares)
    return SampleSize(sum(per_variant), per_variant)


def least_users(plan: Plan, baseline: Baseline, lift: float) -> float | NotEnough:
    """As `sample_size`, of all variants together, before it is made whole."""
    wrong = _unfit(plan, baseline, lift)
    if wrong is not None:
        return wrong
    least = 2 * math.fsum(plan.shares) / min(plan.shares)  # two users in the smallest variant
    return _crossing(lambda users: power_of(plan, baseline, lift, users), plan.power, least, MOST_USERS) or NotEnough(
        "too_small_effect", f"a lift of {lift:g} needs more than {MOST_USERS:g} users"
    )


def minimum_effect(plan: Plan, baseline: Baseline, users: float) -> float | NotEnough:
    """The least lift that so many users show with the promised power, to the side that is sought (upwards where both
    are). A margin plays no part."""
    plain = msgspec.structs.replace(plan, margin=None)
    sign = math.copysign(1.0, _side(plan) * baseline.mean)
    wrong = _unfit(plain, baseline, sign * CLOSE)
    if wrong is not None:
        return wrong
    too_few = NotEnough("too_few_users", f"with {users:g} users no effect would be seen with power {plan.power:g}")
    if users * min(plan.shares) < 2 * math.fsum(plan.shares):
        return too_few
    most = _largest(baseline, sign)
    found = _crossing(lambda lift: power_of(plain, baseline, sign * lift, users), plan.power, CLOSE, most)
    return too_few if found is None else sign * found


def power_of(plan: Plan, baseline: Baseline, lift: float, users: float) -> float:
    """The chance that a lift is seen with so many users; of the variant that has the least chance.

    At least two users in each variant, and a lift that leaves a proportion within 0 and 1."""
    total = math.fsum(plan.shares)
    control, *variants = (users * share / total for share in plan.shares)
    return min(_power(plan, _effect(plan, baseline, lift, (variant, control))) for variant in set(variants))


# --- one variant ----------------------------------------------------------------------------------


def _effect(plan: Plan, baseline: Baseline, lift: float, sizes: tuple[float, float]) -> _Effect:
    """`sizes` of variant and control. A proportion's pooled error holds where the two are compared plainly."""
    variant, control = sizes
    moved = baseline.mean * (1 + lift)
    kept = 1.0 if plan.margin is None else 1 - plan.margin * _side(plan)
    spreads = (baseline.variance_at(moved) / variant, kept * kept * baseline.variance_at(baseline.mean) / control)
    error = math.sqrt(spreads[0] + spreads[1])
    plain = baseline.shape == "proportion" and plan.margin is None and not baseline.reduction
    pooled = (moved * variant + baseline.mean * control) / (variant + control)
    return _Effect(
        difference=moved - kept * baseline.mean,
        error_of_none=math.sqrt(pooled * (1 - pooled) * (1 / variant + 1 / control)) if plain else error,
        error=error,
        degrees_of_freedom=math.inf if baseline.shape == "proportion" else _degrees(spreads, sizes),
        n=variant + control,
    )


def _power(plan: Plan, effect: _Effect) -> float:
    alpha = plan.alpha / plan.family
    if not effect.error:
        return 1.0
    shift = effect.difference / effect.error
    if plan.alternative == "less":
        shift = -shift
    two_sided = plan.alternative == "two-sided" and plan.margin is None
    if plan.method == "sequential":
        facing: Alternative = "two-sided" if two_sided else "greater"
        bound = boundary(effect.n * rho_squared(alpha, plan.horizon, facing), alpha, facing)
    elif math.isfinite(effect.degrees_of_freedom):
        return t_power(shift, effect.degrees_of_freedom, alpha, two_sided)
    else:
        bound = distributions.normal_quantile(1 - alpha / 2 if two_sided else 1 - alpha)
        bound *= effect.error_of_none / effect.error
    return normal_power(shift, bound, two_sided)


def normal_power(shift: float, bound: float, two_sided: bool) -> float:
    """P(Z + shift > bound), and below -bound where two-sided."""
    return distributions.normal_lower(shift - bound) + (
        distributions.normal_lower(-shift - bound) if two_sided else 0.0
    )


def t_power(shift: float, degrees_of_freedom: float, alpha: float, two_sided: bool) -> float:
    """As `normal_power`, for Student's t with its bound at alpha."""
    bound = _t_bound(alpha / 2 if two_sided else alpha, degrees_of_freedom)
    other = two_sided and shift < FAR  # the other tail has no weight any more
    return t_upper(bound, degrees_of_freedom, shift) + (t_upper(bound, degrees_of_freedom, -shift) if other else 0.0)


@lru_cache(maxsize=256)
def _t_bound(alpha: float, degrees_of_freedom: float) -> float:
    return distributions.t_quantile(1 - alpha, degrees_of_freedom)


def _degrees(spreads: tuple[float, float], sizes: tuple[float, float]) -> float:
    """Satterthwaite's; infinite where nothing scatters."""
    total = spreads[0] + spreads[1]
    if not total:
        return math.inf
    shares = (spreads[0] / total, spreads[1] / total)
    return 1 / sum(share * share / (size - 1) for share, size in zip(shares, sizes, strict=True))


def _side(plan: Plan) -> float:
    """Of the difference that is sought."""
    return -1.0 if plan.alternative == "less" else 1.0


# --- what cannot be planned -----------------------------------------------------------------------


def _unfit(plan: Plan, baseline: Baseline, lift: float) -> NotEnough | None:
    if not (math.isfinite(baseline.mean) and 0 <= baseline.variance < math.inf):
        return NotEnough("overflow", "the values are too large to be added up")
    if not baseline.mean:
        return NotEnough("control_is_zero", "the mean is 0: a change relative to it has no value")
    if plan.margin is not None and baseline.mean < 0:
        return NotEnough("control_is_negative", f"a margin is a part of the mean, which is {baseline.mean:g}")
    if not baseline.variance_at(baseline.mean) > 0:
        return NotEnough("no_variance", f"every value is {baseline.mean:g}: how much they scatter cannot be told")
    if len(plan.shares) < 2 or min(plan.shares) <= 0:
        return NotEnough("one_variant", "two variants with a weight are needed")
    moved = baseline.mean * (1 + lift)
    if baseline.shape == "proportion" and not 0 <= moved <= 1:
        return NotEnough("impossible_effect", f"a lift of {lift:g} makes a proportion of {baseline.mean:g} {moved:g}")
    sought = (lift + (plan.margin or 0.0) * _side(plan)) * baseline.mean * _side(plan)
    both = plan.alternative == "two-sided" and plan.margin is None
    if not sought or (sought < 0 and not both):
        return NotEnough("no_effect", f"a lift of {lift:g} is nothing that this test seeks")
    return None


def _largest(baseline: Baseline, sign: float) -> float:
    """The largest lift to either side that is possible."""
    if baseline.shape != "proportion":
        return LARGEST_LIFT
    return (1 - baseline.mean) / baseline.mean if sign > 0 else 1.0


def _crossing(power: Callable[[float], float], wanted: float, low: float, high: float) -> float | None:
    """Where a power that grows reaches what is wanted; None where it does not up to `high`.

    By false position on logarithms (Illinois: an end that stays has its weight halved)."""
    most, start = math.log(high), math.log(low)
    below = power(low) - wanted
    if below >= 0:
        return low
    end, above = start, below
    while above < 0:
        if end >= most:
            return None
        start, below = end, above
        end = min(most, end + 1.5)
        above = power(math.exp(end)) - wanted
    left, right, kept = below, above, 0
    for _ in range(MOST_STEPS):
        middle = start + (end - start) * left / (left - right)
        found = power(math.exp(middle)) - wanted
        if abs(found) < CLOSE or end - start < CLOSE:
            return math.exp(middle)
        if found > 0:
            end, right, left, kept = middle, found, left / 2 if kept < 0 else left, -1
        else:
            start, left, right, kept = middle, found, right / 2 if kept > 0 else right, 1
    return math.exp(end)
