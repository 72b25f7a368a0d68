"""Lifecycle: of those who are active, who is new, who comes again, who is back, and who is gone."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import ANY, Answer, EventChoice, Interval, Report

State: TypeAlias = Literal["new", "returning", "resurrecting", "dormant"]


class Lifecycle(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lifecycle report as asked; `query.plan.lifecycle.STEPS` fill in what was left open."""

    event: str | EventChoice = ANY
    interval: Interval = "day"


class LifecycleCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of a lifecycle: those of a state in a bucket."""

    bucket: str
    state: State


class LifecycleAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply: persons a bucket. Active in it are the new (never before), the returning (also in the bucket before)
    and the resurrecting (before, but not then); dormant are those of the bucket before who are not active in it."""

    report: Lifecycle
    buckets: list[str]
    new: list[int]
    returning: list[int]
    resurrecting: list[int]
    dormant: list[int]
