"""From the rows of a funnel's statement to its numbers. Pure arithmetic; what the columns are says `sql.funnel`."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import msgspec

from evensplit.model.report import OTHER
from evensplit.model.report.funnel import FunnelPart, FunnelStep, FunnelTimes, FunnelTrend, View

Row: TypeAlias = tuple[object, ...]
Place: TypeAlias = tuple[tuple[int | None, str | None], ...]  # (rank, value) a property; without a rank: `$other`


class Numbers(msgspec.Struct, frozen=True):
    """Of all who are counted, or of those of one place: users a step; `waits` the sum, median and 90th percentile of
    milliseconds from the step before, from the second step on; `ends` the least and greatest from first to last."""

    users: tuple[int, ...]
    waits: tuple[tuple[int | None, float | None, float | None], ...]
    ends: tuple[int | None, int | None]


class Found(msgspec.Struct, frozen=True):
    """The rows, sorted: by place, and by place and bucket or bin. The empty place is everybody."""

    whole: dict[Place, Numbers]
    parts: dict[Place, dict[int, tuple[int, ...]]]


def read(rows: Sequence[Row], splits: int, steps: int) -> Found:
    """The rows of a funnel with so many properties and steps."""
    found = Found({}, {})
    first = 2 * splits + 2
    for row in rows:
        place = _place(row, splits) if row[0] else ()
        users = tuple(cast(Sequence[int], row[first : first + steps]))
        if row[first - 1] is not None:
            found.parts.setdefault(place, {})[cast(int, row[first - 1])] = users
            continue
        rest = row[first + steps :]
        waits = tuple(
            (cast("int | None", rest[n]), cast("float | None", rest[n + 1]), cast("float | None", rest[n + 2]))
            for n in range(0, 3 * steps - 3, 3)
        )
        found.whole[place] = Numbers(users, waits, (cast("int | None", rest[-2]), cast("int | None", rest[-1])))
    return found


def steps(numbers: Numbers, labels: Sequence[str]) -> list[FunnelStep]:
    """The steps as they are shown."""
    waits = [(None, None, None), *numbers.waits]
    return [
        FunnelStep(
            label,
            users,
            rate(users, numbers.users[0]),
            rate(users, numbers.users[max(n - 1, 0)]),
            None if total is None or not users else total / (users * 1000),
            None if median is None else median / 1000,
            None if p90 is None else p90 / 1000,
        )
        for n, (label, users, (total, median, p90)) in enumerate(zip(labels, numbers.users, waits, strict=True))
    ]


def rate(part: int, whole: int) -> float | None:
    """A fraction; of nothing there is none."""
    return part / whole if whole else None


def trend(found: Found, place: Place, steps: int, buckets: int) -> FunnelTrend:
    """By bucket, those without anybody among them."""
    nobody = (0,) * steps
    by_bucket = [found.parts.get(place, {}).get(b, nobody) for b in range(buckets)]
    return FunnelTrend(
        users=[[users[n] for users in by_bucket] for n in range(steps)],
        rates=[rate(users[-1], users[0]) for users in by_bucket],
    )


def times(found: Found, place: Place, bins: int) -> FunnelTimes:
    """How many took how long: in bins that are the same for every place."""
    low, high = found.whole[()].ends
    if low is None or high is None:
        return FunnelTimes([], [])
    bins = bins if high > low else 1
    counts = found.parts.get(place, {})
    edges = [(low * (bins - n) + high * n) / (bins * 1000) for n in range(bins + 1)]
    return FunnelTimes(edges, [counts.get(n, (0,))[-1] for n in range(bins)])


def parts(found: Found, labels: Sequence[str], view: View, buckets: int, bins: int) -> list[FunnelPart]:
    """The places in the order of their ranks, `$other` last."""
    places = sorted((place for place in found.whole if place), key=_order)
    return [
        FunnelPart(
            breakdown=[OTHER if rank is None else value for rank, value in place],
            rest=[rank is None for rank, _ in place],
            steps=steps(found.whole[place], labels),
            trend=trend(found, place, len(labels), buckets) if view == "trend" else None,
            times=times(found, place, bins) if view == "time_to_convert" else None,
        )
        for place in places
    ]


def _place(row: Row, splits: int) -> Place:
    return tuple((cast("int | None", row[1 + 2 * n]), cast("str | None", row[2 + 2 * n])) for n in range(splits))


def _order(place: Place) -> tuple[tuple[bool, int], ...]:
    return tuple((rank is None, rank or 0) for rank, _ in place)
