"""Reading the definitions of a request, every fault with its field, its value and the rule. Not here: the kinds."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from evensplit.model.faults import ABSENT, Fault, Fields
from evensplit.model.metric.definitions import (
    Aggregate,
    Cap,
    Direction,
    Funnel,
    Mean,
    Metric,
    Missing,
    Per,
    Prior,
    Proportion,
    Quantile,
    Ratio,
    Recorded,
    Retention,
    Role,
    Shape,
    Side,
    Unfinished,
    Unit,
)
from evensplit.model.report import ANY, EventChoice, Path

MOST_METRICS = 100
MOST_HOURS = 1e6
MOST_DAYS = 365
MOST_STEPS = 40
CAPLESS = "has no meaning for a share of users: their values are 0 and 1"
COVARIES = "belongs to proportions, means and ratios"


def read_metrics(items: Sequence[Fields], faults: list[Fault]) -> tuple[Metric, ...]:
    """The definitions in a request; what is wrong gathers in `faults`."""
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
    read = _KINDS.get(kind)
    if read is None:
        fields.fault("kind", f"must be one of {', '.join(_KINDS)}, is {kind!r}")
        read = _read_recorded
    metric = msgspec.structs.replace(
        read(fields),
        name=_read_name(fields),
        role=fields.choice("role", get_args(Role), "primary"),
        direction=fields.choice("direction", get_args(Direction), "up"),
        unfinished=fields.choice("unfinished", get_args(Unfinished), "count"),
        margin=_read_share(fields, "margin"),
        minimum_effect=_read_share(fields, "minimum_effect"),
        prior=_read_prior(fields),
    )
    if not isinstance(metric, Retention):
        metric = msgspec.structs.replace(metric, delay_hours=_read_delay(fields), window_hours=_read_window(fields))
        if metric.unfinished == "skip" and metric.window_hours is None:
            fields.fault("unfinished", "'skip' needs window_hours: without an end no user's time is ever over")
    fields.end()
    return metric


# --- the kinds, without what all of them have -----------------------------------------------------


def _read_recorded(fields: Fields) -> Recorded:
    shape: Shape | Literal[""] = fields.choice("as", get_args(Shape), "")
    per: Per | Literal[""] = fields.choice("per", get_args(Per), "")
    missing: Missing = fields.choice("missing", get_args(Missing), "skip")
    if missing == "zero" and per == "observation":
        fields.fault("missing", "needs users: a row that is not there belongs to nobody")
    cap = _read_cap(fields)
    if cap is not None and shape == "proportion":
        fields.fault("cap", CAPLESS)
    _refuse(fields, "covariate_days", "has no meaning for recorded values: nothing is known of the time before")
    return Recorded(name="", shape=shape or None, per=per or None, missing=missing, cap=cap)


def _read_proportion(fields: Fields) -> Proportion:
    _refuse(fields, "cap", CAPLESS)
    return Proportion(name="", event=_read_event(fields), covariate_days=_read_covariate(fields))


def _read_mean(fields: Fields) -> Mean:
    side = _read_side(fields)
    return Mean(
        name="",
        event=side.event,
        aggregate=side.aggregate,
        property=side.property,
        cap=side.cap,
        covariate_days=_read_covariate(fields),
    )


def _read_ratio(fields: Fields) -> Ratio:
    _refuse(fields, "cap", "stands inside of the numerator and the denominator, each its own")
    sides = []
    for name in ("numerator", "denominator"):
        if fields.peek(name) in ABSENT:
            fields.fault(name, "is required")
        raw = fields.raw(name)
        inner = Fields(b"{}" if raw in ABSENT else raw, fields.at(name), [] if raw in ABSENT else fields.faults)
        sides.append(_read_side(inner))
        inner.end()
    return Ratio(name="", numerator=sides[0], denominator=sides[1], covariate_days=_read_covariate(fields))


def _read_quantile(fields: Fields) -> Quantile:
    _refuse(fields, "cap", "does not move a quantile that lies below it")
    _refuse(fields, "covariate_days", COVARIES)
    q = fields.require("q", float, 0.5)
    if not 0 < q < 1:
        fields.fault("q", f"must lie between 0 and 1, is {q:g}")
    if fields.peek("property") in ABSENT:
        fields.fault("property", "is required")
    per: Unit = fields.choice("per", get_args(Unit), "user")
    return Quantile(name="", event=_read_event(fields), property=_read_property(fields) or "?", q=q, per=per)


def _read_retention(fields: Fields) -> Retention:
    _refuse(fields, "cap", CAPLESS)
    _refuse(fields, "covariate_days", COVARIES)
    for name in ("delay_hours", "window_hours"):
        _refuse(fields, name, "is said by from_days and to_days")
    first = fields.require("from_days", float, 0.0)
    last = fields.require("to_days", float, 1.0)
    for name, days in (("from_days", first), ("to_days", last)):
        if not 0 <= days < MOST_HOURS / 24:
            fields.fault(name, f"must be at least 0 and below {MOST_HOURS / 24:,.0f}, is {days:g}")
    if first >= last:
        fields.fault("to_days", f"must be above from_days ({first:g}), is {last:g}")
    return Retention(name="", event=_read_event(fields), from_days=first, to_days=last)


def _read_funnel(fields: Fields) -> Funnel:
    _refuse(fields, "cap", CAPLESS)
    _refuse(fields, "covariate_days", COVARIES)
    if fields.peek("steps") in ABSENT:
        fields.fault("steps", "is required")
        return Funnel(name="", steps=())
    found = fields.take("steps", list[msgspec.Raw], [])
    if not 2 <= len(found) <= MOST_STEPS:
        fields.fault("steps", f"must be 2 to {MOST_STEPS}, there are {len(found)}")
    return Funnel(name="", steps=tuple(_event(fields, bytes(raw), f"steps[{n}]") for n, raw in enumerate(found)))


_KINDS: Mapping[str, Callable[[Fields], Metric]] = {
    "recorded": _read_recorded,
    "proportion": _read_proportion,
    "mean": _read_mean,
    "ratio": _read_ratio,
    "quantile": _read_quantile,
    "retention": _read_retention,
    "funnel": _read_funnel,
}


# --- their fields ---------------------------------------------------------------------------------


def _refuse(fields: Fields, name: str, rule: str) -> None:
    if fields.raw(name) not in ABSENT:
        fields.fault(name, rule)


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


def _read_share(fields: Fields, name: str) -> float | None:
    share = _optional(fields, name)
    if share is not None and not 0 < share < math.inf:
        fields.fault(name, f"is a fraction of the control's mean, above 0; is {share:g}")
    return share


def _read_covariate(fields: Fields) -> float | None:
    days = _optional(fields, "covariate_days")
    if days is not None and not 0 < days <= MOST_DAYS:
        fields.fault("covariate_days", f"must be above 0 and at most {MOST_DAYS}, is {days:g}")
    return days


def _optional(fields: Fields, name: str) -> float | None:
    raw = fields.raw(name)
    return None if raw in ABSENT else fields.read(raw, name, float, 0.1)


def _read_prior(fields: Fields) -> Prior | None:
    raw = fields.raw("prior")
    if raw in ABSENT:
        return None
    prior = fields.read(raw, "prior", Prior, Prior())
    if not (math.isfinite(prior.mean) and 0 < prior.sd < math.inf):
        fields.fault("prior", f"is a mean and an sd above 0, both of the lift; is {prior.mean:g} and {prior.sd:g}")
        return None
    return prior


def _read_cap(fields: Fields) -> Cap | None:
    raw = fields.raw("cap")
    if raw in ABSENT:
        return None
    cap = fields.read(raw, "cap", Cap, Cap(upper_quantile=0.5))
    value, quantile = cap.upper_value, cap.upper_quantile
    if (value is None) == (quantile is None):
        fields.fault("cap", "needs one of upper_value and upper_quantile")
    if value is not None and not math.isfinite(value):
        fields.fault("cap.upper_value", f"must be finite, is {value:g}")
    if quantile is not None and not 0 < quantile < 1:
        fields.fault("cap.upper_quantile", f"must lie between 0 and 1, is {quantile:g}")
    if cap.ignore_zeros and quantile is None:
        fields.fault("cap.ignore_zeros", "belongs to upper_quantile: a value depends on nobody")
    return cap


def _read_event(fields: Fields) -> EventChoice:
    raw = fields.raw("event")
    if raw in ABSENT:
        fields.fault("event", "is required")
    return _event(fields, raw, "event")


def _event(fields: Fields, raw: bytes, at: str) -> EventChoice:
    """A bare name, or a name with filters. What the filters mean is checked by `experiments.conditions`."""
    if raw[:1] == b"{":
        choice = fields.read(raw, at, EventChoice, EventChoice(ANY))
    else:
        choice = EventChoice(fields.read(raw, at, str, ANY))
    if not 1 <= len(choice.event_type) <= 200:
        fields.fault(at, f"an event type has 1 to 200 characters, this one {len(choice.event_type)}")
    return choice


def _read_side(fields: Fields) -> Side:
    """One number a user: of a mean, or of one side of a ratio."""
    event = _read_event(fields)
    aggregate: Aggregate = fields.choice("aggregate", get_args(Aggregate), "count")
    has_property = fields.peek("property") not in ABSENT
    path = _read_property(fields)
    if (aggregate == "count") == has_property:
        fields.fault("property", f"{aggregate} {'takes no' if aggregate == 'count' else 'needs a'} property")
    return Side(event=event, aggregate=aggregate, property=path, cap=_read_cap(fields))


def _read_property(fields: Fields) -> Path | None:
    raw = fields.raw("property")
    if raw in ABSENT:
        return None
    is_list = raw[:1] == b"["
    path: Path = fields.read(raw, "property", tuple[str, ...], ()) if is_list else fields.read(raw, "property", str, "")
    if not path:
        fields.fault("property", "must be a name, or a list of keys from the top down")
    return path
