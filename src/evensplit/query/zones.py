"""Time zones from the pinned tzdata package, whatever the machine has, and where a zone's offset changes.

Not here: buckets (`edges`). Instants are integers: milliseconds since 1970-01-01 UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from evensplit.errors import InvalidReport

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
STRIDE = 21_600_000  # 6 hours: no zone changed its offset twice within that


@cache
def names() -> frozenset[str]:
    """The zones that tzdata knows."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises `unknown_timezone`."""
    if name not in names():
        raise InvalidReport("unknown_timezone", f"timezone {name!r} is not a name of the IANA time zone database")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local(at: int, tz: tzinfo) -> datetime:
    """The wall clock at an instant."""
    return (EPOCH + at * MS).astimezone(tz)


def instant(moment: datetime) -> int:
    """The instant of an aware datetime; what is finer than a millisecond is cut."""
    return (moment - EPOCH) // MS


def offset(at: int, tz: ZoneInfo) -> int:
    """Milliseconds that the wall clock is ahead of UTC at an instant."""
    shown = local(at, tz).utcoffset()
    assert shown is not None
    return shown // MS


def first_instant(wall: datetime, tz: ZoneInfo) -> int:
    """The instant at which the wall clock first shows `wall` (naive) or, where it skips it, the end of the gap."""
    aware = wall.replace(tzinfo=tz, fold=0)
    found = instant(aware.astimezone(UTC))
    if local(found, tz).replace(tzinfo=None) == wall:
        return found
    early = instant(wall.replace(tzinfo=tz, fold=1).astimezone(UTC))
    return _change(early, found, tz)


def day_start(day: date, tz: ZoneInfo) -> int:
    """The first existing instant of a local day."""
    return first_instant(datetime.combine(day, time()), tz)


def offset_changes(low: int, high: int, tz: ZoneInfo) -> Iterator[int]:
    """The instants in (low, high] from which on another offset holds, in order."""
    at, before = low, offset(low, tz)
    while at < high:
        to = min(at + STRIDE, high)
        after = offset(to, tz)
        if after != before:
            yield _change(at, to, tz)
        at, before = to, after


def _change(low: int, high: int, tz: ZoneInfo) -> int:
    """The first instant in (low, high] with the offset of `high`; `low` has another."""
    after = offset(high, tz)
    if offset(low, tz) == after:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle, tz) == after:
            high = middle
        else:
            low = middle
    return high
