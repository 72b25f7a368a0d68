"""What is asked before an experiment: which metrics, whom, how it will be read. Not here: the answer (`power`)."""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import msgspec

from evensplit.model.experiment import settle
from evensplit.model.faults import ABSENT, Fault, Fields, text_of
from evensplit.model.metric import Metric, Recorded, read_metrics
from evensplit.model.report import ANY, EventChoice, Filter
from evensplit.stats.sequential import HORIZON

MOST_VARIANTS = 100
MOST_DAYS = 730  # of history
LONGEST = 3650  # days of an experiment
MOST_HORIZON = 10**12
Weighing: TypeAlias = Literal["fixed", "sequential"]


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What the experiment is to find, and how surely. `minimum_effect` is a lift, towards the metric's better side.
    `correct`: alpha is shared by the comparisons of all primary metrics. `max_days`: it will not run longer."""

    minimum_effect: float = 0.05
    power: float = 0.8
    alpha: float = 0.05
    two_sided: bool = True
    horizon: int = HORIZON
    correct: bool = False
    max_days: int = 90


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """`event`: what gets a person into the experiment. `weights` of the variants, the control's first. `days` of
    history are looked at. `method` None: both are answered."""

    metrics: tuple[Metric, ...]
    event: EventChoice = EventChoice(ANY)
    weights: tuple[float, ...] = (1.0, 1.0)
    days: int = 28
    method: Weighing | None = None
    aim: Aim = Aim()


def read_intent(body: bytes) -> Intent:
    """The body of `POST /v1/experiments/power`; raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    metrics = read_metrics(fields.items("metrics"), fields.faults)
    if not metrics:
        fields.fault("metrics", "at least one metric is required")
    for n, metric in enumerate(metrics):
        if isinstance(metric, Recorded):
            fields.fault(f"metrics[{n}].kind", "recorded values belong to an experiment: there are none before it")
    intent = Intent(
        metrics=metrics,
        event=read_event(fields),
        weights=_read_weights(fields),
        days=read_whole(fields, "days", 28, MOST_DAYS),
        method=_read_method(fields),
        aim=Aim(
            minimum_effect=read_number(fields, "minimum_effect", 0.05, 1000.0),
            power=read_number(fields, "power", 0.8, 1.0),
            alpha=read_number(fields, "alpha", 0.05, 1.0),
            two_sided=_read_two_sided(fields),
            horizon=read_whole(fields, "horizon", HORIZON, MOST_HORIZON),
            correct=fields.choice("correction", ("none", "holm", "bh"), "none") != "none",
            max_days=read_whole(fields, "max_days", 90, LONGEST),
        ),
    )
    fields.end()
    settle(fields.faults + _sides(intent.aim))
    return intent


def read_aim(values: Mapping[str, str]) -> Aim:
    """The query parameters of `GET /v1/experiments/{name}/power`; raises Invalid, with every fault."""
    faults: list[Fault] = []
    known = ("minimum_effect", "power", "alpha", "max_days")
    faults += [Fault(name, "is not a known parameter") for name in values if name not in known]
    numbers: dict[str, float] = {}
    for name, text in values.items():
        try:
            numbers[name] = float(text)
        except ValueError:
            faults.append(Fault(name, f"must be a number, is {text!r}"))
    aim = Aim()
    for name, number in numbers.items():
        if name == "max_days" and not (number.is_integer() and abs(number) < 1e15):
            faults.append(Fault(name, f"must be a whole number, is {values[name]!r}"))
        elif name in known:
            aim = msgspec.structs.replace(aim, **{name: int(number) if name == "max_days" else number})
    settle(faults + _sides(aim))
    return aim


def read_event(fields: Fields) -> EventChoice:
    """`event` (a name, or a name with filters) and `filters` beside it; any event where neither is given."""
    raw = fields.raw("event")
    choice = EventChoice(ANY)
    if raw[:1] == b"{":
        choice = fields.read(raw, "event", EventChoice, choice)
    elif raw not in ABSENT:
        choice = EventChoice(fields.read(raw, "event", str, ANY))
    if not 1 <= len(choice.event_type) <= 200:
        fields.fault("event", f"an event type has 1 to 200 characters, this one {len(choice.event_type)}")
    filters = fields.take("filters", tuple[Filter, ...], ())
    return EventChoice(choice.event_type, choice.filters + filters)


def _read_weights(fields: Fields) -> tuple[float, ...]:
    """Numbers, or objects with a `weight` as experiments have them."""
    found: list[float] = []
    for n, raw in enumerate(fields.take("variants", tuple[msgspec.Raw, ...], ())):
        text = bytes(raw)
        if text[:1] == b"{":
            found.append(fields.read(text, f"variants[{n}]", _Weighed, _Weighed()).weight)
        else:
            found.append(fields.read(text, f"variants[{n}]", float, 1.0))
    if not found:
        return (1.0, 1.0)
    if not 2 <= len(found) <= MOST_VARIANTS:
        fields.fault("variants", f"must be 2 to {MOST_VARIANTS}, there are {len(found)}")
    for n, weight in enumerate(found):
        if not 0 < weight < math.inf:
            fields.fault(f"variants[{n}]", f"a weight must be above 0 and finite, is {weight:g}")
    return tuple(found)


class _Weighed(msgspec.Struct, frozen=True):
    name: str = ""
    weight: float = 1.0


def _read_method(fields: Fields) -> Weighing | None:
    raw = fields.peek("method")
    word: Weighing = fields.choice("method", get_args(Weighing), "fixed")
    return None if raw in ABSENT else word


def _read_two_sided(fields: Fields) -> bool:
    """Which side is the better one says each metric."""
    word: Literal["two-sided", "one-sided"] = fields.choice("alternative", ("two-sided", "one-sided"), "two-sided")
    return word == "two-sided"


def read_number(fields: Fields, name: str, default: float, below: float) -> float:
    """The field as a number between 0 and `below`, without both."""
    number = fields.take(name, float, default)
    if not 0 < number < below:
        fields.fault(name, f"must be above 0 and below {below:g}, is {number:g}")
        return default
    return number


def read_whole(fields: Fields, name: str, default: int, most: int, least: int = 1) -> int:
    """The field as a whole number from `least` to `most`."""
    number = fields.take(name, int, default)
    if not least <= number <= most:
        fields.fault(name, f"must be a whole number from {least} to {most:,}, is {number}")
        return default
    return number


def _sides(aim: Aim) -> list[Fault]:
    """What holds however the aim was read."""
    faults: list[Fault] = []
    for name, number, below in (("minimum_effect", aim.minimum_effect, 1000.0), ("alpha", aim.alpha, 1.0)):
        if not 0 < number < below:
            faults.append(Fault(name, f"must be above 0 and below {below:g}, is {number:g}"))
    if not 1 <= aim.horizon <= MOST_HORIZON:
        faults.append(Fault("horizon", f"must be a whole number from 1 to {MOST_HORIZON:,}, is {aim.horizon}"))
    if not 1 <= aim.max_days <= LONGEST:
        faults.append(Fault("max_days", f"must be a whole number from 1 to {LONGEST:,}, is {aim.max_days}"))
    if not aim.alpha < aim.power < 1:
        faults.append(Fault("power", f"must be above alpha ({aim.alpha:g}) and below 1, is {aim.power:g}"))
    return faults
