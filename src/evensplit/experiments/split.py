"""Why a split is not what the weights ask for: since when, on which day, among whom. Counts in, a sentence out.

Not here: whether it is off at all (`stats.srm`, `stats.srm_sequential`), or the reading of anything but counts.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from evensplit.experiments import exposures
from evensplit.experiments.exposures import Scope
from evensplit.query.fragment import Fragment, fill, join
from evensplit.stats.estimate import NotEnough
from evensplit.stats.srm import SUSPECT_BELOW, mismatch
from evensplit.stats.srm_sequential import Phase, Running, log_bayes_factor, mismatch_so_far, running

DAY = 86_400_000  # milliseconds

Shares = Mapping[str, float]


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """So many users came to a variant on a day (`2026-11-22`, UTC) while the weights of a phase were in force. `part`
    is their value of a dimension; None also where it is not set."""

    variant: str
    users: int
    day: str
    phase: int = 0
    part: str | None = None


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The users of one day or of one value of a dimension, which differ most from what the weights ask for.

    `p_value` is corrected for the number of slices looked at (Bonferroni). `p_value_without` is of everybody else's
    split; None where nothing can be said of it."""

    of: str
    value: str | None
    users: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    p_value_without: float | None

    @property
    def explains(self) -> bool:
        """Whether the split would be right without it."""
        return self.p_value_without is not None and self.p_value_without >= SUSPECT_BELOW


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`p_value`: the least that the sequential test has shown at the end of any day; it can be read at any time.

    `since`: the first day at whose end the test had crossed its bound. `day`: the worst day; None where no single day
    stands out. `parts`: of each dimension the worst value, where it stands out."""

    p_value: float
    verdict: Literal["ok", "suspect"]
    since: str | None
    day: Slice | None
    parts: tuple[Slice, ...]
    message: str


def arrivals(scope: Scope, edges: Sequence[str]) -> Fragment:
    """Rows (variant_id, phase, day, part, persons). `edges` are the instants at which the weights changed."""
    given = [fill("(assigned_at >= {})::INTEGER", scope.dialect.times.given(edge)) for edge in edges]
    # Texts are made of days, not of every assignment.
    day = scope.dialect.integers.divided(scope.dialect.times.ms("assigned_at"), DAY)
    shown = f"substring({scope.dialect.times.shown('min(assigned_at)')}, 1, 10)"
    part = "NULL" if scope.part is None else "part"
    return fill(
        f"""WITH {{}}
