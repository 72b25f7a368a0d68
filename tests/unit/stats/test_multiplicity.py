"""Adjusted p values, against statsmodels, and the rules that any adjustment keeps."""

import random
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evensplit.stats.multiplicity import adjust, interval_alphas

OTHER_NAMES = {"holm": "holm", "bh": "fdr_bh"}


@pytest.mark.parametrize("correction", ["holm", "bh"])
@pytest.mark.parametrize("seed", range(6))
def test_it_equals_statsmodels(correction: Literal["holm", "bh"], seed: int) -> None:
    dice = random.Random(seed)
    p_values = [dice.choice([dice.random(), dice.random() ** 6, 0.04, 0.0, 1.0]) for _ in range(1 + 3 * seed)]
    expected = multipletests(p_values, method=OTHER_NAMES[correction])[1]
    assert adjust(p_values, correction) == pytest.approx(list(expected), rel=1e-9, abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=12), st.sampled_from(["holm", "bh"]))
def test_never_below_the_plain_value_nor_out_of_order(p_values: list[float], correction: Literal["holm", "bh"]) -> None:
    adjusted = adjust(p_values, correction)
    assert all(plain <= new <= 1 for plain, new in zip(p_values, adjusted, strict=True))
    ranked = [new for _, new in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_none_changes_nothing() -> None:
    assert adjust([0.5, 0.01], "none") == [0.5, 0.01]
    assert adjust([], "holm") == []


@pytest.mark.parametrize("correction", ["holm", "bh"])
@example([0.0, 0.0, 0.0], 0.05)  # 0.05 * 3 / 3 is more than 0.05
@given(st.lists(st.floats(0, 1), max_size=12), st.sampled_from([0.01, 0.05, 0.2]))
def test_intervals_say_what_adjusted_p_values_say(
    correction: Literal["holm", "bh"], p_values: list[float], alpha: float
) -> None:
    """An interval at some alpha leaves 0 out where the plain p value is below that alpha."""
    alphas = interval_alphas(p_values, correction, alpha)
    adjusted = adjust(p_values, correction)
    for p_value, own, new in zip(p_values, alphas, adjusted, strict=True):
        if abs(new - alpha) > 1e-12:
            assert (p_value < own) == (new < alpha)
        assert alpha / len(p_values) * (1 - 1e-12) <= own <= alpha


def test_alphas_of_intervals() -> None:
    p_values = [0.01, 0.001, 0.4, 0.03]
    assert interval_alphas(p_values, "holm", 0.05) == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 2, 0.05 / 2])
    assert interval_alphas(p_values, "bh", 0.05) == pytest.approx([0.05 * 3 / 4] * 4)  # three of four are found
    assert interval_alphas([0.5, 0.9], "bh", 0.05) == pytest.approx([0.025] * 2)
    assert interval_alphas([0.001, 0.01], "holm", 0.05) == pytest.approx([0.025, 0.05])
    assert interval_alphas(p_values, "none", 0.05) == [0.05] * 4
    assert interval_alphas([], "bh", 0.05) == []
