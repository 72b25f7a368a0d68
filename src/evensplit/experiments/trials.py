"""An A/A test as it is asked for, and all of its answer. Not here: how splits are made and weighed (`simulate`).

The splits take place in a thread, one question's after the other's; a question over HTTP has limits.
"""

import asyncio
import threading
import time
from typing import get_args

import msgspec

from evensplit.errors import Invalid
from evensplit.experiments.intent import MOST_DAYS, read_event, read_number, read_whole
from evensplit.experiments.power import recorded
from evensplit.experiments.simulate import Crowd, Method, Outcome, Told, Trial, of_experiment, of_the_past, simulated
from evensplit.model.experiment import Experiment, settle
from evensplit.model.faults import Fields, text_of
from evensplit.model.metric import Metric, Recorded, read_metrics
from evensplit.model.report import ANY, EventChoice
from evensplit.stats.estimate import NotEnough
from evensplit.storage.base import EventStore
from evensplit.storage.catalog import Catalog

MOST_RUNS = 10_000  # splits over HTTP
MOST_LOOKS = 1_000
MOST_SEED = 2**63 - 1
SECONDS = 60.0  # that they may take


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Of whom and what: an experiment's users and metrics, or `metrics` of those who did `event` in the last days."""

    experiment: str | None
    metrics: tuple[Metric, ...] = ()
    event: EventChoice = EventChoice(ANY)
    days: int = 28
    trial: Trial = Trial()


class TrialReply(msgspec.Struct, frozen=True):
    """`share`: of the users who are split off. One outcome a metric and method."""

    runs: int
    alpha: float
    share: float
    looks: int
    seed: int
    outcomes: list[Outcome]


class Simulator:
    """Answers one question at a time: a simulation takes all the processor it is given."""

    def __init__(self, catalog: Catalog, store: EventStore, seconds: float = SECONDS) -> None:
        self._catalog = catalog
        self._store = store
        self._seconds = seconds
        self._turn = asyncio.Lock()

    async def answer(self, asked: Asked) -> TrialReply:
        """Raises Invalid where it takes too long, UnknownExperiment. It ends soon after nobody waits any more."""
        async with self._turn:
            until, gone = time.monotonic() + self._seconds, threading.Event()

            def told(*_: object) -> None:
                if gone.is_set() or time.monotonic() > until:
                    raise Invalid(
                        f"the splits take more than {self._seconds:g} seconds: ask for fewer runs, looks or metrics, "
                        "or for fewer days"
                    )

            try:
                return await tried(self._store, self._catalog, asked, told)
            finally:
                gone.set()


async def tried(store: EventStore, catalog: Catalog, asked: Asked, told: Told) -> TrialReply:
    """`told` hears of each split that is done, in another thread; it may raise to end it."""
    metrics, trial = asked.metrics, asked.trial
    if asked.experiment is None:
        crowds = await of_the_past(store, metrics, asked.event, asked.days)
    else:
        experiment = catalog.experiment(asked.experiment)
        found = await recorded(store, experiment.id)
        metrics = experiment.metrics or tuple(Recorded(name=name) for name in found)
        crowds = await of_experiment(store, experiment.id, metrics, found)
        trial = msgspec.structs.replace(trial, share=_most_uneven(experiment))

    def outcomes() -> list[Outcome]:
        pairs = zip(metrics, crowds, strict=True)
        return [each for metric, crowd in pairs for each in _outcomes(metric, crowd, trial, told)]

    found_all = await asyncio.to_thread(outcomes)
    return TrialReply(trial.runs, trial.alpha, trial.share, trial.looks, trial.seed, found_all)


def _most_uneven(experiment: Experiment) -> float:
    """The share of the smaller side in the most uneven pair of variants."""
    weights = [variant.weight for variant in experiment.variants if variant.weight > 0]
    return min(weights) / (min(weights) + max(weights))


def _outcomes(metric: Metric, crowd: Crowd | NotEnough, trial: Trial, told: Told) -> list[Outcome]:
    if isinstance(crowd, Crowd):
        return simulated(crowd, trial, told)
    message = f"{metric.name}: {crowd.message}"
    return [Outcome(metric=metric.name, method=trial.methods[0], users=0, looks=0, runs=0, message=message)]


# --- what is sent ---------------------------------------------------------------------------------


def read_asked(body: bytes) -> Asked:
    """The body of `POST /v1/simulate`; raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    name = fields.take("experiment", str, "")
    metrics = read_past_metrics(fields)
    if bool(metrics) == bool(name):
        fields.fault("metrics", "give either metrics, of past users, or the name of an experiment")
    asked = Asked(
        experiment=name or None,
        metrics=metrics,
        event=read_event(fields),
        days=read_whole(fields, "days", 28, MOST_DAYS),
        trial=Trial(
            methods=_read_methods(fields),
            runs=read_whole(fields, "runs", Trial().runs, MOST_RUNS),
            alpha=read_number(fields, "alpha", Trial().alpha, 1.0),
            looks=read_whole(fields, "looks", Trial().looks, MOST_LOOKS),
            seed=read_whole(fields, "seed", Trial().seed, MOST_SEED, least=0),
        ),
    )
    fields.end()
    settle(fields.faults)
    return asked


def read_past_metrics(fields: Fields) -> tuple[Metric, ...]:
    metrics = read_metrics(fields.items("metrics"), fields.faults)
    for n, metric in enumerate(metrics):
        if isinstance(metric, Recorded):
            fields.fault(f"metrics[{n}].kind", "recorded values belong to an experiment: name that instead")
    return metrics


def _read_methods(fields: Fields) -> tuple[Method, ...]:
    words: tuple[Method, ...] = get_args(Method)
    found = fields.take("methods", tuple[str, ...], Trial().methods)
    for n, word in enumerate(found):
        if word not in words:
            fields.fault(f"methods[{n}]", f"must be one of {', '.join(words)}, is {word!r}")
    return tuple(word for word in words if word in found) or Trial().methods
