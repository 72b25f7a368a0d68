"""Beliefs about a difference after the data: how likely the variant is better, and what choosing it may cost.

Proportions without a prior and without a covariate: independent beta posteriors from uniform priors. Everything else:
the normal posterior of the effect (Deng 2015). A prior speaks of the lift, and of the difference as that share of the
control's mean. Credible intervals are equal-tailed. Not here: more than two variants at once (`best`).
"""

import math

import msgspec

from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast, Uncertain
from evensplit.stats.estimate import OVERFLOW, Alternative, Interval, Lift, NotEnough
from evensplit.stats.relative import OTHER_WAY, around, lift_around, too_near_zero
from evensplit.stats.sides import Side


class Prior(msgspec.Struct, frozen=True):
    """A normal belief about the lift before the data; `sd` is above 0."""

    mean: float
    sd: float


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """`chance_to_win`: that the variant's mean is greater. `expected_loss`: what is lost on average where the variant
    is chosen and is not; `expected_loss_of_control`: the other way round; both in units of the metric."""

    difference: Interval
    lift: Lift | NotEnough
    chance_to_win: float
    expected_loss: float
    expected_loss_of_control: float
    method: str


def believe(
    found: Contrast, alpha: float = 0.05, prior: Prior | None = None, alternative: Alternative = "two-sided"
) -> Belief | NotEnough:
    """The posterior that suits the metric; flat without a prior. `alternative` opens one end of the intervals."""
    outside = alpha / 2 if alternative == "two-sided" else alpha
    if prior is None and is_of_betas(found):
        belief = _of_betas(found, outside, alternative)
    elif prior is None:
        quantile = -distributions.normal_quantile(outside)
        belief = _normal(found.difference, quantile, lift_around(found, quantile, alternative), alternative)
    else:
        posterior = updated(found, prior)
        if isinstance(posterior, NotEnough):
            return posterior
        quantile = -distributions.normal_quantile(outside)
        told = around(posterior[1], quantile, alternative if found.base.mean > 0 else OTHER_WAY[alternative])
        lift = Lift(told.estimate, told.lower, told.upper, "delta")
        belief = _normal(posterior[0], quantile, lift, alternative)
    if isinstance(belief, NotEnough):
        return belief
    numbers = (belief.chance_to_win, belief.expected_loss, belief.expected_loss_of_control)
    return belief if all(map(math.isfinite, numbers)) and belief.difference.is_sound else OVERFLOW


def is_of_betas(found: Contrast) -> bool:
    return found.kind == "proportion" and found.is_plain


def beta_of(side: Side) -> distributions.Beta:
    """After a uniform prior and this side's successes and failures."""
    successes = round(side.mean * side.n)
    return distributions.Beta(1 + successes, 1 + side.n - successes)


def chance_above(found: Contrast, change: float, prior: Prior | None = None) -> float | NotEnough:
    """That the variant's mean is greater than (1 + change) times the control's; the change is above -1."""
    if prior is not None:
        posterior = updated(found, prior)
        if isinstance(posterior, NotEnough):
            return posterior
        above = distributions.normal_lower((posterior[1].estimate - change) / posterior[1].error)
        return above if found.base.mean > 0 else 1 - above
    if is_of_betas(found) and change > -1:
        return 1 - distributions.beta_ratio_lower(beta_of(found.variant), beta_of(found.control), 1 + change)
    apart = found.beyond(change)
    return distributions.normal_lower(apart.estimate / apart.error)


def updated(found: Contrast, prior: Prior) -> tuple[Uncertain, Uncertain] | NotEnough:
    """The normal posteriors of the difference and of the lift."""
    scale = abs(found.base.mean)
    if not scale or found.base_is_near_zero:
        return found.lift if isinstance(found.lift, NotEnough) else too_near_zero(found)
    if isinstance(found.lift, NotEnough):
        return found.lift
    known = Uncertain(prior.mean * scale, prior.sd * scale)
    if not known.error:
        return OVERFLOW
    posterior = _updated(found.difference, known), _updated(found.lift, Uncertain(prior.mean, prior.sd))
    return posterior if all(each.error for each in posterior) else OVERFLOW


def _updated(seen: Uncertain, prior: Uncertain) -> Uncertain:
    """Two normal beliefs taken together, each weighted by its precision."""
    odds = seen.error / prior.error
    weight = 1 / (1 + odds * odds)  # of what was seen
    return Uncertain(weight * seen.estimate + (1 - weight) * prior.estimate, math.sqrt(weight) * seen.error)


def _normal(
    difference: Uncertain, quantile: float, lift: Lift | NotEnough, alternative: Alternative
) -> Belief | NotEnough:
    if not difference.error:
        return OVERFLOW
    z = difference.estimate / difference.error
    loss = difference.error * distributions.normal_density(z) - difference.estimate * distributions.normal_lower(-z)
    return Belief(
        difference=around(difference, quantile, alternative),
        lift=lift,
        chance_to_win=distributions.normal_lower(z),
        expected_loss=max(loss, 0.0),
        expected_loss_of_control=max(loss + difference.estimate, 0.0),
        method="normal_posterior",
    )


def _of_betas(found: Contrast, outside: float, alternative: Alternative) -> Belief | NotEnough:
    ours, theirs = beta_of(found.variant), beta_of(found.control)
    # E max(theirs - ours, 0): a mean times a density is the density of a beta with one success more.
    loss = theirs.mean * (1 - _greater(ours, theirs.one_more)) - ours.mean * (1 - _greater(ours.one_more, theirs))
    low = None if alternative == "less" else outside
    high = None if alternative == "greater" else 1 - outside
    estimate = found.difference.estimate
    ends = [None if q is None else distributions.beta_difference_quantile(ours, theirs, q) for q in (low, high)]
    difference = Interval(estimate, *ends)
    outweighed = NotEnough(
        "prior_outweighs_data",
        f"{found.variant.n} observations of the variant and {found.control.n} of the control weigh less than the "
        "uniform prior they are read with: it puts the interval away from what was seen",
    )
    if not difference.is_sound:
        return outweighed
    lift: Lift | NotEnough
    if found.control.mean:
        ratio = [None if q is None else distributions.beta_ratio_quantile(ours, theirs, q) - 1 for q in (low, high)]
        told = Lift(estimate / found.control.mean, ratio[0], ratio[1], "beta")
        lift = told if told.is_sound else outweighed
    else:
        lift = NotEnough("control_is_zero", "nobody of the control succeeded: a change relative to it has no value")
    return Belief(
        difference=difference,
        lift=lift,
        chance_to_win=_greater(ours, theirs),
        expected_loss=max(loss, 0.0),
        expected_loss_of_control=max(loss + ours.mean - theirs.mean, 0.0),
        method="beta_binomial",
    )


def _greater(one: distributions.Beta, other: distributions.Beta) -> float:
    """P(one > other)."""
    return 1 - distributions.beta_difference_lower(one, other, 0.0)
