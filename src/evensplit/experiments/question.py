"""What is asked of an experiment's results, and how it is read from a request. Not here: the answer (`analyze`)."""

import math
from collections.abc import Mapping
from typing import TypeVar, get_args

import msgspec

from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment, settle
from evensplit.model.faults import Fault
from evensplit.model.metric import Method
from evensplit.stats.estimate import Alternative
from evensplit.stats.multiplicity import Correction
from evensplit.stats.sequential import HORIZON

MOST_HORIZON = 10**12
READING = frozenset({"metric", "method", "alpha", "alternative", "horizon", "as_of"})
RESULTS = READING | {"correction", "dimension", "checks"}
DAILY = READING | {"timezone"}

T = TypeVar("T", bound=str)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` None: all of them. `method` None: the experiment's own. `dimension`: a property or a trait by which the
    users are divided as well. `checks`: those too that read more of the events."""

    metric: str | None = None
    method: Method | None = None
    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    horizon: int = HORIZON
    correction: Correction = "none"
    dimension: str | None = None
    checks: bool = False
    as_of: str | None = None
    timezone: str = "UTC"

    def reading(self, experiment: Experiment) -> Reading:
        return Reading(self.method or experiment.method, self.alpha, self.alternative, self.horizon)


def read_question(values: Mapping[str, str], known: frozenset[str] = RESULTS) -> Question:
    """The query parameters; raises Invalid, with every fault."""
    faults: list[Fault] = []
    question = Question(
        metric=values.get("metric"),
        method=_one_of(values, "method", get_args(Method), faults),
        alpha=_alpha(values, faults),
        alternative=_one_of(values, "alternative", get_args(Alternative), faults) or "two-sided",
        horizon=_horizon(values.get("horizon", str(HORIZON)), faults),
        correction=_one_of(values, "correction", get_args(Correction), faults) or "none",
        dimension=values.get("dimension"),
        checks=_one_of(values, "checks", ("none", "all"), faults) == "all",
        as_of=values.get("as_of"),
        timezone=values.get("timezone", "UTC"),
    )
    faults += [Fault(name, "is not a known parameter") for name in values if name not in known]
    settle(faults)
    return question


def _one_of(values: Mapping[str, str], name: str, words: tuple[T, ...], faults: list[Fault]) -> T | None:
    """None where it is not given."""
    if name not in values:
        return None
    found = next((word for word in words if word == values[name]), None)
    if found is None:
        faults.append(Fault(name, f"must be {', '.join(words[:-1])} or {words[-1]}, is {values[name]!r}"))
    return found


def _alpha(values: Mapping[str, str], faults: list[Fault]) -> float:
    try:
        alpha = float(values.get("alpha", "0.05"))
    except ValueError:
        alpha = math.nan
    if not 0 < alpha < 1:
        faults.append(Fault("alpha", f"must lie between 0 and 1, is {values['alpha']!r}"))
    return alpha


def _horizon(text: str, faults: list[Fault]) -> int:
    horizon = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if not 1 <= horizon <= MOST_HORIZON:
        faults.append(Fault("horizon", f"must be a whole number of users from 1 to {MOST_HORIZON:,}, is {text!r}"))
    return horizon
