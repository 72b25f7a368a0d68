"""What filters mean before any engine is asked, and the text form of numbers."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.errors import InvalidReport
from evensplit.model.numbers import number_text
from evensplit.model.report import Filter
from evensplit.query.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Field,
    NumberOrder,
    OneOf,
    Property,
    TimeOrder,
    understood,
)
from evensplit.query.values import number_of, text_of


def read(*filters: dict[str, Any]) -> Condition:
    return understood(msgspec.convert(filters, tuple[Filter, ...]), "filters", lambda text, field: len(text))


def test_groups_and_sources() -> None:
    found = read(
        {"any": [{"property": "a.b", "op": "eq", "value": 5.0}, {"all": []}]},
        {"property": ["a", "b"], "op": "between", "value": [1, 2]},
        {"property": "@created_at", "op": "gte", "value": "2026"},
        {"property": "@user_id", "op": "not_in", "value": [1, "1", True]},
    )
    assert found == AllOf(
        (
            AnyOf((OneOf(Property(("a.b",)), ("5",), False), AllOf(()))),
            AllOf((NumberOrder(Property(("a", "b")), "gte", 1.0), NumberOrder(Property(("a", "b")), "lte", 2.0))),
            TimeOrder("gte", 4),
            OneOf(Field("user_id"), ("1", "1", "true"), True),
        )
    )


@pytest.mark.parametrize(
    ("filter_", "code"),
    [
        ({}, "invalid_filter"),
        ({"property": "a"}, "invalid_filter"),
        ({"op": "eq", "value": 1}, "invalid_filter"),
        ({"all": [], "any": []}, "invalid_filter"),
        ({"all": [], "property": "a", "op": "is_set"}, "invalid_filter"),
        ({"property": "a", "op": "eq"}, "invalid_filter"),
        ({"property": "a", "op": "eq", "value": None}, "invalid_filter"),
        ({"property": "a", "op": "eq", "value": ["x"]}, "invalid_filter"),
        ({"property": "a", "op": "eq", "value": 10**400}, "invalid_filter"),
        ({"property": "a", "op": "in", "value": "x"}, "invalid_filter"),
        ({"property": "a", "op": "in", "value": ["x"] * 10_001}, "invalid_filter"),
        ({"property": "a", "op": "is_set", "value": True}, "invalid_filter"),
        ({"property": "a", "op": "gt", "value": True}, "invalid_filter"),
        ({"property": "a", "op": "gt", "value": 10**400}, "invalid_filter"),
        ({"property": "a", "op": "between", "value": [1]}, "invalid_filter"),
        ({"property": "a", "op": "between", "value": [1, "2"]}, "invalid_filter"),
        ({"property": "a", "op": "matches", "value": 5}, "invalid_filter"),
        ({"property": "a", "op": "matches", "value": "a" * 2001}, "invalid_filter"),
        ({"property": [], "op": "is_set"}, "invalid_property"),
        ({"property": ["a"] * 17, "op": "is_set"}, "invalid_property"),
        ({"property": "@country", "op": "is_set"}, "unknown_field"),
        ({"property": "user.", "op": "is_set"}, "invalid_property"),
        ({"property": "@cohort." + "x" * 201, "op": "is_set"}, "invalid_property"),
    ],
)
def test_what_is_refused(filter_: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        read({"property": "fine", "op": "is_set"}, filter_)
    assert raised.value.code == code
    assert "filters[1]" in raised.value.message


def test_too_many_and_too_deep() -> None:
    deep: dict[str, Any] = {"property": "a", "op": "is_set"}
    for _ in range(40):
        deep = {"all": [deep]}
    for filters in ([deep], [{"property": "a", "op": "is_set"}] * 1001):
        with pytest.raises(InvalidReport, match="deeper"):
            read(*filters)


def test_names_that_look_like_fields_can_be_written_as_paths() -> None:
    found = read({"property": ["@user_id"], "op": "is_set"}, {"property": ["user.plan"], "op": "is_set"})
    assert "@user_id" in repr(found)
    assert Property(("user.plan",)).path[0] in repr(found)


@pytest.mark.parametrize(
    ("number", "text"),
    [  # from ECMA-262, Number::toString, and Node's answers
        (1.0, "1"), (-0.0, "0"), (0.1, "0.1"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (123456789012345680000, "123456789012345680000"), (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (2**53 + 1, "9007199254740992"), (-12.5, "-12.5"),
        (18446744073709551615, "18446744073709552000"), (1.2345e22, "1.2345e+22"), (100, "100"),
    ],
)  # fmt: skip
def test_numbers_as_javascript_prints_them(number: float, text: str) -> None:
    assert text_of(number) == text
    assert number_of(text) == float(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_comes_back(number: float) -> None:
    assert number_of(number_text(number)) == number


@pytest.mark.parametrize(
    "text", ["", "05", "1.0", "1e21", "+1", "-0", "1e-07", "Infinity", "NaN", " 1", "1_0", "1e+400", "٥", "9" * 500]
)
def test_texts_that_no_number_has(text: str) -> None:
    assert number_of(text) is None
