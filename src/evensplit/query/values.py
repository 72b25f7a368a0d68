"""The text form of JSON values, numbers as JavaScript prints them: in Python, for what a report brings along.

Not here: the text form of stored values, which the engine makes (`dialect`).
"""

import re
from decimal import Decimal

from evensplit.model.report import Scalar

# What JavaScript's Number::toString can give, as a pattern; `number_of` decides whether it does.
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?", re.ASCII)


def text_of(value: Scalar) -> str:
    """The text form. Raises OverflowError for an integer beyond the range of doubles."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(float(value))


def number_text(x: float) -> str:
    """A finite double as ECMAScript's Number::toString prints it: the fewest digits that identify it."""
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    text = "".join(map(str, digits))
    assert isinstance(exponent, int)
    point = len(text) + exponent  # how many digits stand before the decimal point
    if 0 < point <= 21:
        body = text.ljust(point, "0") if len(text) <= point else f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        body = "0." + "0" * -point + text
    else:
        mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
        body = f"{mantissa}e{point - 1:+d}"
    return "-" + body if sign else body


def number_of(text: str) -> float | None:
    """The number whose text form this is; None if there is none, as for `05` or `1.0`."""
    if NUMBER.fullmatch(text) is None or len(text) > 400:
        return None
    number = float(text)
    return number if abs(number) != float("inf") and number_text(number) == text else None
