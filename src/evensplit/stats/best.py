"""Which of many variants is best, and what choosing another costs: by quadrature, so the same data gives the same
digits. Two variants give what `bayesian` says of them.

Each variant's mean by itself: a normal or a beta posterior. With a prior on the lifts: the effects given the control's
mean are independent, so everything is averaged over that mean.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from evensplit.stats import distributions
from evensplit.stats.bayesian import Prior
from evensplit.stats.distributions import Beta
from evensplit.stats.sides import Side

if TYPE_CHECKING:
    from evensplit.stats.distributions import Points

MOST = 20  # variants: beyond it nothing is said, it would take too long
CENTRES = 200  # places of the control's mean that are averaged over
WIDTH = 9.0  # standard deviations to each side: beyond it a normal has no weight that a double can show
NARROW = 5.0  # a law so much narrower than another gets nodes of its own


class Normal(msgspec.Struct, frozen=True):
    """`sd` is above 0."""

    mean: float
    sd: float

    @property
    def range(self) -> tuple[float, float]:
        return self.mean - WIDTH * self.sd, self.mean + WIDTH * self.sd


Law: TypeAlias = Normal | Beta


class Standing(msgspec.Struct, frozen=True):
    """`chance`: to be the best of all. `loss`: what choosing this one costs on average against the best."""

    chance: float
    loss: float


def best_of(laws: Sequence[Law], up: bool = True) -> list[Standing]:
    """In the order given; the laws are independent. `up`: the greatest is the best, else the least."""
    import numpy as np

    laws = _near_zero(laws)
    chances, excess = [], np.zeros(len(laws))
    means = np.array([law.mean for law in laws])
    for place, law in enumerate(laws):
        points, weights = _nodes(law, [other.range for other in laws])
        for other in [*laws[:place], *laws[place + 1 :]]:
            weights = weights * (_lower(other, points) if up else 1 - _lower(other, points))
        chances.append(float(weights.sum()))
        excess += ((points[:, None] - means) * weights[:, None]).sum(axis=0)
    return [
        Standing(min(chance, 1.0), max(float(loss if up else -loss), 0.0))
        for chance, loss in zip(chances, excess, strict=True)
    ]


def _near_zero(laws: Sequence[Law]) -> Sequence[Law]:
    """Normals moved so that the first lies at 0: far from 0 the digits of their distances are lost."""
    normals = [law for law in laws if isinstance(law, Normal)]
    if len(normals) < len(laws):
        return laws
    return [Normal(law.mean - normals[0].mean, law.sd) for law in normals]


def best_with_prior(control: Side, variants: Sequence[Side], prior: Prior, up: bool = True) -> list[Standing]:
    """The control first. Every spread is above 0, and so is the control's distance from 0. Not a number where the
    values are too large or too small to be reckoned with."""
    import numpy as np

    scale = abs(control.mean)
    mean, sd = prior.mean * scale, prior.sd * scale
    variance = sd * sd
    # What the variants say of the control's mean, through the prior, is weighed with what it says itself.
    told = [(control.mean, control.spread)] + [(side.mean - mean, side.spread + variance) for side in variants]
    precision = sum(1 / spread for _, spread in told)
    if not 0 < precision < math.inf:
        return [Standing(math.nan, math.nan)] * len(told)
    centre = Normal(sum(value / spread for value, spread in told) / precision, 1 / math.sqrt(precision))
    given = [_given(side, centre.mean, mean, variance) for side in variants]  # of the same sd wherever the control is
    if not all(0 < law.sd < math.inf and math.isfinite(law.mean) for law in (centre, *given)):
        return [Standing(math.nan, math.nan)] * len(told)
    places, weights = _scaled(centre, centre.range, CENTRES)
    chances, losses = np.zeros(1 + len(variants)), np.zeros(1 + len(variants))
    for place, weight in zip(places, weights, strict=True):
        effects = [_given(side, float(place), mean, variance) for side in variants]
        for number, standing in enumerate(_against_point(effects, up)):
            chances[number] += weight * standing.chance
            losses[number] += weight * standing.loss
    return [Standing(min(float(chance), 1.0), float(loss)) for chance, loss in zip(chances, losses, strict=True)]


def _given(side: Side, control: float, mean: float, variance: float) -> Normal:
    """A variant's effect, where the control's mean is known."""
    weight = variance / (variance + side.spread)
    return Normal(weight * (side.mean - control) + (1 - weight) * mean, math.sqrt(weight * side.spread))


def _against_point(effects: Sequence[Normal], up: bool) -> list[Standing]:
    """Of an effect of 0, and of the others."""
    import numpy as np

    laws = effects if up else [Normal(-law.mean, law.sd) for law in effects]
    nothing = math.prod(distributions.normal_lower(-law.mean / law.sd) for law in laws)
    chances, best = [nothing], 0.0
    for place, law in enumerate(laws):
        low, high = law.range
        points, weights = _scaled(law, [max(low, 0.0), high]) if high > 0 else (np.zeros(1), np.zeros(1))
        for other in [*laws[:place], *laws[place + 1 :]]:
            weights = weights * _lower(other, points)
        chances.append(float(weights.sum()))
        best += float((points * weights).sum())
    return [
        Standing(chance, max(best - mean, 0.0))
        for chance, mean in zip(chances, [0.0, *(law.mean for law in laws)], strict=True)
    ]


def _nodes(law: Law, ranges: Sequence[tuple[float, float]]) -> "tuple[Points, Points]":
    """Places, and how much of the law's weight each stands for; ranges of much narrower laws are looked at closely."""
    low, high = law.range
    edges = {low, high}
    for start, end in ranges:
        if (end - start) * NARROW < high - low:
            edges |= {min(max(edge, low), high) for edge in (start, end)}
    points, weights = _scaled(law, sorted(edges))
    return points, weights / weights.sum()


def _scaled(law: Law, edges: Sequence[float], nodes: int = distributions.NODES) -> "tuple[Points, Points]":
    """The same between the first and the last of `edges`, so many places between each two."""
    import numpy as np

    places, weights = distributions.quadrature(nodes)
    halves = np.diff(np.asarray(edges)) / 2
    points = (np.asarray(edges)[:-1] + halves)[:, None] + halves[:, None] * places
    found = (halves[:, None] * weights).ravel()
    return points.ravel(), found * _density(law, points.ravel())


def _density(law: Law, points: "Points") -> "Points":
    import numpy as np

    if isinstance(law, Beta):
        return distributions.beta_density(law, points)
    z = (points - law.mean) / law.sd
    return np.exp(-z * z / 2) / (law.sd * math.sqrt(2 * math.pi))


def _lower(law: Law, points: "Points") -> "Points":
    if isinstance(law, Beta):
        return distributions.beta_lower(law, points)
    return distributions.normal_lower_of((points - law.mean) / law.sd)
