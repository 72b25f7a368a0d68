"""Asking for retention: once, and in Python only what needs no event."""

from functools import partial

from evensplit import clock
from evensplit.model.report.retention import Retention, RetentionAnswer, RetentionCell
from evensplit.query.answer import retention as answer
from evensplit.query.as_of import encode
from evensplit.query.conditions import Property, sources
from evensplit.query.plan import properties
from evensplit.query.plan.retention import RetentionPlan, placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.retention import cell_sql, retention_sql


async def run(store: Reading, report: Retention, now_ms: int) -> RetentionAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    moment = await begin(store, [planned.start.condition, planned.back.condition], planned.report)
    found = await rows(
        store, partial(retention_sql, planned, moment), _event_type(planned), _looked_at(planned), moment
    )
    parts = answer.counts(found, planned)
    cohorts = answer.cohorts(answer.together(parts.values()), planned)
    return RetentionAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        cohorts=cohorts,
        total=answer.total(cohorts, planned),
        breakdowns=answer.breakdowns(parts, found, planned),
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Retention, cell: RetentionCell, now_ms: int) -> Behind:
    """Who is counted in one cell."""
    planned = plan(report, now_ms)
    which = placed(planned, cell)
    moment = await begin(store, [planned.start.condition, planned.back.condition], planned.report)
    return Behind(moment, partial(cell_sql, planned, which, moment), _event_type(planned), _looked_at(planned))


def _event_type(planned: RetentionPlan) -> str | None:
    """The only type of event that is looked at, if there is one."""
    return planned.start.event_type if planned.start.event_type == planned.back.event_type else None


def _looked_at(planned: RetentionPlan) -> list[Property]:
    split = [split.of for split in planned.splits]
    return properties([*sources(planned.start.condition), *sources(planned.back.condition), *split])
