"""A/A tests on the project's own users: split at random thousands of times, how often is a difference called that is
none? The users' numbers are read once; the splits, and the product's own methods on them, take place in memory.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from evensplit import clock
from evensplit.experiments import exposures
from evensplit.experiments.conditions import Selection, check, selections
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Census, Measurement, measurement
from evensplit.experiments.measure.asked import Asked
from evensplit.experiments.measure.kinds import known
from evensplit.experiments.measure.numbers import Column, People
from evensplit.experiments.measure.people import everybody
from evensplit.experiments.rehearsal import DAY, history, rehearse
from evensplit.model.metric import Cap, Metric, Quantile, Ratio
from evensplit.model.report import EventChoice
from evensplit.query.as_of import settle
from evensplit.query.dialect import speak
from evensplit.query.fragment import fill, join
from evensplit.query.reading import Reading
from evensplit.stats.bayesian import Belief, believe
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Comparison, NotEnough
from evensplit.stats.frequentist import compare
from evensplit.stats.resplit import Called, Judge, Kind, Split, called, splits
from evensplit.stats.samples import Sample
from evensplit.stats.sequential import compare_always
from evensplit.storage.base import EventStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

Method: TypeAlias = Literal["fixed", "sequential", "bayesian"]
FAR = 3.0  # Monte Carlo standard errors
FEWEST = 4  # users

Told = Callable[[int, int, str], None]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated. `looks`: how often the sequential method is looked at while users come in."""

    methods: tuple[Method, ...] = ("fixed", "sequential")
    runs: int = 2_000
    alpha: float = 0.05
    share: float = 0.5
    looks: int = 20
    seed: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One metric and method. `rate`: of the splits in which a difference was called; `error`: its Monte Carlo standard
    error; `unknown`: splits without an answer, which are in no rate. `holds`: the rate is not above alpha by more than
    chance; None where nothing can be said."""

    metric: str
    method: Method
    users: int
    looks: int
    runs: int
    unknown: int = 0
    rate: float | None = None
    error: float | None = None
    holds: bool | None = None
    message: str


class Crowd(msgspec.Struct, frozen=True):
    """Users with their numbers for one metric, in the order in which they came."""

    metric: Metric
    kind: Kind
    rows: "Numbers"


# --- whose numbers --------------------------------------------------------------------------------


async def of_the_past(
    store: EventStore, metrics: Sequence[Metric], event: EventChoice, days: int
) -> list[Crowd | NotEnough]:
    """Everybody who did `event` in the last days, taken for assigned when they first did."""
    await check(store, metrics)
    now = clock.now_ms()
    past = history(now, days)
    as_of = msgspec.structs.replace(await settle(store, None), until=now)
    rehearsed, scope = await rehearse(store, event, past, as_of, each_alone=True)
    plans = [measurement(metric, {}) for metric in metrics]
    return await _crowds(rehearsed, plans, scope)


async def of_experiment(
    store: EventStore, test_id: int, metrics: Sequence[Metric], found: Mapping[str, Census]
) -> list[Crowd | NotEnough]:
    """Everybody who takes part in an experiment, whatever their variant. `found`: what is recorded for it."""
    await check(store, metrics)
    scope = Scope(test_id, await settle(store, None), speak(store.engine, {}))
    plans = [measurement(metric, found) for metric in metrics]
    return await _crowds(store, plans, scope)


async def _crowds(store: Reading, plans: Sequence[Measurement | NotEnough], scope: Scope) -> list[Crowd | NotEnough]:
    columns = list(dict.fromkeys(column for plan in plans for column in _columns(plan)))
    chosen = [of for plan in plans if isinstance(plan, Measurement) for of in selections(plan.metric)]
    rows = await _rows(store, columns, scope, chosen) if columns else None
    found: list[Crowd | NotEnough] = []
    for plan in plans:
        if isinstance(plan, NotEnough):
            found.append(plan)
        elif not _columns(plan) or rows is None:
            found.append(NotEnough("not_simulated", f"{plan.metric.name!r} has no number of its own for each user"))
        else:
            found.append(_crowd(plan, _columns(plan), rows[:, [columns.index(each) for each in _columns(plan)]]))
    return found


def _columns(plan: Measurement | NotEnough) -> tuple[Column, ...]:
    return plan.made_of.columns if isinstance(plan, Measurement) and isinstance(plan.made_of, People) else ()


async def _rows(store: Reading, columns: Sequence[Column], scope: Scope, chosen: Sequence[Selection]) -> "Numbers":
    """A row a user, NaN where there is no value."""
    import numpy as np  # loaded here: the results of experiments do without

    begun = fill(
        f"WITH {{}} SELECT {scope.dialect.times.shown('min(assigned_at)')} FROM exposed", exposures.exposed(scope)
    )
    ((first,),) = await store.query(begun.sql, begun.values)
    if first is None:
        return np.empty((0, len(columns)))
    now = clock.now_ms()
    end = now if scope.until is None else min(now, clock.from_text(scope.until))
    # Events may be a day ahead of the clock.
    asked = Asked(scope, await known(store, chosen, scope.as_of), clock.from_text(str(first)), now + 2 * DAY, end)
    tables, made = everybody(asked, columns)
    names = ", ".join(f"c{n}" for n in range(len(columns)))
    question = fill(
        f"WITH {{}},\nunits AS ({{}})\nSELECT {names} FROM units ORDER BY variant_id, {names}",
        join(",\n", [exposures.members(asked.scope), *tables]),
        made.made,
    )
    found = await store.query(question.sql, question.values)
    return np.array(found, dtype=np.float64).reshape(len(found), len(columns))


def _crowd(plan: Measurement, columns: Sequence[Column], rows: "Numbers") -> Crowd:
    """Without the users who have no value, and capped."""
    import numpy as np

    metric = plan.metric
    rows = rows[~np.isnan(rows).any(axis=1)]
    for n, column in enumerate(columns):
        main = columns.index(column.beside) if column.beside is not None else n
        cap = columns[main].cap
        if cap is not None and main == n:
            most = _most(cap, rows[:, n])
            followers = [k for k, each in enumerate(columns) if k == n or each.beside == column]
            rows[:, followers] = np.minimum(rows[:, followers], most)
    if isinstance(metric, Quantile):
        return Crowd(metric, Kind("quantiles", q=metric.q), rows)
    return Crowd(metric, Kind("ratios" if isinstance(metric, Ratio) else "values", plan.shape), rows)


def _most(cap: Cap, values: "Numbers") -> float:
    import numpy as np

    if cap.upper_quantile is None:
        return math.inf if cap.upper_value is None else cap.upper_value
    kept = values[values != 0] if cap.ignore_zeros else values
    return float(np.quantile(kept, cap.upper_quantile)) if len(kept) else math.inf


# --- how often ------------------------------------------------------------------------------------


def simulated(crowd: Crowd, trial: Trial, told: Told) -> list[Outcome]:
    """Each method on the same splits."""
    metric, users = crowd.metric.name, len(crowd.rows)
    outcomes = []
    for method in trial.methods:
        looks = trial.looks if method == "sequential" and crowd.kind.form != "quantiles" else 1
        blank = Outcome(metric=metric, method=method, users=users, looks=looks, runs=trial.runs, message="")
        if users < FEWEST:
            few = f"{metric}: {users} users are too few to be split"
            outcomes.append(msgspec.structs.replace(blank, message=few))
            continue
        how = Split(trial.share, trial.runs, looks, trial.seed)
        found = called(
            splits(crowd.rows, crowd.kind, how),
            judge(method, trial.alpha),
            "any" if looks > 1 else "last",
            _heard(told, trial.runs, f"{metric}, {method}"),
        )
        outcomes.append(_judged(blank, found, trial.alpha))
    return outcomes


def _heard(told: Told, runs: int, note: str) -> Callable[[int], None]:
    return lambda done: told(done, runs, note)


def judge(method: Method, alpha: float) -> Judge:
    """Whether two samples are called different; None where there is no answer."""

    def differs(variant: Sample, control: Sample) -> bool | None:
        found = contrast(variant, control)
        if not isinstance(found, Contrast):
            return None
        if method == "bayesian":
            belief = believe(found, alpha)
            return not alpha / 2 <= belief.chance_to_win <= 1 - alpha / 2 if isinstance(belief, Belief) else None
        told = compare(found, alpha) if method == "fixed" else compare_always(found, alpha)
        return told.p_value < alpha if isinstance(told, Comparison) else None

    return differs


def _judged(blank: Outcome, found: Called, alpha: float) -> Outcome:
    rate = found.rate
    if rate is None:
        message = f"{blank.metric}, {blank.method}: none of {blank.runs:,} splits had an answer"
        return msgspec.structs.replace(blank, unknown=found.unknown, message=message)
    promised = alpha * (1 - alpha)
    chance = FAR * math.sqrt(promised / found.trials)
    error = math.sqrt(max(rate * (1 - rate), 1 / found.trials) / found.trials)
    told = (
        f"{blank.metric}, {blank.method}: a difference that is none was called in {rate:.2%} of {found.trials:,} "
        f"splits (Monte Carlo error {error:.2%}), {alpha:.1%} is promised: "
        + _verdict(blank.method, rate - alpha, chance)
    )
    return msgspec.structs.replace(
        blank, unknown=found.unknown, rate=rate, error=error, holds=rate <= alpha + chance, message=told
    )


def _verdict(method: Method, beyond: float, chance: float) -> str:
    if beyond > chance:
        return "more than promised. A few users with huge values may make the metric: cap it, or wait for more users."
    if beyond >= -chance or method == "sequential":
        return "the promise is kept."
    return "fewer than promised, which is safe; real differences are found later than they could be."
