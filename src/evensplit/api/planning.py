"""How long an experiment has to run: before it (`POST /v1/experiments/power`) and while it does."""

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, FromQuery

from evensplit.api import experiments
from evensplit.api.bodies import takes
from evensplit.api.experiments import ExperimentReply
from evensplit.experiments.intent import read_aim, read_intent
from evensplit.experiments.power import PowerReply, plan, remaining
from evensplit.model.metric import Metric
from evensplit.model.report import EventChoice, Filter
from evensplit.web.requests import parameters

TAGS = ["Experiments"]

Call = Request[Any, Any, Any]


class PowerBody(msgspec.Struct):
    """For the OpenAPI document; the body is read by `experiments.intent`, which names every fault."""

    metrics: list[Metric]
    event: str | EventChoice = "@any"
    filters: tuple[Filter, ...] = ()
    variants: tuple[float, ...] = (1.0, 1.0)
    days: int = 28
    minimum_effect: float = 0.05
    power: float = 0.8
    alpha: float = 0.05
    alternative: str = "two-sided"
    method: str | None = None
    horizon: int = 5000
    correction: str = "none"
    max_days: int = 90


@post(
    "/v1/experiments/power",
    tags=TAGS,
    status_code=200,
    summary="How long an experiment would have to run, from the project's own history",
    description="`event` is what gets a user into the experiment; `days` of history are looked at. Each metric is "
    "answered with and without a covariate, to be read once (`fixed`) and at any time (`sequential`).",
    operation_class=takes(PowerBody),
)
async def plan_experiment(request: Call) -> PowerReply:
    intent = read_intent(await request.body())
    return await plan(request.app.state.services.store, intent)


@get(
    "/v1/experiments/{name:str}/power",
    tags=TAGS,
    summary="What an experiment can detect by now, and how long until it detects what is aimed at",
)
async def remaining_power(
    request: Call,
    name: FromPath[str],
    minimum_effect: FromQuery[float | None] = None,
    power: FromQuery[float | None] = None,
    alpha: FromQuery[float | None] = None,
    max_days: FromQuery[int | None] = None,
) -> PowerReply:
    services = request.app.state.services
    aim = read_aim(parameters(request))
    return await remaining(services.store, services.catalog.experiment(name), aim)


# --- an experiment of that name -------------------------------------------------------------------
# The address of planning is also that of an experiment called "power": what is asked of it goes where it always goes.

NAME = "power"


@get("/v1/experiments/power", summary="The experiment named power", include_in_schema=False)
async def experiment_named_power(request: Call) -> ExperimentReply:
    reply: ExperimentReply = await experiments.one_experiment.fn(request, NAME)
    return reply


@patch("/v1/experiments/power", summary="Change the experiment named power", include_in_schema=False)
async def change_experiment_named_power(request: Call) -> ExperimentReply:
    reply: ExperimentReply = await experiments.change_experiment.fn(request, NAME)
    return reply


@delete("/v1/experiments/power", summary="Delete the experiment named power", include_in_schema=False)
async def delete_experiment_named_power(request: Call) -> None:
    await experiments.delete_experiment.fn(request, NAME)


HANDLERS = [
    plan_experiment,
    remaining_power,
    experiment_named_power,
    change_experiment_named_power,
    delete_experiment_named_power,
]
