"""`/v1/reports/...`: a report is the body, or `?q=` with the same JSON, so that a link is a report."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import Parameter

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.model.report import Trend, TrendAnswer, read_trend
from evensplit.query import run


@post(
    "/v1/reports/trend",
    status_code=200,
    summary="Events over time",
    tags=["Reports"],
    operation_class=takes(Trend),
)
async def trend(request: Request[Any, Any, Any]) -> TrendAnswer:
    return await _answer(request, await request.body())


@get("/v1/reports/trend", summary="Events over time, as a link", tags=["Reports"])
async def trend_link(
    request: Request[Any, Any, Any],
    q: Annotated[str, Parameter(description="The report as JSON, URL-encoded.")],
) -> TrendAnswer:
    return await _answer(request, q)


async def _answer(request: Request[Any, Any, Any], report: bytes | str) -> TrendAnswer:
    return await run.run(request.app.state.services.store, read_trend(report), clock.now_ms())


HANDLERS = [trend, trend_link]
