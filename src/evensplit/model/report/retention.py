"""Retention: of those who did one thing, how many came back to do another, and when."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import ANY, Answer, Breakdown, EventChoice, Report

Period: TypeAlias = Literal["hour", "day", "week", "month"]
Kind: TypeAlias = Literal["on", "on_or_after"]


class Retention(Report, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"back": "return"}):
    """The retention report as asked; `query.plan.retention.STEPS` fill in what was left open.

    `back` (in JSON: `return`) is `start` unless said otherwise. `calendar`: a period is an interval of the calendar;
    else it is counted from each person's start, 1 h, 24 h, 7 x 24 h or 30 x 24 h long."""

    start: str | EventChoice = ANY
    back: str | EventChoice | None = None
    interval: Period = "day"
    periods: int = 12
    kind: Kind = "on"
    first_time: bool = False
    calendar: bool = True
    minimum: int = 1
    breakdown: tuple[Breakdown, ...] = ()


class RetentionCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of a retention report: a cohort by its start, and a period from 0, which is the cohort itself.

    `breakdown` holds a value a property as the answer shows them; where `rest` is true, `$other` is meant."""

    cohort: str
    period: int = 0
    breakdown: tuple[str | None, ...] = ()
    rest: tuple[bool, ...] = ()


# --- answers --------------------------------------------------------------------------------------


class Cohort(msgspec.Struct, frozen=True):
    """Those who started in one interval: how many, and how many of them returned, a period each.

    `returned[0]` is the size. None where a period is not over; rates are fractions, None for 0 of 0."""

    start: str
    size: int
    returned: list[int | None]
    rates: list[float | None]


class Returned(msgspec.Struct, frozen=True):
    """All cohorts together: each period adds up those in which it is over, and divides by their sizes."""

    size: int
    returned: list[int | None]
    rates: list[float | None]


class RetentionPart(msgspec.Struct, frozen=True):
    """The cohorts of those with these values. `rest` marks where `$other` stands for the values beyond the limit."""

    breakdown: list[str | None]
    rest: list[bool]
    cohorts: list[Cohort]
    total: Returned


class RetentionAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply to a retention report."""

    report: Retention
    cohorts: list[Cohort]
    total: Returned
    breakdowns: list[RetentionPart] = []
