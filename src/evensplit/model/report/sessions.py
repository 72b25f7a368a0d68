"""Sessions: visits, what they began with, where they went, and where they came from."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import Answer, EventChoice, Interval, Number, Report

Top: TypeAlias = Literal[
    "pages", "entry_pages", "exit_pages", "referrers",
    "utm_sources", "utm_mediums", "utm_campaigns", "utm_terms", "utm_contents",
    "devices", "browsers", "systems", "countries",
]  # fmt: skip


class Sessions(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sessions report as asked; `query.plan.sessions.STEPS` fill in what was left open.

    `page_view`: which events are page views. `tops`: the lists that are wanted, all of them unless said otherwise."""

    interval: Interval = "day"
    page_view: str | EventChoice | None = None
    tops: tuple[Top, ...] | None = None
    limit: int = 10


class SessionsCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of visitors: the total, one bucket's, or that of a value in one of the lists."""

    metric: Literal["visitors"] | Top = "visitors"
    value: str | None = None
    bucket: str | None = None


# --- answers --------------------------------------------------------------------------------------


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Over the whole range. Of no sessions the rate and the duration (in seconds) are unknown."""

    visitors: int
    sessions: int
    page_views: int
    bounce_rate: Number
    median_duration: Number


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """A number a bucket: what the totals would be of that bucket alone."""

    visitors: list[int]
    sessions: list[int]
    page_views: list[int]


class TopValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a list (None: not set). Of `pages`: who saw it, how often. Of the others: the sessions that have it,
    whose they are, and the page views in them."""

    value: str | None
    visitors: int
    page_views: int
    sessions: int | None = None


class SessionsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply; `tops` holds a list for each one that was asked for."""

    report: Sessions
    totals: Totals
    buckets: list[str]
    lines: Lines
    tops: dict[Top, list[TopValue]]
