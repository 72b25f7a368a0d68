"""The kinds of metrics and what defines each. Not here: how a definition is read and checked (`reading`)."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import EventChoice, Path

Role: TypeAlias = Literal["primary", "secondary", "guardrail"]
Direction: TypeAlias = Literal["up", "down"]
Aggregate: TypeAlias = Literal["count", "sum", "avg", "max", "min", "distinct"]
Shape: TypeAlias = Literal["mean", "proportion"]
Per: TypeAlias = Literal["user", "observation"]
Unit: TypeAlias = Literal["user", "event"]
Missing: TypeAlias = Literal["skip", "zero"]
Unfinished: TypeAlias = Literal["count", "skip"]
Method: TypeAlias = Literal["fixed", "sequential", "bayesian"]


class Span(msgspec.Struct, frozen=True):
    """Which part of a user's time counts, in hours from the assignment on: [delay, delay + window)."""

    delay_hours: float = 0.0
    window_hours: float | None = None


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A normal belief about the lift before the data, for the method `bayesian`."""

    mean: float = 0.0
    sd: float = 0.3


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is above it counts as if it were at it: a value, or a quantile of all users' values together, whatever
    their variant; with `ignore_zeros`, of those that are not 0."""

    upper_value: float | None = None
    upper_quantile: float | None = None
    ignore_zeros: bool = False


class Defined(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind of metric has. `margin`: how much worse than the control is still good enough, `minimum_effect`:
    how much better is the least that matters, both as a fraction of the control's mean. `unfinished`:
    whether users count whose time is not over yet."""

    name: str
    role: Role = "primary"
    direction: Direction = "up"
    delay_hours: float = 0.0
    window_hours: float | None = None
    unfinished: Unfinished = "count"
    margin: float | None = None
    minimum_effect: float | None = None
    prior: Prior | None = None

    @property
    def span(self) -> Span:
        return Span(self.delay_hours, self.window_hours)


class Recorded(Defined, frozen=True, kw_only=True, tag="recorded", tag_field="kind"):
    """Rows of `ab_metrics`. `shape` None: a proportion where every value is 0 or 1 and there is no cap. `per` None: the
    user where every row names its user, else the row."""

    shape: Shape | None = msgspec.field(default=None, name="as")
    per: Per | None = None
    missing: Missing = "skip"
    cap: Cap | None = None


class Proportion(Defined, frozen=True, kw_only=True, tag="proportion", tag_field="kind"):
    """The share of users with at least one such event."""

    event: EventChoice
    covariate_days: float | None = None


class Mean(Defined, frozen=True, kw_only=True, tag="mean", tag_field="kind"):
    """One number a user. Users without such events have 0 for count, sum and distinct, and no value for the others."""

    event: EventChoice
    aggregate: Aggregate = "count"
    property: Path | None = None
    cap: Cap | None = None
    covariate_days: float | None = None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """The numerator or the denominator of a ratio: one number a user, 0 where there are no such events."""

    event: EventChoice
    aggregate: Aggregate = "count"
    property: Path | None = None
    cap: Cap | None = None


class Ratio(Defined, frozen=True, kw_only=True, tag="ratio", tag_field="kind"):
    """The sum of all users' numerators over the sum of their denominators."""

    numerator: Side
    denominator: Side
    covariate_days: float | None = None


class Quantile(Defined, frozen=True, kw_only=True, tag="quantile", tag_field="kind"):
    """The quantile `q` (0.9: what nine of ten stay below) of the sums of a property a user, users without a value left
    out; or of all events' values, with the users as clusters."""

    event: EventChoice
    property: Path
    q: float
    per: Unit = "user"


class Retention(Defined, frozen=True, kw_only=True, tag="retention", tag_field="kind"):
    """The share of users with such an event from `from_days` to `to_days` (exclusive) after their assignment, a day
    being 24 hours."""

    event: EventChoice
    from_days: float
    to_days: float


class Funnel(Defined, frozen=True, kw_only=True, tag="funnel", tag_field="kind"):
    """The share of users who did all the steps one after the other, each with an event of its own."""

    steps: tuple[EventChoice, ...]


Metric: TypeAlias = Recorded | Proportion | Mean | Ratio | Quantile | Retention | Funnel


def kind_of(metric: Metric) -> str:
    return str(metric.__struct_config__.tag)
