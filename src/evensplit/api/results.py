"""The results of experiments over HTTP. Each reading is logged as a look (`experiments.look`)."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery, QueryParameter

from evensplit.experiments.look import Looker
from evensplit.experiments.question import DAILY, read_question
from evensplit.experiments.results import Daily, Results
from evensplit.model.instant import rfc3339
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.peeks import Logged
from evensplit.web.requests import parameters

TAGS = ["Experiments"]

MOST_LOOKS = 1_000

Call = Request[Any, Any, Any]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of results; the same again is no other one. `as_of` shows what was seen; `metric` null: all of them."""

    looked_at: str
    as_of: str
    method: str
    alpha: float
    metric: str | None
    definition: str
    version: str
    via: str


class LookList(msgspec.Struct, frozen=True):
    looks: list[Look]


@get(
    "/v1/experiments/{name:str}/results",
    tags=TAGS,
    summary="Users, the check of their split, every metric, a verdict",
    description="`method` is `fixed`, `sequential` or `bayesian`; the experiment's own unless it is named. "
    "`alternative` is `two-sided`, `greater` or `less`; `horizon`: the users at which a sequential interval is "
    "tightest. `correction` is `none`, `holm` or `bh`, over the primary metrics. `dimension`: a property or a trait "
    "(`user.plan`); the results of each of its values stand beside those of everybody. `checks=all` adds the checks "
    "that read more of the events: differences before the experiment, outliers, novelty. `as_of`: the same "
    "as at an earlier answer.",
)
async def results(
    request: Call,
    name: FromPath[str],
    metric: FromQuery[str | None] = None,
    alpha: FromQuery[float | None] = None,
    dimension: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
) -> Results:
    return await _looker(request).results(name, read_question(parameters(request)))


@get(
    "/v1/experiments/{name:str}/results/daily",
    tags=TAGS,
    summary="One metric as it stood at the end of each day",
    description="`metric` is needed where there are several. `method`, `alpha`, `alternative`, `horizon` and `as_of` "
    "are those of the results. Days are those of `timezone` (UTC); beyond 90 of them weeks, then months. Every line is "
    "a pass over the events.",
)
async def daily_results(
    request: Call,
    name: FromPath[str],
    metric: FromQuery[str | None] = None,
    alpha: FromQuery[float | None] = None,
    timezone: FromQuery[str | None] = None,
    as_of: FromQuery[str | None] = None,
) -> Daily:
    return await _looker(request).over_time(name, read_question(parameters(request), DAILY))


@get("/v1/experiments/{name:str}/looks", tags=TAGS, summary="When its results were read, the newest first")
async def looks(
    request: Call, name: FromPath[str], limit: Annotated[int, QueryParameter(ge=1, le=MOST_LOOKS)] = 100
) -> LookList:
    catalog: Catalog = request.app.state.services.catalog
    return LookList([_shown(each) for each in catalog.peeks.newest(catalog.experiment(name).id, limit)])


HANDLERS = [results, daily_results, looks]


def _looker(request: Call) -> Looker:
    looker: Looker = request.app.state.services.looker
    return looker


def _shown(logged: Logged) -> Look:
    peek = logged.peek
    return Look(
        looked_at=rfc3339(logged.looked_at),
        as_of=peek.as_of,
        method=peek.method,
        alpha=peek.alpha,
        metric=peek.metric or None,
        definition=peek.definition,
        version=peek.version,
        via=peek.via,
    )
