"""`/v1/reports/...`: a report is the body, or `?q=` with the same JSON, so that a link is a report."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter

from evensplit import clock
from evensplit.errors import Invalid, InvalidJson
from evensplit.model.report import Trend, TrendAnswer
from evensplit.query import run


@post("/v1/reports/trend", status_code=200, summary="Events over time", tags=["Reports"])
async def trend(request: Request[Any, Any, Any], data: Trend) -> TrendAnswer:
    return await run.run(request.app.state.services.store, data, clock.now_ms())


@get("/v1/reports/trend", summary="Events over time, as a link", tags=["Reports"])
async def trend_link(
    request: Request[Any, Any, Any],
    q: Annotated[str, Parameter(description="The report as JSON, URL-encoded.")],
) -> TrendAnswer:
    return await run.run(request.app.state.services.store, _report(q), clock.now_ms())


def _report(text: str) -> Trend:
    try:
        return msgspec.json.decode(text, type=Trend)
    except msgspec.ValidationError as error:
        raise Invalid(f"the report in q does not fit: {error}") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidJson(f"q is not JSON: {error}") from None


HANDLERS = [trend, trend_link]