SELECT variant_id, {{}} AS phase, {shown} AS day, {part} AS part, count(*) AS persons FROM exposed
GROUP BY variant_id, phase, {day}{"" if scope.part is None else ", part"} ORDER BY variant_id, phase, day, part""",
        exposures.exposed(scope),
        join(" + ", given or [Fragment("0")]),
    )


def diagnose(
    arrived: Sequence[Arrived], shares: Sequence[Shares], dimensions: Mapping[str, Sequence[Arrived]] | None = None
) -> Diagnosis | NotEnough:
    """`shares[k]` (by variant) are the weights of phase k. `dimensions`: the same users again, split by the values of
    each dimension."""
    now = mismatch_so_far(_phases(arrived, shares))
    if isinstance(now, NotEnough):
        return now
    since, worst = _over_time(arrived, shares)
    day = _worst("day", _by(arrived, lambda each: each.day), shares)
    parts = [
        found
        for name, rows in (dimensions or {}).items()
        if (found := _worst(name, _by(rows, lambda each: each.part), shares)) is not None
    ]
    parts.sort(key=lambda each: each.p_value)
    return Diagnosis(
        p_value=worst.p_value,
        verdict=worst.verdict,
        since=since,
        day=day,
        parts=tuple(parts),
        message=_said(since, day, parts),
    )


def _over_time(arrived: Sequence[Arrived], shares: Sequence[Shares]) -> tuple[str | None, Running]:
    """When the test first crossed its bound, and the strongest evidence at the end of any day."""
    counts: list[dict[str, int]] = [{} for _ in shares]
    since, greatest = None, 0.0
    for day, rows in itertools.groupby(sorted(arrived, key=lambda each: each.day), lambda each: each.day):
        for each in rows:
            counts[each.phase][each.variant] = counts[each.phase].get(each.variant, 0) + each.users
        evidence = sum(log_bayes_factor(Phase(*both)) for both in zip(counts, shares, strict=True))
        greatest = max(greatest, evidence)
        if since is None and running(evidence).verdict == "suspect":
            since = day
    return since, running(greatest)


# --- slices ---------------------------------------------------------------------------------------


def _worst(of: str, slices: Mapping[str | None, Sequence[Arrived]], shares: Sequence[Shares]) -> Slice | None:
    """The one with the least p value; None where even that is ordinary, or there is but one."""
    if len(slices) < 2:
        return None
    found = [(_p_value(rows, shares), value) for value, rows in slices.items()]
    known = [(p_value, value) for p_value, value in found if p_value is not None]
    if not known:
        return None
    least, value = min(known, key=lambda each: (each[0], each[1] or ""))
    p_value = min(1.0, least * len(known))
    if p_value >= SUSPECT_BELOW:
        return None
    others = [each for other, rows in slices.items() if other != value for each in rows]
    users, expected = _counted(slices[value], shares)
    return Slice(
        of=of,
        value=value,
        users=users,
        expected=expected,
        p_value=p_value,
        p_value_without=_p_value(others, shares),
    )


def _by(rows: Iterable[Arrived], key: Callable[[Arrived], str | None]) -> dict[str | None, list[Arrived]]:
    found: dict[str | None, list[Arrived]] = {}
    for each in rows:
        found.setdefault(key(each), []).append(each)
    return found


def _p_value(rows: Sequence[Arrived], shares: Sequence[Shares]) -> float | None:
    """Of the chi-squared test; None where there are too few for it."""
    found = mismatch(*_counted(rows, shares))
    return None if isinstance(found, NotEnough) else found.p_value


def _counted(rows: Iterable[Arrived], shares: Sequence[Shares]) -> tuple[dict[str, int], dict[str, float]]:
    """Users of each variant, and how many there should be."""
    users = {name: 0 for weights in shares for name in weights}
    expected = dict.fromkeys(users, 0.0)
    for each in rows:
        users[each.variant] = users.get(each.variant, 0) + each.users
        total = sum(shares[each.phase].values())
        for name, share in shares[each.phase].items():
            expected[name] += each.users * share / total if total > 0 else 0.0
    return users, expected | {name: 0.0 for name in users if name not in expected}


def _phases(rows: Iterable[Arrived], shares: Sequence[Shares]) -> list[Phase]:
    counts: list[dict[str, int]] = [{} for _ in shares]
    for each in rows:
        counts[each.phase][each.variant] = counts[each.phase].get(each.variant, 0) + each.users
    return [Phase(*both) for both in zip(counts, shares, strict=True)]


# --- in words -------------------------------------------------------------------------------------


def _said(since: str | None, day: Slice | None, parts: Sequence[Slice]) -> str:
    if since is None and day is None and not parts:
        return "The split is what the weights ask for."
    told = [
        f"The split has not been what the weights ask for since {since}."
        if since is not None
        else "All users together are split as the weights ask, but not every part of them."
    ]
    if day is not None:
        told.append(f"It is worst on {day.value} ({_numbers(day)}); {_rest(day, 'day')}.")
    elif since is not None:
        told.append("No single day stands out.")
    for part in parts:
        where = f"{part.of} is not set" if part.value is None else f"{part.of} is {part.value!r}"
        told.append(f"It is worst where {where} ({_numbers(part)}); {_rest(part, 'part')}.")
    return " ".join(told)


def _numbers(of: Slice) -> str:
    return ", ".join(f"{name} {users:,} instead of {of.expected[name]:,.0f}" for name, users in of.users.items())


def _rest(of: Slice, what: str) -> str:
    if of.p_value_without is None:
        return f"without this {what} there are too few users to tell"
    return f"without this {what} the split would {'be right' if of.explains else 'still be off'}"
