"""Does an effect differ between parts of the users (countries, devices)? Cochran's Q over the parts' effects, and I2.

Cochran, "The combination of estimates from different experiments", Biometrics 1954; Higgins, Thompson, "Quantifying
heterogeneity in a meta-analysis", Statistics in Medicine 2002. The parts hold different users, so their effects are
independent. Not here: which part differs, or how effects are estimated.
"""

import math
from collections.abc import Sequence

import msgspec

from evensplit.stats import distributions
from evensplit.stats.contrast import Uncertain
from evensplit.stats.estimate import OVERFLOW, NotEnough


class Heterogeneity(msgspec.Struct, frozen=True):
    """`q`: the squared distances of the effects from their weighted mean, in standard errors. `i_squared`: the share of
    the effects' variation that chance does not explain. `common`: the effect, if all parts have the same."""

    q: float
    degrees_of_freedom: int
    p_value: float
    i_squared: float
    common: Uncertain


def heterogeneity(effects: Sequence[Uncertain]) -> Heterogeneity | NotEnough:
    """One effect a part, each with a standard error above 0; the p value is against one effect for all."""
    if len(effects) < 2:
        return NotEnough("too_few_parts", f"effects are compared between 2 parts or more; {len(effects)} can be used")
    try:
        return _of(effects)
    except OverflowError:  # of a square, or of a sum of them
        return OVERFLOW


def _of(effects: Sequence[Uncertain]) -> Heterogeneity | NotEnough:
    # In units of the smallest error, so that no weight leaves the range of doubles.
    least = min(effect.error for effect in effects)
    weights = [(least / effect.error) ** 2 for effect in effects]
    total = math.fsum(weights)
    common = math.fsum(w * (e.estimate / total) for w, e in zip(weights, effects, strict=True))
    q = math.fsum(((effect.estimate - common) / effect.error) ** 2 for effect in effects)
    if not (math.isfinite(q) and math.isfinite(common)):
        return OVERFLOW
    degrees = len(effects) - 1
    return Heterogeneity(
        q=q,
        degrees_of_freedom=degrees,
        p_value=distributions.chi_squared_upper(q, degrees),
        i_squared=max(0.0, 1 - degrees / q) if q else 0.0,
        common=Uncertain(common, least / math.sqrt(total)),
    )
