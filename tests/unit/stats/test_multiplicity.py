"""Adjusted p values, against statsmodels, and the rules that any adjustment keeps."""

import random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evensplit.stats.multiplicity import adjust

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
