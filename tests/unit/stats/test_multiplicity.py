"""Adjusted p values, against statsmodels."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evensplit.stats.multiplicity import adjust

OTHER_NAMES = {"holm": "holm", "bh": "fdr_bh"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from(["holm", "bh"]))
def test_it_equals_statsmodels(p_values: list[float], correction: Literal["holm", "bh"]) -> None:
    expected = multipletests(p_values, method=OTHER_NAMES[correction])[1]
    assert adjust(p_values, correction) == pytest.approx(list(expected), rel=1e-9, abs=1e-12)


def test_none_changes_nothing() -> None:
    assert adjust([0.5, 0.01], "none") == [0.5, 0.01]
    assert adjust([], "holm") == []
