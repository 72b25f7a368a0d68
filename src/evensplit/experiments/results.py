"""The shapes of an experiment's results, as they are sent. What is null has its reason in an `unknown` beside it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from evensplit.experiments.verdict import Verdict
from evensplit.model.metric import Direction
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.stats.multiplicity import Correction


class SampleRatio(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Did each variant get its share? `expected` are users by the weights that were in force when they came."""

    expected: Mapping[str, float]
    chi2: float | None
    p_value: float | None
    verdict: Literal["ok", "suspect"] | None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class VariantNumbers(msgspec.Struct, frozen=True):
    """The variance is with n - 1 for means and p(1 - p) for proportions."""

    variant: str
    n: int
    mean: float | None
    variance: float | None
    sum: float | None


class ComparisonNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """A variant against the control: difference and lift are variant - control."""

    variant: str
    versus: str
    difference: Interval | None = None
    lift: Interval | None = None
    p_value: float | None = None
    statistic: float | None = None
    degrees_of_freedom: float | msgspec.UnsetType | None = msgspec.UNSET
    method: str | None = None
    adjusted_p_value: float | msgspec.UnsetType | None = msgspec.UNSET
    chance_to_win: float | msgspec.UnsetType = msgspec.UNSET  # that the variant is better, by the metric's direction
    expected_loss: float | msgspec.UnsetType = msgspec.UNSET  # of choosing the variant, in units of the metric
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
    verdict: Verdict = Verdict("unknown")
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Warned(msgspec.Struct, frozen=True):
    """Something about the data that the reader should know; `count` rows are concerned."""

    code: str
    count: int
    message: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /v1/experiments/{name}/results` answers."""

    experiment: str
    as_of: str
    method: str
    alpha: float
    correction: Correction
    control: str
    users: Mapping[str, int]
    srm: SampleRatio
    metrics: tuple[MetricResult, ...]
    warnings: tuple[Warned, ...] = ()
    altered_by_erasure: bool | msgspec.UnsetType = msgspec.UNSET  # rows that `as_of` spoke of are gone
