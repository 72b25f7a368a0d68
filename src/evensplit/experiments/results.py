"""The shapes of an experiment's results, as they are sent. What is null has its reason in an `unknown` beside it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from evensplit.experiments.case import Figures
from evensplit.experiments.decision import Decision
from evensplit.experiments.split import Diagnosis
from evensplit.experiments.verdict import Verdict
from evensplit.model.metric import Direction
from evensplit.stats.estimate import Alternative, Interval, LiftMethod, NotEnough
from evensplit.stats.multiplicity import Correction
from evensplit.stats.samples import Sample
from evensplit.stats.trust import MOVED
from evensplit.version import __version__


class SampleRatio(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Did each variant get its share? `expected` are users by the weights that were in force when they came."""

    expected: Mapping[str, float]
    chi2: float | None
    p_value: float | None
    verdict: Literal["ok", "suspect"] | None
    sequential_p_value: float | None = None  # may be read at any time; the least at the end of any day
    diagnosis: Diagnosis | msgspec.UnsetType = msgspec.UNSET  # where one of the two tests says that something is off
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_suspect(self) -> bool:
        """By either of the two tests."""
        off = isinstance(self.diagnosis, Diagnosis) and self.diagnosis.verdict == "suspect"
        return off or self.verdict == "suspect"


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


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """How variant and control differed in the `days` before the assignment. `biased` at p < 0.001."""

    days: float
    difference: Interval | None = None
    p_value: float | None = None
    biased: bool | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Capped(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison with values capped at `quantile` of all users' values, which is `caps`. `moved`: by how many
    standard errors. `reverses`: one says that the variant differs, the other does not, or says the opposite."""

    quantile: float
    caps: tuple[float | None, ...] = ()
    difference: Interval | None = None
    lift: Interval | None = None
    p_value: float | None = None
    moved: float | None = None
    reverses: bool | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_suspect(self) -> bool:
        return bool(self.reverses) or (self.moved or 0.0) > MOVED


class DayEffect(msgspec.Struct, frozen=True):
    """What the difference was among users that many days after their assignment, by what they did on that day."""

    day: int
    difference: Interval


class Novelty(msgspec.Struct, frozen=True, kw_only=True):
    """The effect by days since the assignment, and the slope of a line through it (a day). `fades`: towards 0."""

    days: tuple[DayEffect, ...]
    slope: Interval | None = None
    p_value: float | None = None
    fades: bool | None = None
    grows: bool | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class VariantChecks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The checks of one comparison, those that the metric allows."""

    variant: str
    before: Before | msgspec.UnsetType = msgspec.UNSET
    capped: Capped | msgspec.UnsetType = msgspec.UNSET
    novelty: Novelty | msgspec.UnsetType = msgspec.UNSET


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
    checks: tuple[VariantChecks, ...] | msgspec.UnsetType = msgspec.UNSET
    samples: Mapping[str, Sample | None] | msgspec.UnsetType = msgspec.UNSET  # what all this was computed from
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Warned(msgspec.Struct, frozen=True):
    """Something about the data that the reader should know; `count` rows (users, comparisons) are concerned."""

    code: str
    count: int
    message: str
    figures: Figures = {}


class Family(msgspec.Struct, frozen=True):
    """The comparisons that are corrected together: every variant of the primary metrics that has a p value."""

    size: int
    metrics: tuple[str, ...]
    correction: Correction


class PartResult(msgspec.Struct, frozen=True, kw_only=True):
    """The users of one value of the dimension (null: it is not set; `$other`: all but the most frequent ones)."""

    part: str | None
    users: Mapping[str, int]
    srm: SampleRatio
    metrics: tuple[MetricResult, ...]


class PartsDiffer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a variant's difference to the control is another in different parts: Cochran's Q, and I2."""

    metric: str
    variant: str
    parts: int  # in which the difference is known
    q: float | None = None
    degrees_of_freedom: int | None = None
    p_value: float | None = None
    i_squared: float | None = None
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """The results of each part by itself. The comparisons of one metric, over parts and variants, are corrected
    together, as `correction` says; their intervals are those that say the same."""

    name: str
    correction: Correction
    parts: tuple[PartResult, ...]
    heterogeneity: tuple[PartsDiffer, ...]
    diagnosis: Diagnosis | msgspec.UnsetType = msgspec.UNSET  # of the split, where it is off in some part


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """At how many moments these results had been looked at before, when for the first and the last time. `error_rate`,
    under `fixed`: the chance that so many looks and this one show a difference where there is none."""

    before: int
    first: str | None
    last: str | None
    error_rate: float | msgspec.UnsetType = msgspec.UNSET


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
    verdict: Decision | msgspec.UnsetType = msgspec.UNSET  # of the experiment; only where all metrics are asked for
    dimension: Dimension | msgspec.UnsetType = msgspec.UNSET
    looks: Looked | msgspec.UnsetType = msgspec.UNSET
    definition: str = ""  # SHA-256 of what was asked of what
    version: str = __version__


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the results were at the end of that day (week, month). `lowest_p_value`: the least so far by variant, of
    the method `sequential`, whose p values may be read at any time."""

    day: str
    until: str
    users: Mapping[str, int]
    comparisons: tuple[ComparisonNumbers, ...]
    lowest_p_value: Mapping[str, float | None] | msgspec.UnsetType = msgspec.UNSET
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Daily(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /v1/experiments/{name}/results/daily` answers: one metric as it stood at the end of each day."""

    experiment: str
    metric: str
    as_of: str
    method: str
    alpha: float
    alternative: Alternative
    timezone: str
    interval: Literal["day", "week", "month"]
    control: str
    lines: tuple[DayLine, ...]
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET
