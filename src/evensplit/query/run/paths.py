"""Asking for paths: one statement."""

from functools import partial

from evensplit import clock
from evensplit.model.report.paths import Paths, PathsAnswer, PathsCell
from evensplit.query.answer.paths import graph
from evensplit.query.as_of import encode
from evensplit.query.conditions import Property, sources
from evensplit.query.plan import properties
from evensplit.query.plan.paths import PathsPlan, placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.paths import Question, cell_sql, paths_sql


async def run(store: Reading, report: Paths, now_ms: int) -> PathsAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    moment = await begin(store, [planned.condition], planned.report)
    question = Question(planned, moment)
    found = await rows(store, partial(paths_sql, question), None, _looked_at(planned), moment)
    nodes, links, truncated = graph(found, planned)
    return PathsAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        nodes=nodes,
        links=links,
        truncated=truncated,
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Paths, cell: PathsCell, now_ms: int) -> Behind:
    """Who was at a node or took a link."""
    planned = plan(report, now_ms)
    at = placed(planned, cell)
    moment = await begin(store, [planned.condition], planned.report)
    return Behind(moment, partial(cell_sql, Question(planned, moment), at), None, _looked_at(planned))


def _looked_at(planned: PathsPlan) -> list[Property]:
    return properties([*sources(planned.condition), planned.by])
