"""What a decision about an experiment rests on: each comparison, the split, the plan, doubts about the data.

Here: how each of them is to be read. Not here: what follows from all of them together (`decision`).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from evensplit.model.metric import Direction, Method, Role
from evensplit.stats.estimate import Interval, NotEnough

State: TypeAlias = Literal["better", "worse", "open", "unknown"]
Guarded: TypeAlias = Literal["harmed", "safe", "unharmed", "open", "unknown"]
Figures: TypeAlias = Mapping[str, float | str | None]

# Why a metric is unknown, where more users will not make it known.
HOPELESS = frozenset({"not_binary", "rows_without_user", "overflow"})


class Reason(msgspec.Struct, frozen=True):
    """A stable code, a plain sentence, and the figures behind it."""

    code: str
    message: str
    figures: Figures


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A variant against the control in one metric. `p_value` is the one that counts, corrected for the family.

    `non_inferior`: whether it was shown that the variant is not worse than the control by more than `margin`."""

    metric: str
    role: Role
    direction: Direction
    variant: str
    difference: Interval | None = None
    lift: Interval | None = None
    p_value: float | None = None
    chance_to_win: float | None = None
    margin: float | None = None
    non_inferior: bool | None = None
    minimum_effect: float | None = None
    unknown: NotEnough | None = None

    @property
    def is_hopeless(self) -> bool:
        return self.difference is None and self.unknown is not None and self.unknown.reason in HOPELESS


class Split(msgspec.Struct, frozen=True):
    """The check of the split; None where it cannot be made."""

    verdict: Literal["ok", "suspect"] | None
    p_value: float | None
    sequential_p_value: float | None = None
    unknown: NotEnough | None = None

    @property
    def figures(self) -> Figures:
        return {"p_value": self.p_value, "sequential_p_value": self.sequential_p_value}


class Plan(msgspec.Struct, frozen=True):
    """How many users all variants together were to have, and how many have come."""

    users: int
    so_far: int

    @property
    def reached(self) -> bool:
        return self.so_far >= self.users

    @property
    def figures(self) -> dict[str, float | str | None]:
        return {"planned_users": self.users, "users": self.so_far}


class Case(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """`doubts` stand against any decision; `notes` should be read beside one."""

    variants: tuple[str, ...]  # without the control
    method: Method
    alpha: float
    running: bool
    split: Split
    seen: tuple[Seen, ...]
    plan: Plan | None = None
    doubts: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()

    @cached_property
    def _by_variant(self) -> dict[tuple[str, Role], tuple[Seen, ...]]:
        found: dict[tuple[str, Role], tuple[Seen, ...]] = {}
        for seen in self.seen:
            found[seen.variant, seen.role] = (*found.get((seen.variant, seen.role), ()), seen)
        return found

    def primaries(self, variant: str) -> tuple[Seen, ...]:
        return self._by_variant.get((variant, "primary"), ())

    def guardrails(self, variant: str) -> tuple[Seen, ...]:
        return self._by_variant.get((variant, "guardrail"), ())

    def state(self, seen: Seen) -> State:
        """The interval must leave 0 out and the p value (or the chance to win) must say the same: neither is enough."""
        if seen.difference is None:
            return "unknown"
        if seen.chance_to_win is not None:
            clear = not self.alpha / 2 < seen.chance_to_win < 1 - self.alpha / 2
        elif seen.p_value is not None:
            clear = seen.p_value < self.alpha
        else:
            return "unknown"
        if not clear:
            return "open"
        low, high = seen.difference.lower, seen.difference.upper
        above, below = low is not None and low > 0, high is not None and high < 0
        if not (above or below):
            return "open"
        return "better" if above == (seen.direction == "up") else "worse"

    def guarded(self, seen: Seen) -> Guarded:
        """What lies within the margin was allowed beforehand, also where it is clearly worse."""
        state = self.state(seen)
        if state == "unknown":
            return "unknown"
        if seen.margin is None:
            return "harmed" if state == "worse" else "unharmed"
        if seen.non_inferior:
            return "safe"
        return "harmed" if state == "worse" else "open"

    def is_too_small(self, seen: Seen) -> bool:
        """Whether the interval of the lift rules out an improvement of `minimum_effect`."""
        if seen.minimum_effect is None or seen.lift is None or self.state(seen) == "better":
            return False
        best = seen.lift.upper if seen.direction == "up" else seen.lift.lower
        if best is None:
            return False
        return (best if seen.direction == "up" else -best) < seen.minimum_effect
