"""Two means and how surely each is known: what every method compares. Arithmetic on moments; nothing heavy is loaded.

Not here: how far a difference may be chance, which is for `frequentist`, `sequential` and `bayesian` to say.
"""

import math
from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.estimate import NotEnough
from evensplit.stats.moments import Moments

Shape: TypeAlias = Literal["mean", "proportion"]


class Side(msgspec.Struct, frozen=True):
    """A mean of `n` observations and its squared standard error."""

    n: int
    mean: float
    spread: float


class Uncertain(msgspec.Struct, frozen=True):
    """An estimate and its standard error."""

    estimate: float
    error: float


class Contrast(msgspec.Struct, frozen=True):
    """A variant and the control; the standard error of their difference is above 0."""

    variant: Side
    control: Side

    @property
    def n(self) -> int:
        """Observations of both sides."""
        return self.variant.n + self.control.n

    @property
    def difference(self) -> Uncertain:
        """Variant - control."""
        return Uncertain(self.variant.mean - self.control.mean, math.sqrt(self.variant.spread + self.control.spread))

    @property
    def lift(self) -> Uncertain | NotEnough:
        """(variant - control) / control, by the delta method for the ratio of two independent means."""
        variant, control = self.variant, self.control
        if not control.mean:
            return NotEnough("control_is_zero", "the control's mean is 0: a change relative to it has no value")
        ratio = variant.mean / control.mean
        error = math.sqrt(variant.spread + ratio * ratio * control.spread) / abs(control.mean)
        if not math.isfinite(error):
            return NotEnough(
                "control_near_zero", f"the control's mean is {control.mean:g}: the relative change overflows"
            )
        return Uncertain(ratio - 1, error)


def contrast(shape: Shape, variant: Moments, control: Moments) -> Contrast | NotEnough:
    """The variance of a proportion is p(1 - p), that of a mean is with n - 1. NotEnough where nothing scatters."""
    return _of_proportions(variant, control) if shape == "proportion" else _of_means(variant, control)


def _of_proportions(variant: Moments, control: Moments) -> Contrast | NotEnough:
    if not variant.n or not control.n:
        return NotEnough("no_observations", f"the variant has {variant.n} observations, the control {control.n}")
    sides = [Side(s.n, p, p * (1 - p) / s.n) for s in (variant, control) for p in (s.total / s.n,)]
    if not sides[0].spread + sides[1].spread:
        return NotEnough(
            "no_variance",
            f"all {variant.n} values of the variant are {sides[0].mean:g}, "
            f"all {control.n} of the control {sides[1].mean:g}: how much they scatter cannot be told",
        )
    return Contrast(*sides)


def _of_means(variant: Moments, control: Moments) -> Contrast | NotEnough:
    if variant.n < 2 or control.n < 2:
        return NotEnough(
            "too_few_observations",
            f"a mean needs 2 observations a side; the variant has {variant.n}, the control {control.n}",
        )
    if not (variant.is_finite and control.is_finite):
        return NotEnough("overflow", "the values are too large to be added up")
    sides = [Side(s.n, s.total / s.n, _spread_of_mean(s)) for s in (variant, control)]
    if not sides[0].spread + sides[1].spread:
        return NotEnough(
            "no_variance",
            f"every value of the variant is {sides[0].mean:g} and every value of the control {sides[1].mean:g}: "
            "how much they scatter cannot be told",
        )
    return Contrast(*sides)


def _spread_of_mean(sample: Moments) -> float:
    variance = sample.m2 / (sample.n - 1)
    residue = 2 * math.ulp(sample.total / sample.n)
    # Equal values leave a residue of at most one last digit of their mean: that is no scatter.
    return variance / sample.n if variance > residue * residue else 0.0
