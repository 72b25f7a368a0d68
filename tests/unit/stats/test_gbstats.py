"""Every method against gbstats 0.8.0 on the same made-up users.

gbstats pins an older pandas than this project can use, so its figures stand here as numbers. They were made from the
lists of `shoppers`: TwoSidedTTest, OneSidedTreatmentGreaterTTest, SequentialTwoSidedTTest (tuning parameter 1000),
EffectBayesianABTest with an improper prior, and with a prior of mean 0.05 and variance 0.01, all at alpha 0.05. Its p
value for a relative difference is about the lift, ours is always about the difference.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from evensplit.stats.bayesian import Prior, believe
from evensplit.stats.contrast import Contrast, Cuped
from evensplit.stats.estimate import Interval
from evensplit.stats.frequentist import compare
from evensplit.stats.samples import Sample
from evensplit.stats.sequential import compare_always
from evensplit.stats.sides import Side, side_of
from tests.unit.stats.known import apart, believed, interval, known, uncertain
from tests.unit.stats.shoppers import (
    CONTROL,
    SLOW,
    SLOWER,
    VARIANT,
    clustered,
    loyal,
    quantile_of,
    spent,
    spent_a_visit,
)


def pair(kind: str) -> Contrast:
    spending = [[each.spent for each in side] for side in (VARIANT, CONTROL)]
    sides: dict[str, tuple[Sample, Sample]] = {
        "mean": (spent(VARIANT), spent(CONTROL)),
        "cuped": (spent(VARIANT, True), spent(CONTROL, True)),
        "ratio": (spent_a_visit(VARIANT), spent_a_visit(CONTROL)),
        "share": (loyal(VARIANT), loyal(CONTROL)),
        "share_cuped": (loyal(VARIANT, True), loyal(CONTROL, True)),
        "quantile": (quantile_of(spending[0], 0.75), quantile_of(spending[1], 0.75)),
        "clustered": (clustered(SLOWER, 0.9), clustered(SLOW, 0.9)),
    }
    return apart(*sides[kind])


class Told(NamedTuple):
    """The estimate, its standard error, and lower and upper ends of an interval."""

    estimate: float
    error: float
    lower: float
    upper: float


FIXED: Mapping[str, tuple[Told, float]] = {
    "mean": (Told(1.965331976744185, 0.7729282979096369, 0.4481537692788544, 3.4825101842095156), 0.011184664461513227),
    "cuped": (
        Told(2.145870438740473, 0.5998809263935244, 0.9683667658223154, 3.32337411165863),
        0.00036795435674230603,
    ),
    "ratio": (
        Told(0.5935207640695643, 0.1932185621683452, 0.2142560660011797, 0.972785462137949),
        0.0021987535272844916,
    ),
    "quantile": (
        Told(1.334999999999999, 1.3835832785265205, -1.380753593882397, 4.050753593882395),
        0.3348844221580247,
    ),
    "share_cuped": (
        Told(0.07185172922402108, 0.02932236285020781, 0.01429681306000418, 0.12940664538803798),
        0.014475435801977632,
    ),
}

GREATER: Mapping[str, tuple[float, float]] = {  # the lower end, and the p value
    "mean": (0.6925226444011843, 0.005592332230756614),
    "cuped": (1.1580248480372994, 0.00018397717837115302),
    "ratio": (0.2753428201261281, 0.0010993767636422458),
    "quantile": (-0.9433477564144974, 0.16744221107901236),
    "share_cuped": (0.02356670528330003, 0.007237717900988816),
}

SEQUENTIAL: Mapping[str, tuple[Told, float]] = {
    "mean": (Told(1.965331976744185, 0.7729282979096369, -0.3835475957551928, 4.314211549243563), 0.16639597397645325),
    "cuped": (
        Told(2.145870438740473, 0.5998809263935244, 0.3228707403874902, 3.9688701370934556),
        0.010657071153477153,
    ),
    "ratio": (
        Told(0.5935207640695643, 0.1932185621683452, 0.0063419339861734425, 1.1806995941529552),
        0.04583080685314747,
    ),
    "quantile": (Told(1.334999999999999, 1.3835832785265205, -2.8696209312970513, 5.5396209312970495), 1.0),
    "share_cuped": (
        Told(0.07185172922402108, 0.02932236285020781, -0.017257052667568953, 0.1609605111156111),
        0.20324969595319833,
    ),
    "share": (
        Told(0.06924418604651161, 0.03283937425318998, -0.03055256814865942, 0.16904094024168265),
        0.3997909660811477,
    ),
}

LIFTS: Mapping[str, tuple[Told, Told]] = {  # at a fixed horizon, and sequential
    "mean": (
        Told(0.18008141023855012, 0.07628074359124257, 0.030350209894512398, 0.3298126105825878),
        Told(0.18008141023855012, 0.07628074359124257, -0.051730881899160946, 0.4118937023762612),
    ),
    "ratio": (
        Told(0.19292623274561996, 0.06814176003532746, 0.059172188850344865, 0.32668027664089505),
        Told(0.19292623274561996, 0.06814176003532746, -0.014152209865427257, 0.40000467535666717),
    ),
    "quantile": (
        Told(0.09173681498024389, 0.09915008361716646, -0.10287900619665144, 0.28635263615713924),
        Told(0.09173681498024389, 0.09915008361716646, -0.20957393615904862, 0.3930475661195364),
    ),
}

FLAT: Mapping[str, tuple[Told, float, float]] = {  # the chance to win, and what is lost by choosing the variant
    "mean": (
        Told(1.965331976744185, 0.7729282979096369, 0.4504203502094508, 3.480243603278919),
        0.9945001650649723,
        0.0013559920474391445,
    ),
    "cuped": (
        Told(2.145870438740473, 0.5998809263935244, 0.9701254279966416, 3.3216154494843035),
        0.9998263266356808,
        2.5740288991985535e-05,
    ),
    "ratio": (
        Told(0.5935207640695643, 0.1932185621683452, 0.21481934107499423, 0.9722221870641343),
        0.9989359909779777,
        5.717669510268269e-05,
    ),
    "quantile": (
        Told(1.334999999999999, 1.3835832785265203, -1.3767733955238315, 4.046773395523829),
        0.8326990183201445,
        0.1231906957877573,
    ),
    "share_cuped": (
        Told(0.07185172922402108, 0.02932236285020781, 0.014380954095998509, 0.12932250435204365),
        0.9928652631253789,
        6.845484882516962e-05,
    ),
}

INFORMED: Mapping[str, tuple[Told, float, float]] = {
    "mean": (
        Told(1.4911153684945437, 0.6307601973587378, 0.2548480987900408, 2.727382638199046),
        0.9909605264737615,
        0.0019115297556024267,
    ),
    "cuped": (
        Told(1.7745804907185485, 0.5256995775029631, 0.7442282521248176, 2.804932729312279),
        0.9996317992206475,
        5.00663518726813e-05,
    ),
    "ratio": (
        Told(0.46913880259070767, 0.1636232610048933, 0.14844310398811966, 0.7898345011932956),
        0.9979293214818528,
        9.918860327906719e-05,
    ),
    "quantile": (
        Told(1.0466359962634364, 1.002719995273335, -0.9186590810504738, 3.011931073577346),
        0.8517103108311352,
        0.07680388869152038,
    ),
    "share_cuped": (
        Told(0.04495479286044803, 0.02122080034072604, 0.0033627884695096796, 0.08654679725138638),
        0.9829306918059132,
        0.0001304322790260868,
    ),
    "share": (
        Told(0.04054150660174913, 0.022445854002474057, -0.0034515588453442533, 0.0845345720488425),
        0.9645557696221997,
        0.0003154682957462842,
    ),
}


@pytest.mark.parametrize("kind", FIXED)
def test_a_fixed_horizon(kind: str) -> None:
    told, p_value = FIXED[kind]
    found = known(compare(pair(kind)))
    assert pair(kind).difference.error == pytest.approx(told.error, rel=1e-9)
    assert interval(found.difference) == pytest.approx((told.estimate, told.lower, told.upper), rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)


@pytest.mark.parametrize("kind", GREATER)
def test_one_side(kind: str) -> None:
    lower, p_value = GREATER[kind]
    found = known(compare(pair(kind), alternative="greater"))
    assert found.difference.upper is None
    assert found.difference.lower == pytest.approx(lower, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)


@pytest.mark.parametrize("kind", SEQUENTIAL)
def test_sequences(kind: str) -> None:
    told, p_value = SEQUENTIAL[kind]
    found = known(compare_always(pair(kind), horizon=1000))
    assert interval(found.difference) == pytest.approx((told.estimate, told.lower, told.upper), rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)


@pytest.mark.parametrize("kind", LIFTS)
def test_lifts(kind: str) -> None:
    fixed, always = LIFTS[kind]
    for told, found in ((fixed, compare(pair(kind))), (always, compare_always(pair(kind), horizon=1000))):
        lift = known(found).lift
        assert isinstance(lift, Interval)
        assert interval(lift) == pytest.approx((told.estimate, told.lower, told.upper), rel=1e-9)


@pytest.mark.parametrize("kind", FLAT)
def test_a_flat_prior(kind: str) -> None:
    told, chance, loss = FLAT[kind]
    found = believed(believe(pair(kind)))
    assert interval(found.difference) == pytest.approx((told.estimate, told.lower, told.upper), rel=1e-9)
    assert (found.chance_to_win, found.expected_loss) == pytest.approx((chance, loss), rel=1e-9)


@pytest.mark.parametrize("kind", INFORMED)
def test_an_informed_prior(kind: str) -> None:
    told, chance, loss = INFORMED[kind]
    found = believed(believe(pair(kind), prior=Prior(0.05, 0.1)))
    assert interval(found.difference) == pytest.approx((told.estimate, told.lower, told.upper), rel=1e-9)
    assert (found.chance_to_win, found.expected_loss) == pytest.approx((chance, loss), rel=1e-9)


# --- what differs on purpose ----------------------------------------------------------------------


def test_theta() -> None:
    found = pair("cuped")
    assert isinstance(found.cuped, Cuped)
    assert found.cuped.theta == pytest.approx(0.5716555529378676, rel=1e-9)
    assert found.cuped.variance_reduction == pytest.approx(1 - (0.5998809263935244 / 0.7729282979096369) ** 2, rel=1e-9)


def test_the_lift_with_a_covariate_keeps_the_control_as_it_was_measured() -> None:
    """gbstats takes the squared error of the adjusted control for that of the measured one, which the lift is divided
    by; the covariance of the two is not what it then assumes. With its assumption our formula gives its figure."""
    found = pair("cuped")
    lift = uncertain(found.lift)
    assert lift.estimate == pytest.approx(0.19662396957371645, rel=1e-9)
    assert lift.error == pytest.approx(0.059207154845008235, rel=1e-2)
    theirs = (
        math.sqrt(found.variant.spread + found.control.spread * (VARIANT_MEAN / found.base.mean) ** 2) / found.base.mean
    )
    assert theirs == pytest.approx(0.059207154845008235, rel=1e-9)


VARIANT_MEAN = math.fsum(each.spent for each in VARIANT) / len(VARIANT)


def test_shares_by_student_are_those_of_gbstats_and_ours_are_by_z() -> None:
    """The interval is unpooled in both; gbstats asks Student's t for the quantile, we ask the normal distribution."""
    found = pair("share")
    assert found.difference.error == pytest.approx(0.03283937425318998, rel=1e-9)
    shown = known(compare(found))
    assert interval(shown.difference) == pytest.approx(
        (0.06924418604651161, 0.0048801952354273065, 0.1336081768575959), rel=1e-9
    )


def test_shares_with_a_covariate_have_variances_with_n_minus_1() -> None:
    """gbstats given the zeros and ones as means does the same."""
    told, p_value = FIXED["share_cuped"]
    assert known(compare(pair("share_cuped"))).p_value == pytest.approx(p_value, rel=1e-9)
    assert told.estimate != pair("share").difference.estimate


def test_quantiles_of_events_have_as_many_degrees_as_users() -> None:
    """The standard error is that of gbstats; its degrees of freedom count the events."""
    found = pair("clustered")
    difference = found.difference
    assert difference.estimate == pytest.approx(57.416600000000244, rel=1e-9)
    assert difference.error == pytest.approx(43.449039615892204, rel=1e-9)
    assert (found.variant.n, found.control.n) == (190, 200)
    side = side_of(clustered(SLOW, 0.9))
    assert isinstance(side, Side)
    assert side.mean == pytest.approx(57.416600000000244 / 0.1536094471926231, rel=1e-9)
    lift = uncertain(found.lift)
    assert lift.error == pytest.approx(0.12246392111201723, rel=1e-9)
