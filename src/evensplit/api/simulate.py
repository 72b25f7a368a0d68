"""A/A tests on the project's own users, over HTTP."""

from typing import Any

import msgspec
from litestar import Request, post

from evensplit.api.bodies import takes
from evensplit.experiments.trials import Simulator, TrialReply, read_asked
from evensplit.model.metric import Metric
from evensplit.model.report import EventChoice, Filter
from evensplit.web.requests import unless_gone

TAGS = ["Experiments"]


class SimulateBody(msgspec.Struct):
    """For the OpenAPI document; the body is read by `experiments.trials`, which names every fault."""

    metrics: tuple[Metric, ...] = ()
    experiment: str | None = None
    event: str | EventChoice = "@any"
    filters: tuple[Filter, ...] = ()
    days: int = 28
    methods: tuple[str, ...] = ("fixed", "sequential")
    runs: int = 2000
    alpha: float = 0.05
    looks: int = 20
    seed: int = 1


@post(
    "/v1/simulate",
    tags=TAGS,
    status_code=200,
    summary="How often a difference is called that is none, on the project's own users",
    description="Past users who did `event` in the last `days`, or the users of an `experiment`, are split at random "
    "`runs` times, and each split is weighed by each of `methods`. `sequential` is looked at `looks` times.",
    operation_class=takes(SimulateBody),
)
async def simulate(request: Request[Any, Any, Any]) -> TrialReply:
    simulator: Simulator = request.app.state.services.simulator
    asked = read_asked(await request.body())
    return await unless_gone(request.receive, simulator.answer(asked))


HANDLERS = [simulate]
