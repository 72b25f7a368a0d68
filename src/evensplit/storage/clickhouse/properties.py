"""How the properties of an event stand in columns: `props`, a JSON column, and `texts`, a map, from the text as sent.

`props` holds the texts, numbers and booleans under plain top-level keys, every number as a double: each key is a column
of its own there. `texts` holds what a JSON column would alter or lose: objects and arrays (an empty object is nothing
there), keys with dots and other signs, and what lies inside of objects. Its keys are paths (`path`), its values one
letter for the kind and the text form: `n` number, `s` text, `b` boolean, `o` object, `a` array.
What is null stands nowhere. Not here: reading them in a question (`query.dialect.clickhouse`).
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from evensplit.model.numbers import number_text

PLAIN = re.compile(r"[\w$][\w$ -]{0,199}")
# Types of values must not be guessed from texts, and a key is a key. For inserting.
INSERT_SETTINGS: Mapping[str, str | int] = {
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_json_try_infer_numbers_from_strings": 0,
    "json_type_escape_dots_in_keys": 1,
}


class Columns(msgspec.Struct, frozen=True):
    """`props` as JSON text, `texts` by path."""

    props: str
    texts: dict[str, str]


NOTHING = Columns("{}", {})


def columns(text: str | None) -> Columns:
    """From the text of an object. Raises ValueError where it is none, or holds a number beyond the doubles."""
    if text is None:
        return NOTHING
    props: dict[str, float | str | bool] = {}
    texts: dict[str, str] = {}
    try:
        for key, value in _decode(text).items():
            if isinstance(value, list | dict) or not is_plain(key):
                _spread(value, (key,), texts)
            elif value is not None:
                props[key] = value
    except (msgspec.DecodeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return Columns(_encode(props).decode(), texts)


def path(keys: Sequence[str]) -> str:
    """The key in `texts` of what lies under these keys: joined by dots, dots and backslashes in them escaped."""
    return ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in keys)


@lru_cache(10_000)
def is_plain(key: str) -> bool:
    """Whether a top-level text, number or boolean under this key stands in `props`."""
    return PLAIN.fullmatch(key) is not None


def compact(value: object) -> str:
    """JSON without spaces, the keys in order, numbers with the fewest digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{compact(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    assert isinstance(value, int | float)
    return number_text(float(value)).replace("e+", "e")


def _spread(value: object, keys: tuple[str, ...], texts: dict[str, str]) -> None:
    """The value under its path, and what lies inside of an object under paths of their own."""
    if value is None:
        return
    if isinstance(value, dict):
        texts[path(keys)] = "o" + compact(value)
        for key, inner in value.items():
            _spread(inner, (*keys, key), texts)
    elif isinstance(value, list):
        texts[path(keys)] = "a" + compact(value)
    elif isinstance(value, str):
        texts[path(keys)] = "s" + value
    elif isinstance(value, bool):
        texts[path(keys)] = "btrue" if value else "bfalse"
    else:
        assert isinstance(value, int | float)
        texts[path(keys)] = "n" + number_text(float(value))


def _quoted(text: str) -> str:
    written = _encode(text).decode()
    return SMALL_HEX.sub(lambda found: found[0].replace("\\u", "\0").upper().replace("\0", "\\u"), written)


SMALL_HEX = re.compile(r"\\(?:\\|u00[0-9a-f]{2})")
_encode = msgspec.json.Encoder().encode
# In a union with float and without int, whole numbers become doubles; of a key that occurs twice the last value counts.
_decode = msgspec.json.Decoder(dict[str, float | str | bool | list[object] | dict[str, object] | None]).decode
