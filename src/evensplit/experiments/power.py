"""How long an experiment has to run, from what users did before it: sizes, days, and the effects that can be seen.

The past is measured as an experiment would be (`rehearsal`). Not here: the arithmetic (`stats.power`).
"""

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal, cast

import msgspec

from evensplit import clock
from evensplit.experiments import split
from evensplit.experiments.conditions import check
from evensplit.experiments.exposures import Scope
from evensplit.experiments.intent import Aim, Intent, Weighing
from evensplit.experiments.measure import Census, Measurement, census, measure, measurement
from evensplit.experiments.rehearsal import DAY, VARIANT, history, rehearse
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Mean, Metric, Proportion, Ratio, Recorded, Retention, kind_of
from evensplit.query.as_of import encode, settle
from evensplit.query.dialect import speak
from evensplit.query.reading import Reading
from evensplit.stats.cuped import Adjustment, adjusted
from evensplit.stats.estimate import NotEnough
from evensplit.stats.power import Baseline, Plan, minimum_effect, sample_size
from evensplit.stats.samples import Sample, Values, units
from evensplit.stats.sides import side_of
from evensplit.storage.base import EventStore

COVARIATE_DAYS = 14.0  # tried where the metric names none: what a covariate would bring
CURVE = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 70, 90, 120, 180, 270, 365, 540, 730)
RECENT = 7  # days whose arrivals are taken to go on


class Size(msgspec.Struct, frozen=True):
    """Users in all, and of each variant, the control first."""

    users: int
    per_variant: tuple[int, ...]


