"""What an experiment measures: definitions and their rules. Not here: how one is computed (`experiments.measure`)."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from evensplit.errors import UnsupportedKind
from evensplit.model.faults import ABSENT, Fault, Fields
from evensplit.model.report import ANY, EventChoice, Path

MOST_METRICS = 100
MOST_HOURS = 1e6
LATER_KINDS = ("ratio", "quantile", "retention", "funnel")

Role: TypeAlias = Literal["primary", "secondary", "guardrail"]
Direction: TypeAlias = Literal["up", "down"]
Aggregate: TypeAlias = Literal["count", "sum", "avg", "max", "min", "distinct"]
Shape: TypeAlias = Literal["mean", "proportion"]
Per: TypeAlias = Literal["user", "observation"]
Missing: TypeAlias = Literal["skip", "zero"]
Method: TypeAlias = Literal["fixed", "sequential", "bayesian"]


class Span(msgspec.Struct, frozen=True):
    """Which part of a user's time counts, in hours from the assignment on: [delay, delay + window)."""

    delay_hours: float = 0.0
    window_hours: float | None = None


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A normal belief about the lift before the data, for the method `bayesian`."""

    mean: float = 0.0
    sd: float = 0.3


class Defined(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind of metric has."""

    name: str
    role: Role = "primary"
    direction: Direction = "up"
    delay_hours: float = 0.0
    window_hours: float | None = None
    prior: Prior | None = None

    @property
    def span(self) -> Span:
        return Span(self.delay_hours, self.window_hours)


class Recorded(Defined, frozen=True, kw_only=True, tag="recorded", tag_field="kind"):
    """Rows of `ab_metrics`. `shape` None: a proportion where every value is 0 or 1. `per` None: the user where
    every row names its user, else the row."""

    shape: Shape | None = msgspec.field(default=None, name="as")
    per: Per | None = None
    missing: Missing = "skip"


class Proportion(Defined, frozen=True, kw_only=True, tag="proportion", tag_field="kind"):
    """The share of users with at least one such event."""

    event: EventChoice


class Mean(Defined, frozen=True, kw_only=True, tag="mean", tag_field="kind"):
    """One number a user. Users without such events have 0 for count, sum and distinct, and no value for the others."""

    event: EventChoice
    aggregate: Aggregate = "count"
    property: Path | None = None


Metric: TypeAlias = Recorded | Proportion | Mean


def kind_of(metric: Metric) -> str:
    return str(metric.__struct_config__.tag)


def read_metrics(items: Sequence[Fields], faults: list[Fault]) -> tuple[Metric, ...]:
    """The definitions in a request; what is wrong gathers in `faults`. Raises UnsupportedKind."""
    metrics = tuple(_read(fields) for fields in items)
    if len(metrics) > MOST_METRICS:
        faults.append(Fault("metrics", f"must be at most {MOST_METRICS}, there are {len(metrics)}"))
    seen: set[str] = set()
    for fields, metric in zip(items, metrics, strict=True):
        if metric.name in seen:
            fields.fault("name", f"a metric is named {metric.name!r} already")
        seen.add(metric.name)
    return metrics


def _read(fields: Fields) -> Metric:
    kind = fields.require("kind", str, "recorded")
    if kind in LATER_KINDS:
        raise UnsupportedKind(
            f"metrics of kind {kind!r} are not supported yet; recorded, proportion and mean are",
            [Fault(fields.at("kind"), "is not supported yet")],
        )
    common = Defined(
        name=_read_name(fields),
        role=fields.choice("role", get_args(Role), "primary"),
        direction=fields.choice("direction", get_args(Direction), "up"),
        delay_hours=_read_delay(fields),
        window_hours=_read_window(fields),
        prior=_read_prior(fields),
    )
    plain = {name: getattr(common, name) for name in Defined.__struct_fields__}
    metric: Metric
    if kind == "proportion":
        metric = Proportion(**plain, event=_read_event(fields))
    elif kind == "mean":
        event = _read_event(fields)
        aggregate, path = _read_aggregate(fields)
        metric = Mean(**plain, event=event, aggregate=aggregate, property=path)
    else:
        if kind != "recorded":
            fields.fault("kind", f"must be recorded, proportion or mean, is {kind!r}")
        metric = _read_recorded(fields, Recorded(**plain))
    fields.end()
    return metric


def _read_name(fields: Fields) -> str:
    name = fields.require("name", str, "unnamed")
    if not 1 <= len(name) <= 200 or "\0" in name:
        fields.fault("name", f"must have 1 to 200 characters without NUL, has {len(name)}")
    return name


def _read_delay(fields: Fields) -> float:
    delay = fields.take("delay_hours", float, 0.0)
    if not 0 <= delay < MOST_HOURS:
        fields.fault("delay_hours", f"must be at least 0 and below a million, is {delay:g}")
    return delay


def _read_window(fields: Fields) -> float | None:
    window = fields.take("window_hours", float, math.inf)
    if window == math.inf:
        return None
    if not 0 < window < MOST_HOURS:
        fields.fault("window_hours", f"must be above 0 and below a million, is {window:g}")
    return window


def _read_prior(fields: Fields) -> Prior | None:
    raw = fields.raw("prior")
    if raw in ABSENT:
        return None
    prior = fields.read(raw, "prior", Prior, Prior())
    if not (math.isfinite(prior.mean) and 0 < prior.sd < math.inf):
        fields.fault("prior", f"is a mean and an sd above 0, both of the lift; is {prior.mean:g} and {prior.sd:g}")
        return None
    return prior


def _read_event(fields: Fields) -> EventChoice:
    """A bare name, or a name with filters. What the filters mean is checked by `experiments.conditions`."""
    raw = fields.raw("event")
    if raw in ABSENT:
        fields.fault("event", "is required")
    if raw[:1] == b"{":
        choice = fields.read(raw, "event", EventChoice, EventChoice(ANY))
    else:
        choice = EventChoice(fields.read(raw, "event", str, ANY))
    if not 1 <= len(choice.event_type) <= 200:
        fields.fault("event", f"an event type has 1 to 200 characters, this one {len(choice.event_type)}")
    return choice


def _read_aggregate(fields: Fields) -> tuple[Aggregate, Path | None]:
    aggregate: Aggregate = fields.choice("aggregate", get_args(Aggregate), "count")
    raw = fields.raw("property")
    path: Path | None = None
    if raw not in ABSENT:
        is_list = raw[:1] == b"["
        path = fields.read(raw, "property", tuple[str, ...], ()) if is_list else fields.read(raw, "property", str, "")
        if not path:
            fields.fault("property", "must be a name, or a list of keys from the top down")
    if (aggregate == "count") != (raw in ABSENT):
        fields.fault("property", f"{aggregate} {'takes no' if aggregate == 'count' else 'needs a'} property")
    return aggregate, path


def _read_recorded(fields: Fields, plain: Recorded) -> Recorded:
    shape: Shape | Literal[""] = fields.choice("as", get_args(Shape), "")
    per: Per | Literal[""] = fields.choice("per", get_args(Per), "")
    missing: Missing = fields.choice("missing", get_args(Missing), "skip")
    if missing == "zero" and per == "observation":
        fields.fault("missing", "needs users: a row that is not there belongs to nobody")
    return msgspec.structs.replace(plain, shape=shape or None, per=per or None, missing=missing)
