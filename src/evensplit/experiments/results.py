"""The shapes of an experiment's results, as they are sent. What is null has its reason in an `unknown` beside it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from evensplit.experiments.verdict import Verdict
from evensplit.model.metric import Direction
from evensplit.stats.estimate import Alternative, Interval, LiftMethod, NotEnough
from evensplit.stats.multiplicity import Correction


class SampleRatio(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Did each variant get its share? `expected` are users by the weights that were in force when they came."""

    expected: Mapping[str, float]
    chi2: float | None
    p_value: float | None
    verdict: Literal["ok", "suspect"] | None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class VariantNumbers(msgspec.Struct, frozen=True, omit_defaults=True):
    """`variance` is of one unit: with n - 1 for means, p(1 - p) for proportions, n times the squared standard error for
    ratios and quantiles. `mean` is the share, the ratio, the quantile; `sum` that of the values or the numerators.
    Nothing in here is adjusted by a covariate."""

    variant: str
    n: int
    mean: float | None
    variance: float | None
    sum: float | None
    denominator: float | msgspec.UnsetType = msgspec.UNSET  # of a ratio: the sum of the denominators
    values: int | msgspec.UnsetType = msgspec.UNSET  # of a quantile of events: how many there are; `n` is of users
    chance_to_be_best: float | msgspec.UnsetType = msgspec.UNSET  # of all variants, by the metric's direction
    expected_loss_to_best: float | msgspec.UnsetType = msgspec.UNSET  # of choosing this variant, against the best


class Adjusted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the covariate took out of the difference's variance, or why it is not used."""

    theta: float | None
    variance_reduction: float | None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class NonInferiority(msgspec.Struct, frozen=True, kw_only=True):
    """`margin`: as a share of the control's mean. The p value is one-sided, that the variant is not worse by as much;
    a belief has a chance instead."""

    margin: float
    p_value: float | None = None
    chance: float | msgspec.UnsetType = msgspec.UNSET
    non_inferior: bool | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Equivalence(msgspec.Struct, frozen=True, kw_only=True):
    """That the variant is within the margin on both sides, by two one-sided tests."""

    margin: float
    p_value: float | None = None
    chance: float | msgspec.UnsetType = msgspec.UNSET
    equivalent: bool | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class ComparisonNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """A variant against the control: difference and lift are variant - control. A one-sided interval has no upper
    (`greater`) or no lower end (`less`)."""

    variant: str
    versus: str
    difference: Interval | None = None
    lift: Interval | None = None
    lift_method: LiftMethod | msgspec.UnsetType = msgspec.UNSET
    p_value: float | None = None
    statistic: float | None = None
    degrees_of_freedom: float | msgspec.UnsetType | None = msgspec.UNSET
    method: str | None = None
    adjusted_p_value: float | msgspec.UnsetType | None = msgspec.UNSET
    interval_alpha: float | msgspec.UnsetType = msgspec.UNSET  # of the intervals, where a correction changes it
    chance_to_win: float | msgspec.UnsetType = msgspec.UNSET  # that the variant is better, by the metric's direction
    expected_loss: float | msgspec.UnsetType = msgspec.UNSET  # of choosing the variant, in units of the metric
    cuped: Adjusted | msgspec.UnsetType = msgspec.UNSET
    non_inferiority: NonInferiority | msgspec.UnsetType = msgspec.UNSET
    equivalence: Equivalence | msgspec.UnsetType = msgspec.UNSET
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class MetricResult(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. `unknown` where no comparison could be made."""

    metric: str
    kind: str
    shape: Literal["mean", "proportion"] | None = msgspec.field(default=None, name="as")
    role: str
    direction: Direction
    unit: Literal["user", "observation"] | None = None
    variants: tuple[VariantNumbers, ...] = ()
    comparisons: tuple[ComparisonNumbers, ...] = ()
    # Where numbers were capped: the value, or for a ratio that of each side (null: not capped).
    cap_value: float | Mapping[str, float | None] | msgspec.UnsetType | None = msgspec.UNSET
    verdict: Verdict = Verdict("unknown")
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Warned(msgspec.Struct, frozen=True):
    """Something about the data that the reader should know; `count` rows are concerned."""

    code: str
    count: int
    message: str


class Family(msgspec.Struct, frozen=True):
    """The comparisons that are corrected together: every variant of the primary metrics that has a p value."""

    size: int
    metrics: tuple[str, ...]
    correction: Correction


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /v1/experiments/{name}/results` answers."""

    experiment: str
    as_of: str
    method: str
    alpha: float
    alternative: Alternative = "two-sided"
    horizon: int | msgspec.UnsetType = msgspec.UNSET  # of the method `sequential`
    correction: Correction
    family: Family
    control: str
    users: Mapping[str, int]
    srm: SampleRatio
    metrics: tuple[MetricResult, ...]
    warnings: tuple[Warned, ...] = ()
    altered_by_erasure: bool | msgspec.UnsetType = msgspec.UNSET  # rows that `as_of` spoke of are gone
