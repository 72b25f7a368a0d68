"""The hash, value by value against GrowthBook's own package, and the statistics of what it does."""

import math
from collections import Counter

import pytest
from growthbook import core
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evensplit.experiments import assign

ODD_IDS = [
    "",
    "1",
    "user-1",
    "ä",
    "日本語",
    "🦄",
    "e\u0301",
    "\u00e9",
    "\u200b",
    "a\u0000b",
    "\ud800",
    "\udc00\ud800",
    "\U0010ffff",
    "ß" * 500,
    " leading",
    "x" * 512,
    "00000000-0000-0000-0000-000000000000",
]
VERSIONS = [("growthbook_v2", 2), ("growthbook_v1", 1)]
any_text = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(("version", "number"), VERSIONS)
@pytest.mark.parametrize("user_id", ODD_IDS)
@pytest.mark.parametrize("seed", ["", "button color", "größe 🦄"])
def test_odd_ids_hash_as_in_growthbook(version: str, number: int, user_id: str, seed: str) -> None:
    bucket, buckets = assign.bucket(version, seed, user_id)
    assert bucket / buckets == core.gbhash(seed, user_id, number)


@given(any_text, any_text)
def test_any_text_hashes_as_in_growthbook(seed: str, user_id: str) -> None:
    for version, number in VERSIONS:
        bucket, buckets = assign.bucket(version, seed, user_id)
        assert bucket / buckets == core.gbhash(seed, user_id, number)


def test_ten_thousand_users_get_growthbooks_variation() -> None:
    weights = [0.1, 0.2, 0.3, 0.4]
    ranges = core.getBucketRanges(4, 1, weights)
    for n in range(10_000):
        expected = core.chooseVariation(core.gbhash("exp", f"user-{n}", 2), ranges)
        assert assign.variant_of("growthbook_v2", "exp", f"user-{n}", weights) == expected


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=9).filter(lambda weights: sum(weights) > 0))
def test_ranges_are_growthbooks_for_shares(weights: list[float]) -> None:
    total = math.fsum(weights)
    shares = [weight / total for weight in weights]
    assert assign.ranges(weights) == core.getBucketRanges(len(weights), 1, shares)


def test_growthbooks_published_values() -> None:
    """From the `hash` cases of https://github.com/growthbook/growthbook/blob/main/packages/sdk-js/test/cases.json."""
    for seed, user_id, version, expected in [
        ("", "a", "growthbook_v1", 0.22),
        ("b", "a", "growthbook_v1", 0.946),
        ("asdf", "8952klfjas09ujk", "growthbook_v1", 0.549),
        ("seed", "a", "growthbook_v2", 0.0505),
        ("foo", "def", "growthbook_v2", 0.2019),
        ("90850943850283058242805", "123", "growthbook_v2", 0.7516),
    ]:
        bucket, buckets = assign.bucket(version, seed, user_id)
        assert bucket / buckets == expected


@given(
    st.integers(0, 9999), st.lists(st.floats(0, 1e300), min_size=2, max_size=30).filter(lambda w: 0 < sum(w) < math.inf)
)
def test_everybody_gets_a_variant_with_a_weight(number: int, weights: list[float]) -> None:
    position = assign.choose(number / 10_000, assign.ranges(weights))
    assert position == -1 or weights[position] > 0
    assert weights[assign.variant_of("growthbook_v2", "seed", str(number), weights)] > 0


def test_a_point_on_an_edge_belongs_to_the_later_variant() -> None:
    assert assign.choose(0.5, assign.ranges([1, 1])) == 1
    assert assign.choose(0.5, assign.ranges([1, 0, 1])) == 2
    assert assign.choose(0.4999, assign.ranges([1, 1])) == 0
    assert assign.choose(0.0, assign.ranges([0, 1])) == 1


def test_shares_that_round_below_one_leave_nobody_out() -> None:
    edges = [(0.0, 0.3), (0.3, 0.99985)]
    assert assign.choose(0.9999, edges) == -1
    weights = [1 / 3] * 999 + [0.0]
    assert assign.ranges(weights)[-2][1] != 1
    assert all(0 <= assign.variant_of("growthbook_v2", "s", f"u{n}", weights) < 999 for n in range(2000))


def test_40000_users_split_one_two_one() -> None:
    """Four experiments, so that a lucky seed does not decide; each share within a chi-squared p of 0.0001."""
    for seed in ("checkout", "onboarding", "größe", "x"):
        counts = Counter(assign.variant_of("growthbook_v2", seed, f"user-{n}", [1, 2, 1]) for n in range(40_000))
        observed = [counts[0], counts[1], counts[2]]
        assert stats.chisquare(observed, [10_000, 20_000, 10_000]).pvalue > 1e-4, (seed, observed)


def test_two_experiments_are_independent() -> None:
    table = [[0, 0], [0, 0]]
    for n in range(20_000):
        one = assign.variant_of("growthbook_v2", "one", f"user-{n}", [1, 1])
        other = assign.variant_of("growthbook_v2", "two", f"user-{n}", [1, 1])
        table[one][other] += 1
    assert stats.chi2_contingency(table, correction=False).pvalue > 1e-4, table
