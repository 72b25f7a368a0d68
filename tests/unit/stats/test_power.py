"""Sample sizes and powers against statsmodels, against themselves, and against what then really happens."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from evensplit.stats.estimate import Alternative, NotEnough
from evensplit.stats.noncentral import t_upper
from evensplit.stats.power import (
    Baseline,
    Plan,
    SampleSize,
    least_users,
    minimum_effect,
    normal_power,
    power_of,
    sample_size,
)

REVENUE = Baseline(mean=10.0, variance=400.0)
RATE = Baseline(mean=0.1, variance=0.09, shape="proportion")
WORDS: dict[Alternative, str] = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


def known(found: float | SampleSize | NotEnough) -> float:
    assert not isinstance(found, NotEnough), found
    return found.users if isinstance(found, SampleSize) else found


# --- statsmodels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alternative", WORDS)
@pytest.mark.parametrize(("lift", "alpha", "power"), [(0.05, 0.05, 0.8), (0.5, 0.01, 0.9), (2.0, 0.05, 0.95)])
def test_means(alternative: Alternative, lift: float, alpha: float, power: float) -> None:
    plan = Plan(alpha=alpha, power=power, alternative=alternative)
    lift = -lift if alternative == "less" else lift
    wanted = TTestIndPower().solve_power(lift * 10 / 20, alpha=alpha, power=power, alternative=WORDS[alternative])
    assert known(least_users(plan, REVENUE, lift)) == pytest.approx(2 * wanted, rel=1e-6)
    assert known(minimum_effect(plan, REVENUE, 2 * wanted)) == pytest.approx(lift, rel=1e-6)
    for n in (5, 60, 5000):
        theirs = TTestIndPower().power(lift * 10 / 20, n, alpha, alternative=WORDS[alternative])
        assert power_of(plan, REVENUE, lift, 2 * n) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("alternative", WORDS)
@pytest.mark.parametrize("shares", [(1.0, 1.0), (3.0, 1.0), (1.0, 4.0)])
def test_proportions(alternative: Alternative, shares: tuple[float, float]) -> None:
    """statsmodels' variances, too, are pooled where there is no difference and apart where there is one."""
    plan = Plan(alternative=alternative, shares=shares)
    for users, lift in ((400, 0.6), (4000, 0.2), (40_000, -0.1)):
        variant, control = (users * share / sum(shares) for share in reversed(shares))
        theirs = power_proportions_2indep(
            0.1 * lift, 0.1, variant, ratio=control / variant, alternative=WORDS[alternative], return_results=False
        )
        assert power_of(plan, RATE, lift, users) == pytest.approx(theirs, abs=1e-6)


@given(st.floats(0.01, 0.9), st.integers(2, 10**6), st.floats(0.2, 5), st.floats(0.001, 0.2), st.sampled_from([*WORDS]))
def test_the_normal_distribution(size: float, n: int, ratio: float, alpha: float, alternative: Alternative) -> None:
    theirs = NormalIndPower().power(size, n, alpha, ratio=ratio, alternative=WORDS[alternative])
    shift = size * math.sqrt(n * ratio / (1 + ratio)) * (-1 if alternative == "less" else 1)
    two_sided = alternative == "two-sided"
    bound = stats.norm.isf(alpha / 2 if two_sided else alpha)
    assert normal_power(shift, bound, two_sided) == pytest.approx(theirs, abs=1e-9)


@given(st.floats(2, 1e6), st.floats(-6, 6), st.floats(-6, 6))
@example(3e5, 6.0, 5.0)
@example(3e5, -6.0, -5.5)
def test_students_t_with_an_effect(degrees: float, shift: float, t: float) -> None:
    assert t_upper(t, degrees, shift) == pytest.approx(stats.nct.sf(t, degrees, shift), abs=1e-6)


# --- by themselves --------------------------------------------------------------------------------


def test_more_variants_and_a_correction_need_more_users() -> None:
    pair = sample_size(Plan(), RATE, 0.05)
    three = sample_size(Plan(shares=(1, 1, 1)), RATE, 0.05)
    corrected = sample_size(Plan(shares=(1, 1, 1), family=2), RATE, 0.05)
    bonferroni = sample_size(Plan(alpha=0.025), RATE, 0.05)
    assert isinstance(pair, SampleSize) and isinstance(three, SampleSize)
    assert isinstance(corrected, SampleSize) and isinstance(bonferroni, SampleSize)
    assert three.per_variant == pair.per_variant[:1] * 3
    assert corrected.per_variant == bonferroni.per_variant[:1] * 3
    assert corrected.users > three.users


