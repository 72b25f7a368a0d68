"""What a funnel must be, computed slowly and obviously from a list of events. Shares no code with `evensplit.query`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec

from tests.unit.query.memory_store import Event
from tests.unit.query.trend_oracle import OTHER, label, passes, text, value_of, zone

UNITS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
Place = tuple[str | None, ...]


class Counted(msgspec.Struct, frozen=True):
    """One person's (or session's) attempt that counts: the events of its steps; `who` did the first of them."""

    taken: list[Event]
    who: str | None
    place: Place = ()

    @property
    def depth(self) -> int:
        return len(self.taken)


def funnel(
    events: Sequence[Event], report: Mapping[str, Any], since: int, until: int, persons: Mapping[str, str]
) -> list[Counted]:
    """Whoever came to step 1. `persons`: id to person, where they differ; `events` in the order of their ids."""
    units: defaultdict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.at):  # stable: ties stay in the order of ids
        unit = event.session_id if report["count"] == "sessions" else person_of(event, persons)
        if unit is None or not since <= event.at < until:
            continue
        if all(passes(event, filter_) for filter_ in report["filters"]):
            units[unit].append(event)
    found = [attempt for unit in units.values() if (attempt := counted(unit, report)) is not None]
    named = [Counted(taken, person_of(taken[0], persons), place(taken, report)) for taken in found]
    kept = [ranked(named, n, split["limit"]) for n, split in enumerate(report["breakdown"])]
    return [
        Counted(c.taken, c.who, tuple(v if v in first else OTHER for v, first in zip(c.place, kept, strict=True)))
        for c in named
    ]


def person_of(event: Event, persons: Mapping[str, str]) -> str | None:
    return None if event.user_id is None else persons.get(event.user_id, event.user_id)


def fits(event: Event, choice: str | Mapping[str, Any]) -> bool:
    if isinstance(choice, str):
        return choice in ("@any", event.event_type)
    return fits(event, choice["event_type"]) and all(passes(event, part) for part in choice.get("filters", []))


def counted(unit: Sequence[Event], report: Mapping[str, Any]) -> list[Event] | None:
    """The first of the deepest attempts; None where there is none, or where one of them met a dropping event."""
    best: list[int] = []
    for start in range(len(unit)):
        attempt = attempted(unit, start, report)
        if not attempt:
            continue
        attempt, dropped = ended(unit, attempt, report)
        if dropped:
            return None
        if len(attempt) > len(best):
            best = attempt
    return [unit[n] for n in best] or None


def attempted(unit: Sequence[Event], start: int, report: Mapping[str, Any]) -> list[int]:
    """The positions of the events that an attempt takes which begins at that position; none if it cannot."""
    steps, order = list(report["steps"]), report["order"]
    held = [text(value_of(unit[start], name)) for name in report["hold"]]
    if None in held:
        return []
    taken: list[int] = []
    last = unit[start].at + width(report)
    for n, event in enumerate(unit):
        if n < start or event.at > last or not steps:
            continue
        may = held == [text(value_of(event, name)) for name in report["hold"]]
        if order == "any":
            served = [step for step in steps if may and fits(event, step)]
        else:
            served = steps[:1] if may and fits(event, steps[0]) else []
        if served:
            taken.append(n)
            steps.remove(served[0])
        elif order == "strict":
            break
        if not taken:
            return []
    return taken


def ended(unit: Sequence[Event], attempt: list[int], report: Mapping[str, Any]) -> tuple[list[int], bool]:
    """The attempt up to the first event that stops it, and whether one drops the person."""
    stops = [x for part in report["exclude"] if part["effect"] == "stop" for x in between(unit, attempt, part, report)]
    end = min(stops, default=len(unit))
    attempt = [n for n in attempt if n < end]
    drops = [x for part in report["exclude"] if part["effect"] == "drop" for x in between(unit, attempt, part, report)]
    return attempt, any(x <= end for x in drops)


def between(unit: Sequence[Event], attempt: list[int], part: Mapping[str, Any], report: Mapping[str, Any]) -> list[int]:
    """The positions of excluded events: after `from`, before `to`, or, if that was not reached, in the window."""
    if len(attempt) <= part["from"]:
        return []
    last = unit[attempt[0]].at + width(report)
    before = attempt[part["to"]] if len(attempt) > part["to"] else len(unit)
    return [n for n in range(attempt[part["from"]] + 1, before) if unit[n].at <= last and fits(unit[n], part["event"])]


def width(report: Mapping[str, Any]) -> int:
    """The window in milliseconds."""
    amount, unit = report["window"].rstrip("smindhw"), report["window"].lstrip("0123456789")
    return int(amount) * UNITS[unit]


def place(taken: Sequence[Event], report: Mapping[str, Any]) -> Place:
    """The values of the attributed event; not set where the attempt has no such event."""
    how = report["attribution"]
    n = {"first": 0, "last": len(taken) - 1}.get(how, -1)
    if how.startswith("step:"):
        n = int(how.removeprefix("step:")) - 1
    if n >= len(taken):
        return (None,) * len(report["breakdown"])
    return tuple(text(value_of(taken[n], split["property"])) for split in report["breakdown"])


def ranked(found: Sequence[Counted], n: int, limit: int) -> list[str | None]:
    """The first values of a property by how many came to step 1; ties by text, not set last."""
    values = [c.place[n] for c in found]
    return sorted(set(values), key=lambda v: (-values.count(v), v is None, v or ""))[:limit]


# --- the numbers ----------------------------------------------------------------------------------


def steps(found: Sequence[Counted], count: int) -> list[tuple[Any, ...]]:
    """A step each: users, rate from start, from the previous step, mean, median and 90th percentile of seconds."""
    users = [sum(c.depth > n for c in found) for n in range(count)]
    rows: list[tuple[Any, ...]] = []
    for n in range(count):
        waits = sorted(c.taken[n].at - c.taken[n - 1].at for c in found if c.depth > n) if n else []
        mean = float(Fraction(sum(waits), len(waits) * 1000)) if waits else None
        before = users[n - 1] if n else users[0]
        rows.append((
            users[n], rate(users[n], users[0]), rate(users[n], before), mean, quantile(waits, 5), quantile(waits, 9),
        ))  # fmt: skip
    return rows


def rate(part: int, whole: int) -> float | None:
    return float(Fraction(part, whole)) if whole else None


def quantile(values: Sequence[int], tenths: int) -> float | None:
    """Inclusive linear, in seconds."""
    if not values:
        return None
    low, rest = divmod(tenths * (len(values) - 1), 10)
    high = values[min(low + 1, len(values) - 1)]
    return float((values[low] + Fraction(rest, 10) * (high - values[low])) / 1000)


def starts(c: Counted, report: Mapping[str, Any]) -> str:
    """The label of the bucket in which the attempt begins."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=c.taken[0].at)
    local = moment.astimezone(zone(report["timezone"]))
    if report["interval"] == "minute":
        return local.replace(second=0, microsecond=0).isoformat(timespec="minutes")
    return label(local, report["interval"], "monday")


def times(found: Sequence[Counted], everybody: Sequence[Counted], report: Mapping[str, Any]) -> list[int]:
    """How many in each bin; the bins are those of everybody who came to the last step."""
    count = len(report["steps"])
    waits = [c.taken[-1].at - c.taken[0].at for c in everybody if c.depth == count]
    if not waits:
        return []
    low, high = min(waits), max(waits)
    bins = [0] * (report["bins"] if high > low else 1)
    for c in found:
        if c.depth == count:
            wait = c.taken[-1].at - c.taken[0].at
            bins[
                next(n for n in reversed(range(len(bins))) if wait >= low + Fraction(n * (high - low), len(bins)))
            ] += 1
    return bins
