"""Cuts JSON text into its elements, members and lines without parsing it: what is broken can then be judged alone.

Iterative, so that no nesting is too deep for it, and in one pass, so that its time is linear. It knows strings and
brackets and nothing else of the grammar; whether a slice is JSON is for the reader of that slice to say.
"""

import re
from collections.abc import Iterator

import msgspec

from evensplit.errors import InvalidJson, TooLarge

# Possessive throughout (`*+`), so nothing backtracks and a hostile text costs what a plain one costs.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'


def _balanced(levels: int) -> bytes:
    """Text without an open bracket: whole strings, and whole arrays and objects up to `levels` deep."""
    inner = rb'[^"\[\]{}]++|' + _STRING
    for _ in range(levels):
        inner += rb"|[\[{](?:" + inner + rb")*+[\]}]"
    return inner


# Everything up to the next character that matters: a bracket that is not closed at once and, at the top, a comma.
_DEEPER = re.compile(rb"(?:" + _balanced(3) + rb")*+", re.DOTALL)
_IN_TOP = re.compile(rb"(?:" + _balanced(3).replace(rb'[^"\[\]{}]', rb'[^"\[\]{},]', 1) + rb")*+", re.DOTALL)
_BRACKET = re.compile(rb"(?:" + _balanced(0) + rb")*+", re.DOTALL)
_KEY = re.compile(rb'\s*("(?:[^"\\]++|\\.)*+")\s*:', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_SPACE = b" \t\r\n"
_MOST_MEMBERS = 10_000
_MOST_COMMAS = 200_000  # bounds how many elements are held before they are counted
_MOST_STEPS = 400_000  # of brackets that are not closed at once; bounds the time that a hostile body costs
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_STRINGS = re.compile(_STRING.decode(), re.DOTALL)
_OVERLONG = re.compile(r"(?<![0-9.eE+])(?<![eE]-)[0-9]{309,}+(?![.eE])")  # a whole number, no fraction or exponent


def too_many(most: int) -> TooLarge:
    return TooLarge(f"more than {most} in one request")


def elements(text: bytes, most: int) -> list[bytes]:
    """The elements of the array (or the members of the object) that `text` is, each without surrounding space.

    Raises InvalidJson when the brackets do not close or something follows them, TooLarge beyond `most`.
    """
    if text.startswith(b"[") and text.count(b",") <= _MOST_COMMAS:
        try:
            return _counted([bytes(raw) for raw in _array(text)], most)
        except (msgspec.DecodeError, RecursionError):
            pass
    text = text.strip(_SPACE)
    found: list[bytes] = []
    depth, position, begin = 1, 1, 1
    for _ in range(_MOST_STEPS):
        position = (_IN_TOP if depth == 1 else _DEEPER).match(text, position).end()  # type: ignore[union-attr]
        sign = text[position : position + 1]
        if sign in (b"", b'"'):
            raise InvalidJson("the body is not JSON: it ends inside a string, an array or an object")
        if len(found) >= most and sign == b",":
            raise too_many(most)
        if sign == b",":
            found.append(text[begin:position].strip(_SPACE))
            begin = position + 1
        elif sign in b"[{":
            depth += 1
        else:
            depth -= 1
        position += 1
        if depth == 0:
            break
    else:
        raise TooLarge("the body nests too much to be read")
    if position != len(text):
        raise InvalidJson("the body is not JSON: something follows its end")
    last = text[begin : position - 1].strip(_SPACE)
    if last or found:
        found.append(last)
    return _counted(found, most)


def _counted(found: list[bytes], most: int) -> list[bytes]:
    if len(found) > most:
        raise too_many(most)
    return found


def members(text: bytes) -> list[tuple[str, bytes]]:
    """The members of the object that `text` is: (name, value). Raises InvalidJson as `elements` does."""
    pairs: list[tuple[str, bytes]] = []
    for member in elements(text, _MOST_MEMBERS):
        key = _KEY.match(member)
        if key is None:
            raise InvalidJson("the body is not JSON: a member of an object has no name")
        pairs.append((_unquoted(key[1]), member[key.end() :].strip(_SPACE)))
    return pairs


def _unquoted(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):  # no name that anybody asks for
        return key.decode("utf-8", "replace")


def lines(body: bytes, most: int) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number from 0. Raises TooLarge beyond `most`."""
    number, begin, count = 0, 0, 0
    while begin < len(body):
        end = body.find(b"\n", begin)
        end = len(body) if end < 0 else end
        line = body[begin:end].strip(_SPACE)
        if line:
            count += 1
            if count > most:
                raise too_many(most)
            yield number, line
        number, begin = number + 1, end + 1


def depth(text: str, enough: int) -> int:
    """How deep the arrays and objects of JSON `text` nest; stops counting beyond `enough`."""
    raw, deepest, level, position = text.encode(), 0, 0, 0
    while deepest <= enough:
        position = _BRACKET.match(raw, position).end()  # type: ignore[union-attr]
        sign = raw[position : position + 1]
        if sign in (b"", b'"'):
            break
        level += 1 if sign in b"[{" else -1
        deepest = max(deepest, level)
        position += 1
    return deepest


def mended(text: str) -> str | None:
    """`text` with each lone surrogate escape replaced by U+FFFD; None when there is none."""
    if not any(escape[1] for escape in _ESCAPE.finditer(text)):
        return None
    return _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)


def overlong_number(text: str) -> bool:
    """Whether JSON `text` holds a whole number too long for a 64-bit float. Digits within strings do not count."""
    if not _OVERLONG.search(text):  # nearly always
        return False
    bare = _STRINGS.sub("", text)
    return any(float(digits[0]) == float("inf") for digits in _OVERLONG.finditer(bare))
