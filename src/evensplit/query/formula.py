"""Arithmetic over series: numbers, series letters, + - * / and parentheses. Parsed here, never handed to Python."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, cast

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import Number

LONGEST = 500  # characters
DEEPEST = 50  # parentheses and signs within each other
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Z])|([-+*/()]))", re.ASCII)
SPACE = re.compile(r"\s*")


Sign: TypeAlias = Literal["+", "-", "*", "/"]


class Literally(msgspec.Struct, frozen=True):
    """A number."""

    value: float


class Letter(msgspec.Struct, frozen=True):
    """The series at that position, from 0."""

    series: int


class Negated(msgspec.Struct, frozen=True):
    """Minus an expression."""

    of: "Expression"


class Operation(msgspec.Struct, frozen=True):
    """Two expressions and what joins them."""

    sign: Sign
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = Literally | Letter | Negated | Operation


def parse(text: str, series: int) -> Expression:
    """The expression over so many series. Raises `invalid_formula` with the place of the fault."""
    if len(text) > LONGEST:
        raise InvalidReport("invalid_formula", f"the formula has {len(text)} characters, more than {LONGEST}")
    reader = _Reader(text, series)
    found = reader.sum()
    if reader.token is not None:
        raise reader.fault()
    return found


def evaluate(expression: Expression, values: Sequence[Number]) -> Number:
    """None where a series has none, a divisor is 0, or the number is too big to be told."""
    if isinstance(expression, Literally):
        return expression.value
    if isinstance(expression, Letter):
        return values[expression.series]
    if isinstance(expression, Negated):
        inner = evaluate(expression.of, values)
        return None if inner is None else -inner
    left, right = evaluate(expression.left, values), evaluate(expression.right, values)
    if left is None or right is None or (expression.sign == "/" and right == 0):
        return None
    try:
        found = _joined(expression.sign, left, right)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _joined(sign: Sign, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else left / right


def _sign(token: object, among: str) -> Sign | None:
    return cast("Sign", token) if isinstance(token, str) and token and token in among else None


class _Reader:
    """Recursive descent: a sum of products of factors."""

    def __init__(self, text: str, series: int) -> None:
        self._text, self._series = text, series
        self._tokens = self._read()
        self.at = 0
        self._depth = 0
        self.token = next(self._tokens, None)

    def fault(self, rule: str = "") -> InvalidReport:
        where = f"at character {self.at + 1}" if self.token is not None else "at its end"
        rule = rule or "expected numbers, series letters, + - * / and parentheses"
        return InvalidReport("invalid_formula", f"formula {self._text!r} {where}: {rule}")

    def sum(self) -> Expression:
        found = self._product()
        while (sign := _sign(self.token, "+-")) is not None:
            self._next()
            found = Operation(sign, found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._factor()
        while (sign := _sign(self.token, "*/")) is not None:
            self._next()
            found = Operation(sign, found, self._factor())
        return found

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.fault(f"nested deeper than {DEEPEST}")
        found = self._operand()
        self._depth -= 1
        return found

    def _operand(self) -> Expression:
        token = self.token
        if token == "-":
            self._next()
            return Negated(self._factor())
        if token == "(":
            self._next()
            found = self.sum()
            if self.token != ")":
                raise self.fault("expected )")
            self._next()
            return found
        if isinstance(token, Literally | Letter):
            self._next()
            return token
        raise self.fault()

    def _next(self) -> None:
        self.token = next(self._tokens, None)

    def _read(self) -> Iterator[Literally | Letter | str]:
        """The tokens; what is none of ours comes as an empty text, which no rule accepts."""
        at = 0
        while SPACE.match(self._text, at).end() < len(self._text):  # type: ignore[union-attr]
            found = TOKEN.match(self._text, at)
            if found is None:
                self.at = at
                yield ""
                return
            self.at, at = found.end() - 1, found.end()
            number, letter, sign = found.groups()
            if number:
                yield Literally(self._finite(number))
            elif letter:
                yield Letter(self._known(letter))
            else:
                yield sign

    def _finite(self, number: str) -> float:
        value = float(number)
        if not math.isfinite(value):
            raise InvalidReport("invalid_formula", f"formula {self._text!r}: {number} is too big")
        return value

    def _known(self, letter: str) -> int:
        position = ord(letter) - ord("A")
        if position >= self._series:
            rule = f"there is no series {letter}, the last is {chr(ord('A') + self._series - 1)}"
            raise InvalidReport("invalid_formula", f"formula {self._text!r}: {rule}")
        return position
