"""A variant and the control, each as one number and how surely it is known: what every method compares.

Arithmetic on moments; nothing heavy is loaded. Not here: how a sample becomes a side (`sides`, `cuped`), and how far a
difference may be chance, which is for `frequentist`, `sequential` and `bayesian` to say.
"""

import math
from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.cuped import Adjusted, Adjustment, adjusted
from evensplit.stats.estimate import NotEnough
from evensplit.stats.samples import Quantiles, Ratios, Sample
from evensplit.stats.sides import Side, few, side_of

Kind: TypeAlias = Literal["mean", "proportion", "ratio", "quantile"]

NEAR = 5.0  # standard errors from 0 within which a mean is no scale for anything


class Uncertain(msgspec.Struct, frozen=True):
    """An estimate and its standard error."""

    estimate: float
    error: float


class Base(msgspec.Struct, frozen=True):
    """What a change is relative to: the control as it was measured. `spread`: its squared standard error; `shared`:
    its covariance with the control's side, which is the same where no covariate is in use."""

    mean: float
    spread: float
    shared: float


class Cuped(msgspec.Struct, frozen=True):
    """`variance_reduction`: of the difference, as a share of its squared standard error."""

    theta: float
    variance_reduction: float


class Contrast(msgspec.Struct, frozen=True):
    """A variant and the control; the standard error of their difference is above 0.

    `cuped`: None where there is no covariate, NotEnough where it is of no use."""

    kind: Kind
    variant: Side
    control: Side
    base: Base
    cuped: Cuped | NotEnough | None = None

    @property
    def n(self) -> int:
        """Units of both sides."""
        return self.variant.n + self.control.n

    @property
    def is_plain(self) -> bool:
        """Nothing has been taken out by a covariate."""
        return not isinstance(self.cuped, Cuped)

    @property
    def difference(self) -> Uncertain:
        """Variant - control."""
        return Uncertain(self.variant.mean - self.control.mean, math.sqrt(self.variant.spread + self.control.spread))

    @property
    def base_is_near_zero(self) -> bool:
        """Then nothing that is meant as a share of it has a known size."""
        return abs(self.base.mean) < NEAR * math.sqrt(self.base.spread)

    @property
    def lift(self) -> Uncertain | NotEnough:
        """(variant - control) / control, by the delta method."""
        mean = self.base.mean
        if not mean:
            return NotEnough("control_is_zero", "the control's mean is 0: a change relative to it has no value")
        lift = self.difference.estimate / mean
        error = self.beyond(lift).error / abs(mean)
        if not math.isfinite(error):
            return NotEnough("control_near_zero", f"the control's mean is {mean:g}: the relative change overflows")
        return Uncertain(lift, error)

    def beyond(self, change: float) -> Uncertain:
        """The difference less `change` times the control: 0 where the lift is `change`. Nothing is divided."""
        control = self.control.spread + 2 * change * self.base.shared + change * change * self.base.spread
        estimate = self.difference.estimate - change * self.base.mean
        return Uncertain(estimate, math.sqrt(self.variant.spread + max(control, 0.0)))

    def degrees(self, change: float = 0.0) -> float:
        """Of freedom, of `beyond(change)`: Welch-Satterthwaite."""
        error = self.beyond(change).error
        total = error * error
        # Shares instead of squares of variances: those would leave the range of doubles for values near 1e100.
        share = min(self.variant.spread / total, 1.0)
        return 1 / (share**2 / (self.variant.n - 1) + (1 - share) ** 2 / (self.control.n - 1))


def contrast(variant: Sample, control: Sample) -> Contrast | NotEnough:
    """Two samples of one kind. NotEnough where nothing scatters."""
    lacking = few(variant, control)
    if lacking is not None:
        return lacking
    cuped = adjusted((variant, control))
    kind = _kind(variant)
    if isinstance(cuped, Adjustment):
        return _adjusted(kind, cuped.theta, *cuped.sides)
    ours, theirs = side_of(variant), side_of(control)
    if isinstance(ours, NotEnough):
        return ours
    if isinstance(theirs, NotEnough):
        return theirs
    if not ours.spread + theirs.spread:
        return NotEnough(
            "no_variance",
            f"every value of the variant is {ours.mean:g} and every value of the control {theirs.mean:g}: "
            "how much they scatter cannot be told",
        )
    return Contrast(kind, ours, theirs, Base(theirs.mean, theirs.spread, theirs.spread), cuped)


def _adjusted(kind: Kind, theta: float, variant: Adjusted, control: Adjusted) -> Contrast:
    before = variant.measured.spread + control.measured.spread
    after = variant.adjusted.spread + control.adjusted.spread
    base = Base(control.measured.mean, control.measured.spread, control.shared)
    return Contrast(kind, variant.adjusted, control.adjusted, base, Cuped(theta, 1 - after / before))


def _kind(sample: Sample) -> Kind:
    if isinstance(sample, Ratios):
        return "ratio"
    return "quantile" if isinstance(sample, Quantiles) else sample.shape
