"""Funnel: how many go from one step to the next, how long it takes them, and who stays behind."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import Answer, Breakdown, EventChoice, Interval, Path, Report

Order: TypeAlias = Literal["ordered", "strict", "any"]
View: TypeAlias = Literal["steps", "trend", "time_to_convert"]
Unit: TypeAlias = Literal["users", "sessions"]


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event that must not happen after step `first` and before step `last`, steps being counted from 0 (in JSON:
    `from` and `to`). `drop` takes whoever did it out of the funnel, `stop` ends the attempt there."""

    event: str | EventChoice
    first: int = msgspec.field(default=0, name="from")
    last: int = msgspec.field(default=1, name="to")
    effect: Literal["drop", "stop"] = "drop"


class Funnel(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The funnel report as asked; `query.plan.funnel.STEPS` fill in what was left open.

    `interval` is looked at by the view `trend`, `bins` by `time_to_convert`."""

    steps: tuple[str | EventChoice, ...]
    order: Order = "ordered"
    window: str = "14d"
    breakdown: tuple[Breakdown, ...] = ()
    attribution: str = "first"
    exclude: tuple[Exclusion, ...] = ()
    hold: tuple[Path, ...] = ()
    count: Unit = "users"
    view: View = "steps"
    interval: Interval = "day"
    bins: int = 20


class FunnelCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of a funnel. `step` counts from 1; `dropped`: who came to the step before, and not to this one.

    `breakdown` holds a value a property as the answer shows them; where `rest` is true, `$other` is meant. `bucket`
    belongs to the view `trend`, `bin` (from 0, of those who came to the last step) to `time_to_convert`."""

    step: int = 1
    dropped: bool = False
    breakdown: tuple[str | None, ...] = ()
    rest: tuple[bool, ...] = ()
    bucket: str | None = None
    bin: int | None = None


# --- answers --------------------------------------------------------------------------------------


class FunnelStep(msgspec.Struct, frozen=True):
    """How many came to a step (sessions, where those are counted). Rates are fractions, None for 0 of 0.

    Seconds are those from the step before, None for the first step and where nobody came."""

    label: str
    users: int
    rate_from_start: float | None
    rate_from_previous: float | None
    mean_seconds: float | None
    median_seconds: float | None
    p90_seconds: float | None


class FunnelTrend(msgspec.Struct, frozen=True):
    """By the bucket in which the counted attempt starts: a list a step, and the rate from first to last step."""

    users: list[list[int]]
    rates: list[float | None]


class FunnelTimes(msgspec.Struct, frozen=True):
    """Seconds from the first step to the last: bin n holds those from `edges[n]` up to, not including, `edges[n + 1]`;
    the last bin includes its end. Where all took equally long there is one bin, where nobody came there is none."""

    edges: list[float]
    users: list[int]


class FunnelPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The funnel of those with these values. `rest` marks where `$other` stands for the values beyond the limit."""

    breakdown: list[str | None]
    rest: list[bool]
    steps: list[FunnelStep]
    trend: FunnelTrend | None = None
    times: FunnelTimes | None = None


class FunnelAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply to a funnel. `buckets` and `trend` come with the view `trend`, `times` with `time_to_convert`."""

    report: Funnel
    steps: list[FunnelStep]
    breakdowns: list[FunnelPart] = []
    buckets: list[str] | None = None
    trend: FunnelTrend | None = None
    times: FunnelTimes | None = None
