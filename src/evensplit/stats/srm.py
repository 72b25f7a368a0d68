"""Sample ratio mismatch: did each variant get its share of the users? Chi-squared against the expected counts.

Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from evensplit.stats import distributions
from evensplit.stats.estimate import NotEnough

SUSPECT_BELOW = 0.001
SMALLEST_EXPECTED = 5.0  # below it the chi-squared distribution does not describe the statistic (Cochran 1954)


class Mismatch(msgspec.Struct, frozen=True):
    """`chi2` is None where a variant that should have nobody has somebody: then no statistic is needed."""

    chi2: float | None
    p_value: float
    verdict: Literal["ok", "suspect"]


def mismatch(observed: Mapping[str, int], expected: Mapping[str, float]) -> Mismatch | NotEnough:
    """`expected` are counts with the same sum as `observed`; variants that expect nobody do not count as a degree."""
    if any(observed[name] and not expected[name] for name in observed):
        return Mismatch(None, 0.0, "suspect")
    shares = {name: count for name, count in expected.items() if count > 0}
    if not shares:
        return NotEnough("no_users", "nobody has been assigned yet")
    if len(shares) < 2:
        return NotEnough("one_variant", "only one variant has a weight: there is no ratio to check")
    smallest = min(shares.values())
    if smallest < SMALLEST_EXPECTED:
        return NotEnough(
            "too_few_users", f"a variant expects {smallest:g} users; the check needs {SMALLEST_EXPECTED:g} each"
        )
    chi2 = sum((observed[name] - count) ** 2 / count for name, count in shares.items())
    p_value = distributions.chi_squared_upper(chi2, len(shares) - 1)
    return Mismatch(chi2, p_value, "suspect" if p_value < SUSPECT_BELOW else "ok")