class Reach(msgspec.Struct, frozen=True):
    """What can be seen after so many days: a lift; null where nothing can be."""

    days: int
    users: int
    minimum_effect: float | None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """One way of reading the experiment. `days` to go until there are enough users and their time is over; null where
    that takes longer than the experiment may run."""

    method: Weighing
    covariate: bool
    sample_size: Size | None = None
    days: int | None = None
    curve: tuple[Reach, ...] = ()
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class MetricOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: what it is like, and each way of reading it. `share_measured`: of the users, who have a value."""

    metric: str
    kind: str
    role: str
    goal: Literal["detect", "not_worse"]  # an effect; or that there is no harm beyond the margin
    lift: float  # the truth that is planned for
    margin: float | None = None
    share_measured: float | None = None
    mean: float | None = None
    variance: float | None = None
    covariate_days: float | None = None
    variance_reduction: float | None = None
    outlooks: tuple[Outlook, ...] = ()
    unknown: NotEnough | msgspec.UnsetType = msgspec.UNSET


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """Users and how fast they come: in all, a day of late, and how many different ones there were after each day."""

    users: int
    per_day: float
    after_day: tuple[int, ...]


class PowerReply(msgspec.Struct, frozen=True, kw_only=True):
    """What `power` answers. `experiment` is null before there is one. `family`: comparisons that share alpha."""

    experiment: str | None
    as_of: str
    since: str
    until: str
    aim: Aim
    shares: tuple[float, ...]
    family: int
    arrivals: Arrivals
    metrics: tuple[MetricOutlook, ...]


class Traffic(msgspec.Struct, frozen=True):
    """How many users there will be: as many as came in the past after so many days (`known`), then at a rate; all of it
    beside those who are there already."""

    already: int
    known: tuple[int, ...]
    rate: float

    def after(self, days: int) -> int:
        if days <= len(self.known):
            return self.already + (self.known[days - 1] if days else 0)
        begun = self.known[-1] if self.known else 0
        return self.already + begun + math.floor(self.rate * (days - len(self.known)))

    def until(self, users: int, most: int) -> int | None:
        """The first day after which there are so many; None where it is later than `most`."""
        return next((day for day in range(most + 1) if self.after(day) >= users), None)


class Came(msgspec.Struct, frozen=True):
    """New persons of one variant on one day."""

    variant_id: int
    day: str
    persons: int


class Way(msgspec.Struct, frozen=True):
    """One way of reading all metrics."""

    aim: Aim
    weights: tuple[float, ...]
    family: int
    method: Weighing

    def plan(self, metric: Metric) -> Plan:
        """The better side is up or down, as the metric says."""
        up = metric.direction == "up"
        one_sided = not self.aim.two_sided or metric.margin is not None
        return Plan(
            alpha=self.aim.alpha,
            power=self.aim.power,
            alternative=("greater" if up else "less") if one_sided else "two-sided",
            method=self.method,
            shares=self.weights,
            family=self.family,
            margin=metric.margin,
            horizon=self.aim.horizon,
        )


# --- asking ---------------------------------------------------------------------------------------


async def plan(store: EventStore, intent: Intent) -> PowerReply:
    """Before there is an experiment. Raises InvalidReport for metrics or filters that mean nothing."""
    await check(store, intent.metrics)
    now = clock.now_ms()
    past = history(now, intent.days)
    as_of = msgspec.structs.replace(await settle(store, None), until=now)
    rehearsed, scope = await rehearse(store, intent.event, past, as_of)
    arrivals = _arrivals(await _came(rehearsed, scope), past.since, past.days)
    tried = [_with_covariate(metric) for metric in intent.metrics]
    # It answers what measuring asks of a store, and nothing else is asked.
    samples = await _measured(cast(EventStore, rehearsed), scope, tried, (VARIANT, {}))
    family = _family(intent.metrics, len(intent.weights)) if intent.aim.correct else 1
    methods: tuple[Weighing, ...] = ("fixed", "sequential") if intent.method is None else (intent.method,)
    ways = [Way(intent.aim, intent.weights, family, method) for method in methods]
    traffic = Traffic(0, arrivals.after_day, arrivals.per_day)
    return PowerReply(
        experiment=None,
        as_of=encode(as_of.watermark, as_of.links),
        since=clock.to_text(past.since),
        until=clock.to_text(past.until),
        aim=intent.aim,
        shares=_shares(intent.weights),
        family=family,
        arrivals=arrivals,
        metrics=tuple(
            [await _outlook(*each, ways, traffic, arrivals.users) for each in zip(tried, samples, strict=True)]
        ),
    )


async def remaining(store: EventStore, experiment: Experiment, aim: Aim) -> PowerReply:
    """Of an experiment that has begun: what it can detect already, and how long until it detects what is aimed at."""
    now = clock.now_ms()
    as_of = await settle(store, None)
    scope = Scope(experiment.id, as_of, speak(store.engine, {}))
    came = await _came(store, scope)
    since = clock.from_text(min(each.day for each in came)) if came else now // DAY * DAY
    arrivals = _arrivals(came, since, now // DAY - since // DAY + 1)
    control = experiment.named(experiment.control)
    assert control is not None
    running = [variant for variant in experiment.variants if variant.weight > 0 and variant is not control]
    weights = (control.weight, *(variant.weight for variant in running))
    found = await recorded(store, experiment.id)
    metrics = experiment.metrics or tuple(Recorded(name=name) for name in found)
    await check(store, metrics)
    samples = await _measured(store, scope, metrics, (control.id, found))
    ways = [Way(aim, weights, 1, "sequential" if experiment.method == "sequential" else "fixed")]
    rate = arrivals.per_day if experiment.status == "running" else 0.0
    measured = sum(each.persons for each in came if each.variant_id == control.id)
    return PowerReply(
        experiment=experiment.name,
        as_of=encode(as_of.watermark, as_of.links),
        since=clock.to_text(since),
        until=clock.to_text(now),
        aim=aim,
        shares=_shares(weights),
        family=1,
        arrivals=arrivals,
        metrics=tuple(
            [
                await _outlook(*each, ways, Traffic(arrivals.users, (), rate), measured)
                for each in zip(metrics, samples, strict=True)
            ]
        ),
    )


async def _came(store: Reading, scope: Scope) -> list[Came]:
    query = split.arrivals(scope, [])
    rows = await store.query(query.sql, query.values)
    return [Came(int(str(variant)), str(day), int(str(persons))) for variant, _, day, _, persons in rows]


def _arrivals(came: Sequence[Came], since: int, days: int) -> Arrivals:
    by_day: dict[str, int] = {}
    for each in came:
        by_day[each.day] = by_day.get(each.day, 0) + each.persons
    counts = [by_day.get(clock.to_text(since + day * DAY)[:10], 0) for day in range(days)]
    late = counts[-RECENT:]
    return Arrivals(
        users=sum(counts),
        per_day=sum(late) / len(late) if late else 0.0,
        after_day=tuple(accumulate(counts)),
    )


async def _measured(
    store: EventStore, scope: Scope, metrics: Sequence[Metric], of: tuple[int, Mapping[str, Census]]
) -> list[Sample | NotEnough]:
    """What a variant's users have of each metric; `of`: the variant's id, and what has been recorded."""
    variant, found_recorded = of
    plans = {number: measurement(metric, found_recorded) for number, metric in enumerate(metrics)}
    found = await measure(store, scope, {n: each for n, each in plans.items() if isinstance(each, Measurement)})
    samples: list[Sample | NotEnough] = []
    for number, each in plans.items():
        sample = None if isinstance(each, NotEnough) else found[number].samples.get(None, {}).get(variant)
        nobody = NotEnough("no_users", "nobody would have been assigned: there is nothing to measure")
        samples.append(each if isinstance(each, NotEnough) else sample or nobody)
    return samples


async def recorded(store: EventStore, test_id: int) -> dict[str, Census]:
    """What has been recorded for an experiment."""
    query = census(Scope(test_id, await settle(store, None), speak(store.engine, {})))
    rows = await store.query(query.sql, query.values)
    return {str(name): Census(int(str(n)), int(str(named)), binary is True) for name, n, named, binary in rows}


def _with_covariate(metric: Metric) -> Metric:
    if isinstance(metric, Proportion | Mean | Ratio) and metric.covariate_days is None:
        if isinstance(metric, Mean) and metric.aggregate in ("avg", "min", "max"):
            return metric
        return msgspec.structs.replace(metric, covariate_days=COVARIATE_DAYS)
    return metric


def _family(metrics: Sequence[Metric], variants: int) -> int:
    return max(1, sum(metric.role == "primary" for metric in metrics)) * (variants - 1)


def _shares(weights: Sequence[float]) -> tuple[float, ...]:
    return tuple(weight / math.fsum(weights) for weight in weights)


# --- one metric -----------------------------------------------------------------------------------


async def _outlook(
    metric: Metric, sample: Sample | NotEnough, ways: Sequence[Way], traffic: Traffic, users: int
) -> MetricOutlook:
    """`users`: of whom the sample was taken."""
    blank = MetricOutlook(
        metric=metric.name,
        kind=kind_of(metric),
        role=metric.role,
        goal="detect" if metric.margin is None else "not_worse",
        lift=_lift(metric, ways[0].aim),
        margin=metric.margin,
    )
    side = sample if isinstance(sample, NotEnough) else side_of(sample)
    if isinstance(side, NotEnough) or isinstance(sample, NotEnough):
        return msgspec.structs.replace(blank, unknown=side if isinstance(side, NotEnough) else sample)
    proportion = isinstance(sample, Values) and sample.shape == "proportion"
    plain = Baseline(mean=side.mean, variance=side.n * side.spread, shape="proportion" if proportion else "mean")
    reduction = _reduction(sample)
    share = min(1.0, units(sample) / users)
    outlooks = []
    for way in ways:
        for baseline in _baselines(plain, reduction):
            await asyncio.sleep(0)  # a curve takes some milliseconds: others may go between
            outlooks.append(_seen(metric, way, baseline, traffic, share))
    return msgspec.structs.replace(
        blank,
        share_measured=share,
        mean=side.mean,
        variance=plain.variance,
        covariate_days=getattr(metric, "covariate_days", None),
        variance_reduction=reduction,
        outlooks=tuple(outlooks),
    )


def _baselines(plain: Baseline, reduction: float | None) -> Iterator[Baseline]:
    yield plain
    if reduction is not None:
        yield msgspec.structs.replace(plain, reduction=reduction)


def _reduction(sample: Sample) -> float | None:
    """The share of the variance that the covariate takes; None without one, or where it is of no use."""
    found = adjusted([sample])
    if not isinstance(found, Adjustment):
        return None
    (side,) = found.sides
    return max(0.0, 1 - side.adjusted.spread / side.measured.spread)


def _lift(metric: Metric, aim: Aim) -> float:
    """The truth that is planned for: the least effect towards the better side, or none where no harm is to be shown."""
    if metric.margin is not None:
        return 0.0
    return aim.minimum_effect if metric.direction == "up" else -aim.minimum_effect


def _seen(metric: Metric, way: Way, baseline: Baseline, traffic: Traffic, share: float) -> Outlook:
    blank = Outlook(method=way.method, covariate=baseline.reduction > 0)
    aimed, most = way.plan(metric), way.aim.max_days
    size = sample_size(aimed, baseline, _lift(metric, way.aim))
    curve = tuple(_reach(aimed, baseline, traffic, share, day) for day in CURVE if day <= most and traffic.after(day))
    if isinstance(size, NotEnough):
        return msgspec.structs.replace(blank, curve=curve, unknown=size)
    needed = Size(math.ceil(size.users / share), tuple(math.ceil(n / share) for n in size.per_variant))
    days = traffic.until(needed.users, most)
    if days is None:
        why = NotEnough(
            "too_few_users",
            f"{needed.users:,} users are needed; after {most} days there would be {traffic.after(most):,}",
        )
        return msgspec.structs.replace(blank, sample_size=needed, curve=curve, unknown=why)
    return msgspec.structs.replace(blank, sample_size=needed, days=days + _window_days(metric), curve=curve)


def _reach(aimed: Plan, baseline: Baseline, traffic: Traffic, share: float, day: int) -> Reach:
    users = traffic.after(day)
    found = minimum_effect(aimed, baseline, users * share)
    return Reach(day, users, None if isinstance(found, NotEnough) else found)


def _window_days(metric: Metric) -> int:
    """How long the last user who comes has to be waited for."""
    if isinstance(metric, Retention):
        return math.ceil(metric.to_days)
    if metric.window_hours is None:
        return 0
    return math.ceil((metric.delay_hours + metric.window_hours) / 24)
