"""Users split at random: the samples are those of the users chosen, and differ by chance only."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.joint import Joint, joint, merge_joint
from evensplit.stats.moments import moments
from evensplit.stats.resplit import Called, Kind, Split, called, splits
from evensplit.stats.samples import Quantiles, Ratios, Sample, Values

DICE = np.random.default_rng(2)
ROWS: NDArray[np.float64] = DICE.lognormal(0, 1, (1000, 2)) + 1e6


def of(sample: Sample) -> Joint:
    assert isinstance(sample, Values | Ratios)
    return sample.joint


def close(one: Joint, other: Joint) -> bool:
    same = one.totals == pytest.approx(other.totals, rel=1e-12) and one.products == pytest.approx(
        other.products, rel=1e-6
    )
    return one.n == other.n and same


def test_both_sides_together_are_everybody() -> None:
    everybody = joint(ROWS.tolist(), 2)
    for seen in splits(ROWS, Kind("values"), Split(0.3, 20, 4, 1)):
        assert len(seen) == 4
        for look, (variant, control) in enumerate(seen, 1):
            assert of(variant).n + of(control).n == 250 * look
        assert close(merge_joint(*map(of, seen[-1])), everybody)


def test_the_samples_are_those_of_the_users_chosen() -> None:
    """The same dice, thrown by hand."""
    (seen,) = splits(ROWS, Kind("ratios"), Split(0.5, 1, 2, 9))
    chosen = np.random.default_rng(9).random((1, 1000), dtype=np.float32)[0] < 0.5
    for end, (variant, control) in zip((500, 1000), seen, strict=True):
        assert close(of(variant), joint(ROWS[:end][chosen[:end]].tolist(), 2))
        assert close(of(control), joint(ROWS[:end][~chosen[:end]].tolist(), 2))


def test_quantiles_are_those_of_numpy() -> None:
    column = ROWS[:, :1]
    (((variant, control),),) = splits(column, Kind("quantiles", q=0.9), Split(0.5, 1, 7, 3))
    chosen = np.random.default_rng(3).random(1000, dtype=np.float32) < 0.5
    ordered = np.sort(column[:, 0])
    for sample, side in ((variant, ordered[chosen]), (control, ordered[~chosen])):
        assert isinstance(sample, Quantiles)
        assert sample.points == len(side)
        assert sample.value == pytest.approx(float(np.quantile(side, 0.9)))
        reach = 1.959963984540054 * (0.09 / len(side)) ** 0.5
        assert (sample.lower, sample.upper) == pytest.approx(tuple(np.quantile(side, [0.9 - reach, 0.9 + reach])))


def test_the_share_is_kept_and_the_seed_decides() -> None:
    counts = [of(seen[-1][0]).n for seen in splits(ROWS, Kind("values"), Split(0.2, 400, 1, 5))]
    assert moments(counts).mean == pytest.approx(200, abs=4 * (1000 * 0.16 / 400) ** 0.5)
    again = [of(seen[-1][0]).n for seen in splits(ROWS, Kind("values"), Split(0.2, 400, 1, 5))]
    other = [of(seen[-1][0]).n for seen in splits(ROWS, Kind("values"), Split(0.2, 400, 1, 6))]
    assert counts == again != other


def test_nobody_and_one_user() -> None:
    for n in (0, 1):
        for seen in splits(ROWS[:n], Kind("values"), Split(0.5, 3, 2, 1)):
            variant, control = map(of, seen[-1])
            assert variant.n + control.n == n
    ((both,),) = splits(ROWS[:0, :1], Kind("quantiles"), Split(0.5, 1, 1, 1))
    assert all(isinstance(each, Quantiles) and each.value is None for each in both)


def test_what_is_counted() -> None:
    """A side of more than 60 of the first 100 is called; where fewer than 5 came there is no answer."""
    heard: list[int] = []

    def judge(variant: Sample, control: Sample) -> bool | None:
        n = of(variant).n + of(control).n
        return None if n < 100 else of(variant).n > 0.6 * n

    rows = ROWS[:400, :1]
    last = called(splits(rows, Kind("values"), Split(0.55, 300, 4, 1)), judge, "last", heard.append)
    ever = called(splits(rows, Kind("values"), Split(0.55, 300, 4, 1)), judge, "any", heard.append)
    assert heard == [*range(1, 301), *range(1, 301)]
    assert 0 < last.hits < ever.hits < 300 == last.trials
    assert ever.rate == ever.hits / 300
    none = called(splits(rows[:50], Kind("values"), Split(0.5, 9, 1, 1)), judge, "last", heard.append)
    assert none == Called(0, 0, 9) and none.rate is None


def test_successes_stay_whole_numbers() -> None:
    """Of a share whose mean is no fraction of two: else what is added up again is not binary, and has no answer."""
    rows = np.array([[1.0]] * 767 + [[0.0]] * 1_233)
    for ((variant, control),) in splits(rows, Kind("values", "proportion"), Split(0.5, 50, 1, 3)):
        assert isinstance(variant, Values) and isinstance(control, Values)
        assert variant.joint.totals[0] % 1 == 0 == control.joint.totals[0] % 1
        assert variant.joint.totals[0] + control.joint.totals[0] == 767
        assert isinstance(contrast(variant, control), Contrast)
