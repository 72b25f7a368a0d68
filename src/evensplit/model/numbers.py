"""How a number is written: the text form of JSON numbers, as JavaScript prints them."""

from decimal import Decimal


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
