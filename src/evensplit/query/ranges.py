"""When a report looks: reading `since`, `until` and shifts. Instants are milliseconds since 1970-01-01 UTC.

`2026-11-01` a local day · `2026-11-01T10:00+01:00` an instant, local where it names no offset · `now` ·
`-30d`, `-4w`, `-6m`, `-1y` the start of the day that many days, weeks, months, years before today ·
`-24h`, `-90min` the start of the hour or minute that many before the current one.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.query.zones import day_start, first_instant, instant, local, offset

EARLIEST, LATEST = 1900, 2200  # years
DEFAULT_SINCE = "-30d"
RELATIVE = re.compile(r"-(\d{1,5})(min|h|d|w|m|y)", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
CLOCK = {"min": 60_000, "h": 3_600_000}
FORMS = "a date (2026-11-01), an instant (2026-11-01T10:00:00Z), 'now', or how far back (-30d; min, h, d, w, m, y)"


class Step(msgspec.Struct, frozen=True):
    """A distance in the calendar or, for `min` and `h`, on the clock."""

    count: int
    unit: str


def resolve(text: str, field: str, now: int, tz: ZoneInfo) -> int:
    """The instant that the text means; a date as `until` includes that day. Raises `invalid_time`."""
    if text == "now":
        return now
    found = RELATIVE.fullmatch(text)
    if found is not None:
        return _before_now(Step(int(found[1]), found[2]), field, now, tz)
    try:
        if DATE.fullmatch(text):
            day = _within(date.fromisoformat(text), field)
            return day_start(day + timedelta(days=1) if field == "until" else day, tz)
        if INSTANT.fullmatch(text):
            moment = datetime.fromisoformat(text.upper().replace(",", "."))
            _near(moment.date(), field)
            return instant(moment) if moment.tzinfo else first_instant(_whole_ms(moment), tz)
    except ValueError as error:
        raise InvalidReport("invalid_time", f"{field} {text!r} is no time: {error}") from None
    raise InvalidReport("invalid_time", f"{field} {text!r} is no time: write {FORMS}")


def written(at: int, tz: ZoneInfo) -> str:
    """The instant as replies show it, with the zone's offset; `resolve` reads it."""
    if offset(at, tz) % 60_000:  # an offset with seconds, of before standard time, is no RFC 3339
        return local(at, UTC).isoformat(timespec="milliseconds")
    return local(at, tz).isoformat(timespec="milliseconds")


def shift(text: str) -> Step:
    """The distance of `-7d`. Raises `invalid_shift`."""
    found = RELATIVE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidReport("invalid_shift", f"shift {text!r} is no distance back: write -7d (min, h, d, w, m, y)")
    return Step(int(found[1]), found[2])


def back(at: int, step: Step, tz: ZoneInfo) -> int:
    """The same wall clock that many days or months earlier; for hours and minutes, that much time earlier."""
    if step.unit in CLOCK:
        return at - step.count * CLOCK[step.unit]
    shown = local(at, tz).replace(tzinfo=None)
    day = _within(_earlier(shown.date(), step), "shift")
    return first_instant(datetime.combine(day, shown.time()), tz)


def _before_now(step: Step, field: str, now: int, tz: ZoneInfo) -> int:
    if step.unit in CLOCK:
        width, ahead = CLOCK[step.unit], offset(now, tz)
        return (now + ahead) // width * width - ahead - step.count * width
    return day_start(_within(_earlier(local(now, tz).date(), step), field), tz)


def _earlier(day: date, step: Step) -> date:
    """That many days, weeks, months or years earlier; the last day of the month where it has no such day."""
    try:
        if step.unit in ("d", "w"):
            return day - timedelta(days=step.count * (7 if step.unit == "w" else 1))
        months = day.year * 12 + day.month - 1 - step.count * (12 if step.unit == "y" else 1)
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(day.day, monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        return date.min


def _whole_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _near(day: date, field: str) -> None:
    """The days that may be named begin and end, somewhere on Earth, within a day of these years."""
    if day not in (date(EARLIEST - 1, 12, 31), date(LATEST, 1, 1)):
        _within(day, field)


def _within(day: date, field: str) -> date:
    if not EARLIEST <= day.year < LATEST:
        raise InvalidReport("invalid_time", f"{field} lies in the year {day.year}, not in {EARLIEST} to {LATEST - 1}")
    return day
