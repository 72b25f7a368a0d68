"""A report's answer on a page: asked for as the JSON interface asks, drawn, put into tables, made into snippets."""

import shlex
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

import msgspec

from evensplit import charts, clock
from evensplit.errors import NotFound
from evensplit.model.report import Answer
from evensplit.model.report.trend import TrendAnswer
from evensplit.query.run.kinds import KINDS, Kind
from evensplit.ui import tables
from evensplit.ui.marks import Mark, lined
from evensplit.ui.visit import Services

_KINDS: dict[str, Kind] = {kind.name: kind for kind in KINDS}
# What each look of a trend does to its lines.
_LOOKS: dict[str, dict[str, Any]] = {
    "bar": {"type": "bar"},
    "area": {"stackgroup": "all", "mode": "lines"},
}


def kind_of(name: str) -> Kind:
    """Raises NotFound."""
    kind = _KINDS.get(name)
    if kind is None:
        raise NotFound(f"there is no report of the kind {name[:100]!r}")
    return kind


async def asked(services: Services, kind: Kind, report: str | bytes) -> Answer:
    """The answer to a report as JSON. Raises InvalidReport, InvalidJson."""
    return (await services.answers.asked(kind, services.store, report, clock.now_ms())).answer()


def shown(answer: Answer, look: str = "", annotations: Sequence[Mark] = ()) -> dict[str, Any]:
    """What the template `answer.html` needs of it."""
    traces, layout = charts.drawn(answer)
    if isinstance(answer, TrendAnswer) and answer.report.breakdown and len({line.label for line in answer.series}) == 1:
        # What they are split by says enough.
        prefix = f"{charts.label_of(answer.series[0].label)}, "
        traces = [{**trace, "name": trace["name"].removeprefix(prefix)} for trace in traces]
    if look in _LOOKS:
        traces = [_restyled(trace, _LOOKS[look]) for trace in traces]
        layout = {**layout, "barmode": "group"} if look == "bar" else layout
    return {
        "answer": answer,
        "chart": {"data": traces, "layout": lined(layout, annotations)},
        "marks": annotations,
        "tables": tables.tables(answer),
        "empty": _is_empty(answer),
    }


def _restyled(trace: Mapping[str, Any], look: Mapping[str, Any]) -> dict[str, Any]:
    """Only lines have other looks."""
    if trace.get("type") != "scatter":
        return dict(trace)
    left_out = ("mode", "line") if look.get("type") == "bar" else ()
    return {**{name: value for name, value in trace.items() if name not in left_out}, **look}


def _is_empty(answer: Answer) -> bool:
    """Whether there is nothing to be seen on the chart."""
    cells = [cell for table in tables.tables(answer) for row in table.rows for cell in row if cell.kind == "figure"]
    return not any(cell.value for cell in cells)


# --- snippets -------------------------------------------------------------------------------------


def snippets(kind: str, report: str | bytes, base_url: str) -> dict[str, str]:
    """The same question for a terminal and for a notebook."""
    fields = msgspec.json.decode(report, type=dict[str, Any])
    curl = (
        f"curl {shlex.quote(f'{base_url}/v1/reports/{kind}')} \\\n"
        '  -H "Authorization: Bearer $EVENSPLIT_SECRET_KEY" \\\n'
        f"  -d {shlex.quote(msgspec.json.encode(fields).decode())}\n"
    )
    given = ",\n".join(f"    {_argument(name)}={value!r}" for name, value in fields.items())
    python = (
        f'import evensplit\n\nes = evensplit.connect({base_url!r}, key="es_s_...")\nes.{kind}(\n{given},\n).figure()\n'
    )
    return {"curl": curl, "python": python}


def _argument(name: str) -> str:
    return f"{name}_" if iskeyword(name) else name
