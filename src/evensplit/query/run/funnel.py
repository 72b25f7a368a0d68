"""Asking for a funnel: one statement, whatever the view."""

from collections.abc import Sequence
from functools import partial

from evensplit import clock
from evensplit.model.report.funnel import Funnel, FunnelAnswer, FunnelCell
from evensplit.query.answer import funnel as answer
from evensplit.query.as_of import encode
from evensplit.query.conditions import Condition
from evensplit.query.plan import properties
from evensplit.query.plan.funnel import FunnelPlan, placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.funnel import Question, cell_sql, funnel_sql


async def run(store: Reading, report: Funnel, now_ms: int) -> FunnelAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    moment = await begin(store, _conditions(planned), planned.report)
    question = Question(planned, moment)
    told = await rows(store, partial(funnel_sql, question), _only(planned), properties(planned.looked_at), moment)
    found = answer.read(told, len(planned.splits), len(planned.steps))
    view, labels = planned.report.view, [step.label for step in planned.steps]
    buckets = 0 if planned.buckets is None else len(planned.buckets.edges)
    return FunnelAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        steps=answer.steps(found.whole[()], labels),
        breakdowns=answer.parts(found, labels, view, buckets, planned.report.bins),
        buckets=None if planned.buckets is None else list(planned.buckets.labels),
        trend=answer.trend(found, (), len(labels), buckets) if view == "trend" else None,
        times=answer.times(found, (), planned.report.bins) if view == "time_to_convert" else None,
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Funnel, cell: FunnelCell, now_ms: int) -> Behind:
    """Who came to a step, or was lost before it."""
    planned = plan(report, now_ms)
    question = placed(planned, cell)
    moment = await begin(store, _conditions(planned), planned.report)
    write = partial(cell_sql, Question(planned, moment), question)
    return Behind(moment, write, _only(planned), properties(planned.looked_at))


def _conditions(planned: FunnelPlan) -> Sequence[Condition]:
    return [planned.condition, *(event.condition for event in planned.events)]


def _only(planned: FunnelPlan) -> str | None:
    """The type of event where there is only one."""
    return planned.types[0] if planned.types is not None and len(planned.types) == 1 else None
