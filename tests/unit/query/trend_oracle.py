"""What a trend must be, computed slowly and obviously from a list of events. Shares no code with `evensplit.query`."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from operator import ge, gt, le, lt
from typing import Any
from zoneinfo import ZoneInfo

from tests.unit.query.memory_store import Event

Found = dict[tuple[str | None, ...], tuple[list[Any], Any]]
OTHER = "(the rest)"
ORDERS: dict[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
STEP = timedelta(minutes=15)  # every offset and every edge is a multiple of it in the zones that are drawn


def zone(name: str) -> ZoneInfo:
    """From the tzdata package: the machine's own rules may be older."""
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file)


def text(value: Any) -> str | None:
    """The text form of a JSON value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return number(float(value))
    return compact(value)


def number(x: float) -> str:
    """As JavaScript prints it."""
    if x == 0:
        return "0"
    if 1e-6 <= abs(x) < 1e21:
        plain = format(Decimal(repr(x)), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    mantissa, exponent = repr(x).split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def compact(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{compact(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else text(value) or "null"


def value_of(event: Event, name: str | Sequence[str]) -> Any:
    fields = {
        "@event_type": event.event_type,
        "@user_id": event.user_id,
        "@session_id": event.session_id,
    }
    if isinstance(name, str) and name in fields:
        return fields[name]
    found: Any = json.loads(event.properties or "{}")
    for key in [name] if isinstance(name, str) else name:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def passes(event: Event, filter_: Mapping[str, Any]) -> bool:
    if "all" in filter_:
        return all(passes(event, part) for part in filter_["all"])
    if "any" in filter_:
        return any(passes(event, part) for part in filter_["any"])
    value, op = value_of(event, filter_["property"]), filter_["op"]
    wanted: Any = filter_.get("value")
    shown = text(value)
    if op in ("ne", "not_in", "not_contains", "is_not_set"):
        opposite = {"ne": "eq", "not_in": "in", "not_contains": "contains", "is_not_set": "is_set"}[op]
        return not passes(event, {**filter_, "op": opposite})
    if shown is None:
        return False
    if op == "between":
        low, high = wanted
        return passes(event, {**filter_, "op": "gte", "value": low}) and passes(
            event, {**filter_, "op": "lte", "value": high}
        )
    if op in ("gt", "gte", "lt", "lte"):
        if is_number(wanted) and not is_number(value):
            return False
        left, right = (float(value), float(wanted)) if is_number(wanted) else (shown, wanted)
        return ORDERS[op](left, right)
    tests: dict[str, Callable[[], bool]] = {
        "eq": lambda: shown == text(wanted),
        "in": lambda: shown in [text(item) for item in wanted],
        "contains": lambda: str(text(wanted)) in shown,
        "starts_with": lambda: shown.startswith(str(text(wanted))),
        "ends_with": lambda: shown.endswith(str(text(wanted))),
        "matches": lambda: re.search(wanted, shown) is not None,
        "is_set": lambda: True,
    }
    return tests[op]()


def label(at: datetime, interval: str, week_start: str) -> str:
    """The name of the bucket that a local time falls into."""
    if interval == "hour":
        return at.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
    day = at.date()
    if interval == "week":
        day -= timedelta(days=day.isoweekday() % 7 if week_start == "sunday" else day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    return day.isoformat()


def measured(events: Sequence[Event], measure: str, of: str | Sequence[str] | None) -> Any:
    if measure == "count":
        return len(events)
    if measure in ("users", "sessions"):
        ids = {e.user_id if measure == "users" else e.session_id for e in events}
        return len(ids - {None})
    assert of is not None
    values = [value_of(event, of) for event in events]
    if measure == "distinct":
        return len({text(value) for value in values} - {None})
    numbers = sorted(float(value) for value in values if is_number(value))
    if measure == "sum":
        return math.fsum(numbers)
    if not numbers:
        return None
    if measure == "avg":
        return float(sum(map(Fraction, numbers)) / len(numbers))
    if measure in ("min", "max"):
        return numbers[0] if measure == "min" else numbers[-1]
    place = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}[measure] * (len(numbers) - 1)
    low, high = numbers[math.floor(place)], numbers[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def trend(
    events: Sequence[Event], report: Mapping[str, Any], since: datetime, until: datetime
) -> tuple[list[str], Found]:
    """Buckets and lines of a report with one series; `since` and `until` are aware."""
    tz, interval, week_start = zone(report["timezone"]), report["interval"], report["week_start"]
    buckets: list[str] = []
    at = since
    while at < until:
        name = label(at.astimezone(tz), interval, week_start)
        if name not in buckets:
            buckets.append(name)
        at += STEP
    (series,) = report["series"]
    chosen: list[tuple[str, Event]] = []
    for event in events:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event.at)
        if not since <= moment < until or series["event"]["event_type"] not in ("@any", event.event_type):
            continue
        if all(passes(event, filter_) for filter_ in [*report["filters"], *series["event"]["filters"]]):
            chosen.append((label(moment.astimezone(tz), interval, week_start), event))
    measure, of = series["measure"], series.get("property")
    kept = [ranked(chosen, split, measure, of) for split in report["breakdown"]]
    lines: defaultdict[tuple[str | None, ...], list[tuple[str, Event]]] = defaultdict(list)
    for name, event in chosen:
        values = [text(value_of(event, split["property"])) for split in report["breakdown"]]
        lines[tuple(v if v in first else OTHER for v, first in zip(values, kept, strict=True))].append((name, event))
    if not report["breakdown"]:
        lines.setdefault((), [])
    return buckets, {place: line(part, buckets, report, measure, of) for place, part in lines.items()}


def line(
    events: Sequence[tuple[str, Event]], buckets: Sequence[str], report: Mapping[str, Any], measure: str, of: Any
) -> tuple[list[Any], Any]:
    values = []
    for n, bucket in enumerate(buckets):
        names = buckets[: n + 1] if report["cumulative"] else [bucket]
        values.append(measured([event for name, event in events if name in names], measure, of))
    return values, measured([event for _, event in events], measure, of)


def ranked(chosen: Sequence[tuple[str, Event]], split: Mapping[str, Any], measure: str, of: Any) -> list[str | None]:
    """The first values of a property by total; ties by text, not set last."""
    parts: defaultdict[str | None, list[Event]] = defaultdict(list)
    for _, event in chosen:
        parts[text(value_of(event, split["property"]))].append(event)
    totals = {value: measured(part, measure, of) for value, part in parts.items()}

    def order(value: str | None) -> tuple[Any, ...]:
        total = totals[value]
        return (total is None, -(total or 0), value is None, value or "")

    return sorted(totals, key=order)[: split["limit"]]
