"""What was known before the assignment takes chance out of the comparison (CUPED: Deng, Xu, Kohavi, Walker 2013).

Each value less `theta` times its covariate's distance from the covariate's mean over all variants. The same theta for
all, from the variants pooled: it may be any number without a bias, and this one takes out most. Ratios: the same on
their linearised values (Deng, Knoblich, Lu 2018).
"""

import math
from collections.abc import Sequence
from functools import reduce

import msgspec

from evensplit.stats.estimate import NotEnough
from evensplit.stats.joint import Joint, merge_joint
from evensplit.stats.samples import Ratios, Sample, Values
from evensplit.stats.sides import ROUNDING, Side, deviation, mean, ratio

VALUE, BEFORE = (0, 1), (2, 3)  # numerator and denominator, in the joint moments of a ratio


class Adjusted(msgspec.Struct, frozen=True):
    """`measured`: without the covariate. `shared`: the covariance of the adjusted mean with the measured one."""

    adjusted: Side
    measured: Side
    shared: float


class Adjustment(msgspec.Struct, frozen=True):
    """All variants with the covariate taken out, in the order given."""

    theta: float
    sides: tuple[Adjusted, ...]


class _Parts(msgspec.Struct, frozen=True):
    """One sample: the value, the covariate, and the covariance of one unit's value and covariate."""

    value: Side
    covariate: Side
    together: float


def adjusted(samples: Sequence[Sample]) -> Adjustment | NotEnough | None:
    """None where there is no covariate; NotEnough says why it is of no use. `samples` of one kind, none empty."""
    joints = [sample.joint for sample in samples if isinstance(sample, Values | Ratios)]
    first = samples[0]
    if len(joints) < len(samples) or len(joints[0].totals) != (4 if isinstance(first, Ratios) else 2):
        return None
    read = _ratios if isinstance(first, Ratios) else _means
    parts = [read(joint) for joint in joints]
    pooled = read(reduce(merge_joint, joints))
    known = [part for part in parts if isinstance(part, _Parts)]
    if isinstance(pooled, NotEnough) or len(known) < len(parts):
        failed = next((part for part in [pooled, *parts] if isinstance(part, NotEnough)), None)
        return NotEnough("covariate_unknown", f"the covariate is not used: {failed.message if failed else ''}")
    if not pooled.covariate.spread:
        return NotEnough("covariate_constant", "the covariate is not used: it is the same for all users")
    if not any(part.value.spread for part in known):
        return NotEnough("no_variance", "the covariate is not used: the values do not scatter")
    theta = pooled.together / (pooled.covariate.n * pooled.covariate.spread)
    sides = tuple(_adjust(part, theta, pooled.covariate.mean) for part in known)
    if not all(math.isfinite(side.adjusted.mean) and math.isfinite(side.adjusted.spread) for side in sides):
        return NotEnough("covariate_unknown", "the covariate is not used: taking it out overflows")
    if not any(side.adjusted.spread for side in sides):
        return NotEnough("covariate_explains_all", "the covariate is not used: it leaves nothing that scatters")
    return Adjustment(theta, sides)


def _adjust(parts: _Parts, theta: float, centre: float) -> Adjusted:
    value, covariate, together = parts.value, parts.covariate, parts.together / parts.value.n
    spread = value.spread + theta * theta * covariate.spread - 2 * theta * together
    if spread <= ROUNDING * (value.spread + theta * theta * covariate.spread):
        spread = 0.0
    middle = value.mean - theta * (covariate.mean - centre)
    return Adjusted(Side(value.n, middle, spread), value, value.spread - theta * together)


def _means(joint: Joint) -> _Parts | NotEnough:
    """Variances with n - 1, of proportions too: what is left of a share is no share."""
    value, covariate = mean(joint.only(0)), mean(joint.only(1))
    if isinstance(value, NotEnough):
        return value
    if isinstance(covariate, NotEnough):
        return covariate
    return _Parts(value, covariate, joint.covariance(0, 1))


def _ratios(joint: Joint) -> _Parts | NotEnough:
    value, covariate = ratio(joint, *VALUE), ratio(joint, *BEFORE)
    if isinstance(value, NotEnough):
        return value
    if isinstance(covariate, NotEnough):
        return covariate
    return _Parts(value, covariate, deviation(joint, VALUE, BEFORE))
