"""The text form of JSON values, numbers as JavaScript prints them: in Python, for what a report brings along.

Not here: the text form of stored values, which the engine makes (`dialect`).
"""

import re

from evensplit.model.numbers import number_text
from evensplit.model.report import Scalar

# What JavaScript's Number::toString can give, as a pattern; `number_of` decides whether it does.
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?", re.ASCII)


def text_of(value: Scalar) -> str:
    """The text form. Raises OverflowError for an integer beyond the range of doubles."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(float(value))


def number_of(text: str) -> float | None:
    """The number whose text form this is; None if there is none, as for `05` or `1.0`."""
    if NUMBER.fullmatch(text) is None or len(text) > 400:
        return None
    number = float(text)
    return number if abs(number) != float("inf") and number_text(number) == text else None
