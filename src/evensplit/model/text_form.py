"""The text form of decoded JSON values of any shape. What the engines make of stored values is the same.

Not here: reading JSON, printing numbers (`numbers`), or what a text form is compared with.
"""

import json

from evensplit.model.numbers import number_text


def text_form(value: object) -> str | None:
    """Of a decoded JSON value: text as it is, objects and arrays as compact JSON with sorted keys; None is not set.

    Raises OverflowError for an integer beyond the range of doubles."""
    if value is None or isinstance(value, str):
        return value
    return _compact(value)


def _compact(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(float(value))
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(key)}:{_compact(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # text, and null within
