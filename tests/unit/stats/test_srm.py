"""The check of the split, against scipy."""

import pytest
from scipy import stats

from evensplit.stats.estimate import NotEnough
from evensplit.stats.srm import Mismatch, mismatch


def test_the_published_split_of_cookie_cats() -> None:
    found = mismatch({"gate_30": 44700, "gate_40": 45489}, {"gate_30": 45094.5, "gate_40": 45094.5})
    assert isinstance(found, Mismatch)
    assert (found.chi2, found.p_value) == pytest.approx((6.9024, 0.0086), rel=1e-3)
    assert found.verdict == "ok"


@pytest.mark.parametrize("observed", [[100, 210, 90], [1000, 2000, 1000], [5000, 9000, 5000], [30, 31, 2]])
def test_it_equals_scipy(observed: list[int]) -> None:
    total = sum(observed)
    expected = [total / 4, total / 2, total / 4]
    found = mismatch(dict(zip("abc", observed, strict=True)), dict(zip("abc", expected, strict=True)))
    plain = stats.chisquare(observed, expected)
    assert isinstance(found, Mismatch)
    assert found.chi2 == pytest.approx(plain.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(plain.pvalue, rel=1e-9)
    assert found.verdict == ("suspect" if plain.pvalue < 0.001 else "ok")


def test_a_variant_without_weight_is_no_degree_of_freedom() -> None:
    found = mismatch({"a": 48, "b": 52, "c": 0}, {"a": 50.0, "b": 50.0, "c": 0.0})
    assert isinstance(found, Mismatch)
    assert found.p_value == pytest.approx(stats.chisquare([48, 52]).pvalue, rel=1e-9)


def test_somebody_where_nobody_should_be_needs_no_statistic() -> None:
    found = mismatch({"a": 48, "b": 52, "c": 1}, {"a": 50.5, "b": 50.5, "c": 0.0})
    assert found == Mismatch(None, 0.0, "suspect")


@pytest.mark.parametrize(
    ("observed", "expected", "reason"),
    [
        ({"a": 0, "b": 0}, {"a": 0.0, "b": 0.0}, "no_users"),
        ({}, {}, "no_users"),
        ({"a": 9, "b": 0}, {"a": 9.0, "b": 0.0}, "one_variant"),
        ({"a": 3, "b": 1}, {"a": 2.0, "b": 2.0}, "too_few_users"),
    ],
)
def test_no_answer(observed: dict[str, int], expected: dict[str, float], reason: str) -> None:
    found = mismatch(observed, expected)
    assert isinstance(found, NotEnough)
    assert found.reason == reason
