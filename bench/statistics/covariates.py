"""How much variance a covariate takes out: what is predicted by its correlation, what results say, what is measured."""

import math
from collections.abc import Callable

import numpy as np

from bench.statistics.once import pairs
from bench.statistics.populations import Covaried
from evensplit.stats.contrast import Contrast, Cuped, contrast
from evensplit.stats.samples import Sample, Values, values

HEADS = ("correlation", "users", "trials", "predicted", "told in results", "measured", "Monte Carlo error")
CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.9)


def rows(quick: bool, told: Callable[[str], None]) -> list[list[str]]:
    """Measured: one less the ratio of the variances of the estimates with and without the covariate, over trials."""
    found = []
    for number, correlation in enumerate(CORRELATIONS):
        for users in (1_000, 10_000):
            trials = 500 if quick else 5_000 if users < 10_000 else 2_000
            told(f"CUPED with correlation {correlation}, {users:,} users")
            plain, adjusted, said = [], [], []
            dice = np.random.default_rng([200 + number, users])
            for variant, control in pairs(Covaried(correlation), dice, trials, (users // 2, users // 2), 0.0):
                with_it, without = contrast(variant, control), contrast(_bare(variant), _bare(control))
                assert isinstance(with_it, Contrast) and isinstance(without, Contrast)
                assert isinstance(with_it.cuped, Cuped)
                plain.append(without.difference.estimate)
                adjusted.append(with_it.difference.estimate)
                said.append(with_it.cuped.variance_reduction)
            measured = 1 - np.var(adjusted) / np.var(plain)
            error = (1 - measured) * 2 * math.sqrt(correlation**2 / trials)
            numbers = (correlation**2, np.mean(said), measured, error)
            found.append([f"{correlation}", f"{users:,}", f"{trials:,}", *(f"{100 * x:.2f} %" for x in numbers)])
    return found


def _bare(sample: Sample) -> Sample:
    assert isinstance(sample, Values)
    return values("mean", sample.joint.only(0))
