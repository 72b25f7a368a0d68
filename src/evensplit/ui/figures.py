"""Figures and times as people read them, and exactly. The exact one is in the `title` of what is shown.

Here: text from numbers, and the elements that templates put around it. `static/figures.js` says the same in a browser.
"""

from datetime import UTC, datetime

import msgspec
from markupsafe import Markup, escape

from evensplit import clock
from evensplit.model.numbers import number_text

NOTHING = "–"
STEPS = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (10_000, "k"))
PER_STEP = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3}


def short(value: float | None) -> str:
    """Whole numbers below 10,000 as they are; else so many digits as one reads: `12.3k`, `4.56M`, `75.43`, `0.0123`."""
    if value is None:
        return NOTHING
    size = abs(value)
    for least, name in STEPS:
        if size >= least:
            return f"{_digits(value / PER_STEP[name])}{name}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if size >= 1 else _digits(value)


def exact(value: float | None) -> str:
    """Every digit, thousands apart: `1,234,567.25`."""
    if value is None:
        return "unknown"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 2**53):
        return f"{int(value):,}"
    text = number_text(value)
    whole, point, rest = text.partition(".")
    return text if "e" in text else f"{int(whole):,}{point}{rest}" if abs(value) >= 1 else text


def percent(value: float | None) -> str:
    """Of a fraction: `12.3%`."""
    if value is None:
        return NOTHING
    share = value * 100
    return (
        f"{share:,.0f}%"
        if abs(share) >= 100
        else f"{share:.1f}%"
        if abs(share) >= 0.1 or not share
        else f"{share:.2g}%"
    )


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{_digits(seconds)} s"
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // below)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {smaller}" if rest else "")
    return NOTHING


def change(now: float | None, before: float | None) -> str:
    """From before to now: `+12.3%`; nothing where there is no telling."""
    if now is None or before is None or before == 0:
        return NOTHING
    share = (now - before) / abs(before)
    return ("+" if share > 0 else "") + percent(share)


def ago(text: str) -> str:
    """Of the record's text: `3 min ago`."""
    return f"{span(clock.now_ms() - clock.from_text(text))} ago"


def span(ms: int) -> str:
    """Roughly how long."""
    seconds = max(ms, 0) // 1000
    for size, unit in ((31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# --- elements -------------------------------------------------------------------------------------


def figure(value: float | None) -> Markup:
    return _data(value, short(value), exact(value))


def share(value: float | None) -> Markup:
    return _data(value, percent(value), exact(value))


def lasting(value: float | None) -> Markup:
    return _data(value, duration(value), "unknown" if value is None else f"{exact(value)} seconds")


def moment(text: str | None) -> Markup:
    """Of the record's text, in UTC or RFC 3339: how long ago, exactly on hover."""
    if not text:
        return Markup(NOTHING)
    stored = text.replace("T", " ").removesuffix("Z")
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        f"{stored.replace(' ', 'T')}Z", stored, ago(stored)
    )


def day(text: str) -> str:
    """A bucket's label for a heading: `22 Nov 2026`."""
    try:
        return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC).strftime("%-d %b %Y")
    except ValueError:
        return text


def data(value: object) -> Markup:
    """Text that others sent: kept apart from what surrounds it, whatever its direction or length."""
    text = "(not set)" if value is None else printable(str(value))
    kind = ' class="unset"' if value is None else ""
    return Markup(f"<bdi{kind}>") + escape(text) + Markup("</bdi>")


def broken(text: str) -> Markup:
    """JSON as `data` has it, to be broken between its members rather than inside of words."""
    return Markup(data(text).replace(Markup(",&#34;"), Markup(",<wbr>&#34;")))


def printable(text: str) -> str:
    """`text` as a page can carry it: NUL and lone surrogates become marks."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def json_block(value: object) -> Markup:
    """JSON for a `<script type="application/json">`: nothing in it can end the element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _data(value: float | None, shown: str, full: str) -> Markup:
    if value is None:
        return Markup('<span class="unknown" title="unknown">{}</span>').format(NOTHING)
    return Markup('<data value="{}" title="{}">{}</data>').format(number_text(value), full, shown)


def _digits(value: float) -> str:
    """Three digits that count, without an exponent where there are many before the point."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