def test_the_smallest_variant_decides() -> None:
    plan = Plan(shares=(0.8, 0.1, 0.1))
    found = sample_size(plan, REVENUE, 0.1)
    assert isinstance(found, SampleSize)
    assert found.per_variant[1] == found.per_variant[2] < found.per_variant[0]
    uneven = Plan(shares=(0.8, 0.15, 0.05))
    assert known(sample_size(uneven, REVENUE, 0.1)) > found.users


def test_a_covariate_saves_its_share_of_the_users() -> None:
    with_it = Baseline(mean=10.0, variance=400.0, reduction=0.4)
    plain, fewer = known(least_users(Plan(), REVENUE, 0.02)), known(least_users(Plan(), with_it, 0.02))
    assert fewer == pytest.approx(0.6 * plain, rel=1e-4)


def test_not_worse_by_a_margin() -> None:
    """With no true effect and a margin of 5 %: the distance to be shown is 5 % of the mean, on one side."""
    plan = Plan(margin=0.05, alternative="greater")
    users = known(least_users(plan, REVENUE, 0.0))
    n, kept = users / 2, 0.95
    error = math.sqrt(400 / n + kept**2 * 400 / n)
    z = stats.norm.isf(0.05) + stats.norm.isf(0.2)
    assert 0.5 / error == pytest.approx(z, rel=1e-3)
    down = Plan(margin=0.05, alternative="less")  # where lower is better, the variant may be 5 % higher
    assert known(least_users(down, REVENUE, 0.0)) > users
    assert known(least_users(plan, REVENUE, 0.02)) < users < known(least_users(plan, REVENUE, -0.02))
    assert known(least_users(Plan(margin=0.05), REVENUE, 0.0)) == users


def test_looking_all_the_time_costs_users() -> None:
    fixed = known(least_users(Plan(), REVENUE, 0.05))
    always = known(least_users(Plan(method="sequential"), REVENUE, 0.05))
    assert 1.5 * fixed < always < 3 * fixed


@given(st.floats(0.001, 0.5), st.floats(0.01, 0.9), st.sampled_from(["fixed", "sequential"]), st.sampled_from([*WORDS]))
def test_the_effect_of_a_sample_size_is_the_sample_size_of_the_effect(
    mean: float, lift: float, method: str, alternative: Alternative
) -> None:
    plan = Plan(method="fixed" if method == "fixed" else "sequential", alternative=alternative)
    rate = Baseline(mean=mean, variance=mean * (1 - mean), shape="proportion")
    wanted = -lift if alternative == "less" else lift
    users = least_users(plan, rate, wanted)
    if users == 4.0:  # fewer cannot be
        return
    assert known(minimum_effect(plan, rate, known(users))) == pytest.approx(
        wanted, rel=2e-2 if known(users) < 1e3 else 1e-3
    )


@pytest.mark.parametrize(
    ("plan", "baseline", "lift", "reason"),
    [
        (Plan(), Baseline(mean=0.0, variance=1.0), 0.1, "control_is_zero"),
        (Plan(), Baseline(mean=1.0, variance=0.0), 0.1, "no_variance"),
        (Plan(), Baseline(mean=1.0, variance=0.0, shape="proportion"), -0.1, "no_variance"),
        (Plan(), Baseline(mean=math.nan, variance=1.0), 0.1, "overflow"),
        (Plan(), Baseline(mean=1.0, variance=math.inf), 0.1, "overflow"),
        (Plan(), RATE, 12.0, "impossible_effect"),
        (Plan(), RATE, 0.0, "no_effect"),
        (Plan(alternative="less"), RATE, 0.1, "no_effect"),
        (Plan(margin=0.05), RATE, -0.05, "no_effect"),
        (Plan(margin=0.05), Baseline(mean=-1.0, variance=1.0), 0.0, "control_is_negative"),
        (Plan(shares=(1.0, 0.0)), RATE, 0.1, "one_variant"),
        (Plan(), REVENUE, 1e-9, "too_small_effect"),
    ],
)
def test_what_cannot_be_planned(plan: Plan, baseline: Baseline, lift: float, reason: str) -> None:
    found = sample_size(plan, baseline, lift)
    assert isinstance(found, NotEnough)
    assert found.reason == reason


@pytest.mark.parametrize("users", [0, 3, 12])
def test_so_few_users_see_nothing(users: int) -> None:
    found = minimum_effect(Plan(), RATE if users == 12 else REVENUE, users)
    assert isinstance(found, NotEnough) or (users == 12 and found > 1)


def test_a_negative_mean_is_planned_like_a_positive_one() -> None:
    loss = Baseline(mean=-10.0, variance=400.0)
    assert known(least_users(Plan(), loss, 0.05)) == known(least_users(Plan(), REVENUE, 0.05))
    found = minimum_effect(Plan(), loss, 10_000)
    assert known(found) == pytest.approx(-known(minimum_effect(Plan(), REVENUE, 10_000)))


# --- what then happens ----------------------------------------------------------------------------
