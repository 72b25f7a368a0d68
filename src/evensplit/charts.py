"""A report's answer as a Plotly figure, for pages and notebooks: the room of plotly, which the first figure loads.

Here: which chart a kind has. Not here: asking for the answer, or showing the figure.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from evensplit.errors import Invalid
from evensplit.model.report import ANY, Answer
from evensplit.model.report.funnel import FunnelAnswer, FunnelPart, FunnelStep, FunnelTimes, FunnelTrend
from evensplit.model.report.lifecycle import LifecycleAnswer
from evensplit.model.report.paths import PathsAnswer
from evensplit.model.report.retention import Cohort, RetentionAnswer
from evensplit.model.report.sessions import SessionsAnswer
from evensplit.model.report.stickiness import StickinessAnswer
from evensplit.model.report.trend import TrendAnswer, TrendSeries

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Figure

# A figure as plotly reads it: traces and the layout around them.
Drawn: TypeAlias = tuple[list[dict[str, Any]], dict[str, Any]]

NOT_SET = "(not set)"


def figure(answer: Answer) -> "Figure":
    """Raises Invalid for an answer that has no chart."""
    from plotly.graph_objects import Figure  # heavy: loaded when the first figure is asked for

    traces, layout = drawn(answer)
    return Figure({"data": traces, "layout": {"template": "plotly_white", "margin": {"t": 40}} | layout})


def drawn(answer: Answer) -> Drawn:
    """What is on the figure, for who draws it elsewhere; plotly is not loaded. Raises as `figure`."""
    draw = _CHARTS.get(type(answer))
    if draw is None:
        raise Invalid(f"there is no chart of a {type(answer).__name__}; to_dicts() and arrow() have its numbers")
    return draw(answer)


def script() -> Path | None:
    """Where plotly keeps the script that draws in a browser; plotly is not loaded. None: it is not installed."""
    found = find_spec("plotly")
    places = [] if found is None else found.submodule_search_locations or []
    return next((path for place in places if (path := Path(place, "package_data", "plotly.min.js")).exists()), None)


# --- lines ----------------------------------------------------------------------------------------


def _trend(answer: TrendAnswer) -> Drawn:
    traces = [_line(_named(series), answer.buckets, series.values) for series in answer.series]
    if answer.compare is not None:
        # The compared period is laid over this one: its first bucket under the first.
        for series in answer.series:
            if series.compare is not None:
                earlier = _line(f"{_named(series)}, before", answer.buckets, series.compare.values)
                earlier["line"] = {"dash": "dot"}
                earlier["customdata"] = answer.compare.buckets
                earlier["hovertemplate"] = "%{customdata}: %{y}"
                traces.append(earlier)
    return traces, {"hovermode": "x unified"}


def _named(series: TrendSeries) -> str:
    return ", ".join([label_of(series.label), *map(_value, series.breakdown)])


def label_of(label: str) -> str:
    """As people read it: `@any` is how a report writes any event."""
    return f"any event{label.removeprefix(ANY)}" if label == ANY or label.startswith(f"{ANY}:") else label


def _sessions(answer: SessionsAnswer) -> Drawn:
    lines = answer.lines
    named = (("visitors", lines.visitors), ("sessions", lines.sessions), ("page views", lines.page_views))
    return [_line(name, answer.buckets, values) for name, values in named], {"hovermode": "x unified"}


def _line(name: str, x: Sequence[str], y: Sequence[int | float | None]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines+markers", "name": name, "x": list(x[: len(y)]), "y": list(y[: len(x)])}


# --- funnel ---------------------------------------------------------------------------------------


def _funnel(answer: FunnelAnswer) -> Drawn:
    parts: list[tuple[str, FunnelPart | FunnelAnswer]] = [("users", answer)]
    if answer.breakdowns:
        parts = [(", ".join(map(_value, part.breakdown)), part) for part in answer.breakdowns]
    if answer.report.view == "trend":
        traces = [_rates(name, answer.buckets or [], part.trend) for name, part in parts if part.trend is not None]
        return traces, {"yaxis": {"tickformat": ".0%", "rangemode": "tozero"}, "hovermode": "x unified"}
    if answer.report.view == "time_to_convert":
        traces = [_times(name, part.times) for name, part in parts if part.times is not None]
        return traces, {"barmode": "overlay", "bargap": 0, "xaxis": {"title": {"text": "seconds"}}}
    labels = [f"{n}. {label_of(step.label)}" for n, step in enumerate(answer.steps, 1)]
    return [_steps(name, labels, part.steps) for name, part in parts], {"barmode": "group"}


def _steps(name: str, labels: Sequence[str], steps: Sequence[FunnelStep]) -> dict[str, Any]:
    shares = ["" if step.rate_from_start is None else f"{step.rate_from_start:.1%}" for step in steps]
    return {"type": "bar", "name": name, "x": list(labels), "y": [step.users for step in steps], "text": shares}


def _rates(name: str, buckets: Sequence[str], trend: FunnelTrend) -> dict[str, Any]:
    return _line(name, buckets, trend.rates)


def _times(name: str, times: FunnelTimes) -> dict[str, Any]:
    widths = [high - low for low, high in zip(times.edges, times.edges[1:], strict=False)]
    return {
        "type": "bar", "name": name, "x": times.edges[:-1], "y": times.users, "width": widths, "offset": 0,
        "opacity": 0.8,
    }  # fmt: skip


# --- people -------------------------------------------------------------------------------------


def _retention(answer: RetentionAnswer) -> Drawn:
    cohorts = answer.cohorts
    longest = max((len(cohort.rates) for cohort in cohorts), default=0)
    traces = [
        {
            "type": "heatmap",
            "x": list(range(longest)),
            "y": [f"{cohort.start} ({cohort.size})" for cohort in cohorts],
            "z": [cohort.rates for cohort in cohorts],
            "text": [_percents(cohort) for cohort in cohorts],
            "texttemplate": "%{text}",
            "zmin": 0,
            "zmax": 1,
            "colorscale": "Blues",
            "colorbar": {"tickformat": ".0%"},
            "hoverongaps": False,
        }
    ]
    period = {"title": {"text": answer.report.interval}, "dtick": 1}
    return traces, {"xaxis": period, "yaxis": {"type": "category", "autorange": "reversed"}}


def _percents(cohort: Cohort) -> list[str]:
    return ["" if rate is None else f"{rate:.0%}" for rate in cohort.rates]


def _lifecycle(answer: LifecycleAnswer) -> Drawn:
    """Who is gone is drawn below the line, as a number of its own and not as a negative one."""
    named = (("new", answer.new), ("returning", answer.returning), ("resurrecting", answer.resurrecting))
    traces = [{"type": "bar", "name": name, "x": answer.buckets, "y": users} for name, users in named]
    gone = {"customdata": answer.dormant, "hovertemplate": "%{x}: %{customdata}"}
    below = [-users for users in answer.dormant]
    return [*traces, {"type": "bar", "name": "dormant", "x": answer.buckets, "y": below, **gone}], {
        "barmode": "relative"
    }


def _stickiness(answer: StickinessAnswer) -> Drawn:
    bars = answer.histogram
    traces = [{"type": "bar", "x": [bar.intervals for bar in bars], "y": [bar.users for bar in bars]}]
    axis = {"title": {"text": f"{answer.report.interval}s"}, "range": [0.5, answer.intervals + 0.5]}
    return traces, {"xaxis": axis, "yaxis": {"title": {"text": "users"}}}


def _paths(answer: PathsAnswer) -> Drawn:
    at = {node.id: n for n, node in enumerate(answer.nodes)}
    link = {
        "source": [at[each.source] for each in answer.links],
        "target": [at[each.target] for each in answer.links],
        "value": [each.users for each in answer.links],
    }
    return [{"type": "sankey", "node": {"label": _labels(answer), "pad": 12}, "link": link}], {}


def _labels(answer: PathsAnswer) -> list[str]:
    return [f"{node.step}. {node.value}" for node in answer.nodes]


def _value(value: str | None) -> str:
    return NOT_SET if value is None else value


_CHARTS: dict[type[Answer], Callable[[Any], Drawn]] = {
    TrendAnswer: _trend,
    FunnelAnswer: _funnel,
    RetentionAnswer: _retention,
    LifecycleAnswer: _lifecycle,
    StickinessAnswer: _stickiness,
    PathsAnswer: _paths,
    SessionsAnswer: _sessions,
}
