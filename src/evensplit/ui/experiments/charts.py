"""Charts of an experiment as plotly reads them: a metric over time with its bands, users by day, what can be seen when.

`meta.like` gives a trace the colour of another one. Not here: drawing them (`static/chart.js`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evensplit.experiments.power import MetricOutlook
from evensplit.experiments.results import Daily
from evensplit.experiments.split import Arrived

Trace = dict[str, Any]

FEW = 5
MUCH_WIDER = 1.25  # so many times the range that is needed: then the axis does not hold every interval
MARGIN = 0.06  # of the range, above and below


def daily(found: Daily) -> dict[str, Any]:
    """The lift of each variant with its interval, a point a day; days on which it is unknown are gaps."""
    names = list(dict.fromkeys(each.variant for line in found.lines for each in line.comparisons))
    days = [line.day for line in found.lines]
    order = list(found.lines[0].users) if found.lines else []  # a variant has one colour on all charts
    traces: list[Trace] = []
    shown, bands = [0.0], []
    for n, name in enumerate(names):
        place = order.index(name) if name in order else len(order) + n
        lifts = [next((each.lift for each in line.comparisons if each.variant == name), None) for line in found.lines]
        if not any(lifts):
            continue
        traces.append(_line(name, days, [None if lift is None else lift.estimate for lift in lifts], place))
        shown += [lift.estimate for lift in lifts if lift is not None]
        both = [
            (day, lift.lower, lift.upper)
            for day, lift in zip(days, lifts, strict=True)
            if lift is not None and lift.lower is not None and lift.upper is not None
        ]
        bands.append(both)
        if len(both) > 1:
            traces.append(_band(both, place))
        elif both:
            traces[-1]["error_y"] = _whiskers(traces[-1]["y"], both[0])
    layout = {
        "xaxis": _days(days),
        "yaxis": {"tickformat": "+.1~%", "rangemode": "normal", "zeroline": True, **_readable(shown, bands)},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def arrivals(arrived: Sequence[Arrived], variants: Sequence[str]) -> dict[str, Any]:
    """Users so far in each of `variants`, at the end of each day."""
    days = sorted({each.day for each in arrived})
    traces = []
    for place, name in enumerate(variants):
        by_day = dict.fromkeys(days, 0)
        for each in arrived:
            if each.variant == name:
                by_day[each.day] += each.users
        so_far, line = 0, []
        for day in days:
            so_far += by_day[day]
            line.append(so_far)
        traces.append(_line(name, days, line, place))
    return {"data": traces, "layout": {"hovermode": "x unified", "xaxis": _days(days)}}


def reach(metric: MetricOutlook) -> dict[str, Any]:
    """The least lift that can be seen, by the days that the experiment runs; a line each way of reading it."""
    traces: list[Trace] = []
    for outlook in metric.outlooks:
        points = [(each.days, each.minimum_effect) for each in outlook.curve if each.minimum_effect is not None]
        if points:
            name = f"{outlook.method}{', with a covariate' if outlook.covariate else ''}"
            days, effects = zip(*points, strict=True)
            traces.append(_line(name, list(days), list(effects), len(traces)))
    layout = {
        "xaxis": {"title": {"text": "days"}},
        "yaxis": {"tickformat": ".1~%", "rangemode": "tozero"},
        "hovermode": "x unified",
    }
    return {"data": traces, "layout": layout}


def users_by_day(arrived: Sequence[Arrived]) -> Mapping[str, Mapping[str, int]]:
    """The same as a table: new users by day and variant."""
    found: dict[str, dict[str, int]] = {}
    for each in sorted(arrived, key=lambda each: each.day):
        day = found.setdefault(each.day, {})
        day[each.variant] = day.get(each.variant, 0) + each.users
    return found


class _Drawn(msgspec.Struct, frozen=True):
    """What every line has."""

    name: str
    x: Sequence[str | int]
    y: Sequence[float | None]
    meta: Mapping[str, int]
    type: str = "scatter"
    mode: str = "lines+markers"


def _line(name: str, x: Sequence[str | int], y: Sequence[float | None], place: int) -> Trace:
    return msgspec.structs.asdict(_Drawn(name, x, y, {"like": place}))


def _days(days: Sequence[str]) -> dict[str, str]:
    """A few days are names: a scale would show hours between them."""
    return {"type": "category"} if len(days) < FEW else {"type": "date"}


def _readable(shown: Sequence[float], bands: Sequence[Sequence[tuple[str, float, float]]]) -> dict[str, Any]:
    """The range of the axis where the first days' intervals, of few users, would flatten all that follows: it holds
    every point and the intervals of each variant's later half. Empty where everything may be seen."""
    every = [end for band in bands for _, *both in band for end in both]
    later = [end for band in bands for _, *both in band[len(band) // 2 :] for end in both]
    low, high = min([*shown, *later]), max([*shown, *later])
    if max([*shown, *every]) - min([*shown, *every]) <= MUCH_WIDER * (high - low):
        return {}
    return {"range": [low - MARGIN * (high - low), high + MARGIN * (high - low)]}


def _whiskers(y: Sequence[float | None], of: tuple[str, float, float]) -> dict[str, Any]:
    """The interval of the only day that has one: a band needs two."""
    _, low, high = of
    return {
        "type": "data",
        "symmetric": False,
        "array": [None if value is None else high - value for value in y],
        "arrayminus": [None if value is None else value - low for value in y],
    }


def _band(points: Sequence[tuple[str, float, float]], place: int) -> Trace:
    """An area from the lower ends and back along the upper ones."""
    days = [day for day, _, _ in points]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*days, *reversed(days)],
        "y": [*(low for _, low, _ in points), *(high for _, _, high in reversed(points))],
        "fill": "toself",
        "line": {"width": 0},
        "opacity": 0.35,
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"like": place},
    }
