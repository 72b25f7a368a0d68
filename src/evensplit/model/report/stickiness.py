"""Stickiness: in how many intervals of the range people do something."""

import msgspec

from evensplit.model.report import ANY, Answer, EventChoice, Interval, Report


class Stickiness(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stickiness report as asked; `query.plan.stickiness.STEPS` fill in what was left open."""

    event: str | EventChoice = ANY
    interval: Interval = "day"


class StickinessCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number: those who did it in so many intervals."""

    intervals: int


class StickinessBar(msgspec.Struct, frozen=True):
    """How many persons did it in exactly so many intervals."""

    intervals: int
    users: int


class StickinessAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply. `intervals` is how many the range has; the histogram leaves out what nobody did."""

    report: Stickiness
    intervals: int
    histogram: list[StickinessBar]
