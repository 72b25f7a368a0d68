"""Beliefs about a difference after the data: how likely the variant is better, and what choosing it may cost.

Means, and proportions with a prior: the normal posterior of the effect (Deng 2015). Proportions without one:
independent beta posteriors from uniform priors. A prior speaks of the lift, and of the difference as that share of the
control's mean. Credible intervals are equal-tailed.
"""

import math

import msgspec

from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast, Shape, Uncertain
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.stats.frequentist import around
from evensplit.stats.moments import Moments


class Prior(msgspec.Struct, frozen=True):
    """A normal belief about the lift before the data; `sd` is above 0."""

    mean: float
    sd: float


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """`chance_to_win`: that the variant's mean is greater. `expected_loss`: what is lost on average where the variant
    is chosen and is not; `expected_loss_of_control`: the other way round; both in units of the metric."""

    difference: Interval
    lift: Interval | NotEnough
    chance_to_win: float
    expected_loss: float
    expected_loss_of_control: float
    method: str


def believe(found: Contrast, alpha: float = 0.05, prior: Prior | None = None) -> Belief:
    """The normal posterior; flat without a prior."""
    scale = abs(found.control.mean)
    difference, lift = found.difference, found.lift
    if prior is not None and scale:
        difference = _updated(difference, Uncertain(prior.mean * scale, prior.sd * scale))
        lift = lift if isinstance(lift, NotEnough) else _updated(lift, Uncertain(prior.mean, prior.sd))
    quantile = distributions.normal_quantile(1 - alpha / 2)
    z = difference.estimate / difference.error
    loss = difference.error * distributions.normal_density(z) - difference.estimate * distributions.normal_lower(-z)
    return Belief(
        difference=around(difference, quantile),
        lift=lift if isinstance(lift, NotEnough) else around(lift, quantile),
        chance_to_win=distributions.normal_lower(z),
        expected_loss=max(loss, 0.0),
        expected_loss_of_control=max(loss + difference.estimate, 0.0),
        method="normal_posterior",
    )


def believe_proportions(variant: Moments, control: Moments, alpha: float = 0.05) -> Belief | NotEnough:
    """Beta(1 + successes, 1 + failures) on both sides; `total` is how many of `n` succeeded."""
    if not variant.n or not control.n:
        return NotEnough("no_observations", f"the variant has {variant.n} observations, the control {control.n}")
    ours, theirs = (distributions.Beta(1 + s.total, 1 + s.n - s.total) for s in (variant, control))
    # E max(theirs - ours, 0): a mean times a density is the density of a beta with one success more.
    loss = theirs.mean * (1 - _greater(ours, theirs.one_more)) - ours.mean * (1 - _greater(ours.one_more, theirs))
    difference = [distributions.beta_difference_quantile(ours, theirs, q) for q in (alpha / 2, 1 - alpha / 2)]
    estimate = variant.total / variant.n - control.total / control.n
    lift: Interval | NotEnough
    if control.total:
        ratio = [distributions.beta_ratio_quantile(ours, theirs, q) - 1 for q in (alpha / 2, 1 - alpha / 2)]
        lift = Interval(estimate * control.n / control.total, *ratio)
    else:
        lift = NotEnough("control_is_zero", "nobody of the control succeeded: a change relative to it has no value")
    return Belief(
        difference=Interval(estimate, *difference),
        lift=lift,
        chance_to_win=_greater(ours, theirs),
        expected_loss=max(loss, 0.0),
        expected_loss_of_control=max(loss + ours.mean - theirs.mean, 0.0),
        method="beta_binomial",
    )


def _greater(one: "distributions.Beta", other: "distributions.Beta") -> float:
    """P(one > other)."""
    return 1 - distributions.beta_difference_lower(one, other, 0.0)


def _updated(seen: Uncertain, prior: Uncertain) -> Uncertain:
    """Two normal beliefs taken together, each weighted by its precision."""
    weight = prior.error**2 / (seen.error**2 + prior.error**2)  # of what was seen
    return Uncertain(weight * seen.estimate + (1 - weight) * prior.estimate, math.sqrt(weight) * seen.error)


def believed(
    shape: Shape, found: Contrast, sides: tuple[Moments, Moments], alpha: float, prior: Prior | None
) -> Belief | NotEnough:
    """The posterior that suits the metric; `sides` are the moments of variant and control."""
    if shape == "proportion" and prior is None:
        return believe_proportions(*sides, alpha)
    return believe(found, alpha, prior)
