"""From the rows of `sql.sessions` to totals, lines and lists. Pure."""

from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from evensplit.model.report.sessions import Lines, Top, TopValue, Totals
from evensplit.query.plan.sessions import SessionsPlan, TopPlan
from evensplit.query.sql.sessions import ACTIVE, PERSONS, TOP, TOTALS, VIEWS, WORD


class Row(msgspec.Struct, frozen=True):
    """One row; which of its columns have a value depends on its part."""

    part: int
    bucket: int | None
    value: str | None
    visitors: int | None
    sessions: int | None
    page_views: int | None
    bounces: int | None
    median: float | None
    numbers: list[int]


def rows_of(found: Iterable[tuple[object, ...]]) -> list[Row]:
    """The engine's rows, named."""
    return [Row(*cast("tuple[int, None, None, None, None, None, None, None, list[int]]", row)) for row in found]


def totals(rows: Sequence[Row]) -> Totals:
    """The numbers of the whole range."""
    (row,) = (row for row in rows if row.part == TOTALS)
    sessions = row.sessions or 0
    return Totals(
        visitors=_visitors(rows),
        sessions=sessions,
        page_views=sum(row.page_views or 0 for row in rows if row.part == VIEWS),
        bounce_rate=(row.bounces or 0) / sessions if sessions else None,
        median_duration=None if row.median is None or not sessions else row.median / 1000,
    )


def lines(rows: Sequence[Row], planned: SessionsPlan) -> Lines:
    """A number a bucket."""
    count = len(planned.buckets.edges)
    visitors, sessions, page_views = [0] * count, [0] * count, [0] * count
    for row in rows:
        if row.bucket is not None and row.part == VIEWS:
            page_views[row.bucket] = row.page_views or 0
        elif row.bucket is not None and row.part in (PERSONS, ACTIVE):
            line, first = visitors if row.part == PERSONS else sessions, row.bucket * WORD
            line[first : first + WORD] = [int(number) for number in row.numbers[: count - first]]
    return Lines(visitors=visitors, sessions=sessions, page_views=page_views)


def tops(rows: Sequence[Row], planned: SessionsPlan) -> dict[Top, list[TopValue]]:
    """The lists, each in its order; ties by text, not set last."""
    (whole,) = (row for row in rows if row.part == TOTALS)
    # In a list whose properties no event has, every session stands under "not set".
    unset = [msgspec.structs.replace(whole, visitors=_visitors(rows))] if whole.sessions else []
    return {
        top.top: _list([row for row in rows if row.part == TOP + n] or ([] if top.top == "pages" else unset), top)
        for n, top in enumerate(planned.tops)
    }


def _visitors(rows: Sequence[Row]) -> int:
    return sum(row.visitors or 0 for row in rows if row.part == PERSONS)


def _list(rows: Sequence[Row], top: TopPlan) -> list[TopValue]:
    def order(row: Row) -> tuple[int, bool, str]:
        most = row.page_views if top.top == "pages" else row.sessions
        return (-(most or 0), row.value is None, row.value or "")

    return [
        TopValue(value=row.value, visitors=row.visitors or 0, sessions=row.sessions, page_views=row.page_views or 0)
        for row in sorted(rows, key=order)
    ]
