"""The formula: its grammar, its unknowns, and that nothing else can be said in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.errors import InvalidReport
from evensplit.model.report import Number
from evensplit.query.formula import evaluate, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", 6), ("A+B*C", 6 + 3 * 0.5), ("(A+B)*C", 4.5), ("A-B-C", 2.5), ("A/B/2", 1), ("-A", -6), ("--A", 6),
        ("A*-B", -18), ("2", 2), (".5e1", 5), ("1e3*C", 500), (" A / B * 100 ", 200), ("A-(B-C)", 3.5), ("1.", 1),
        ("A/0", None), ("A/(B-3)", None), ("D", None), ("D*0", None), ("1e308*1e308", None), ("1/3", 1 / 3),
    ],
)  # fmt: skip
def test_values(text: str, expected: float | None) -> None:
    assert evaluate(parse(text, 4), [6, 3, 0.5, None]) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "A/", "A/Z", "E", "A B", "AB", "(A", "A)", "()", "A**B", "A//B", "__import__('os')", "A.real", "a",
     "1e999", "A;B", "A,B", "A\x00", "A + é", "1_000", "0x10", "(" * 400 + "A" + ")" * 400, "-" * 400 + "A",
     "A+" * 300 + "A"],
)  # fmt: skip
def test_what_is_no_formula(text: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        parse(text, 4)
    assert raised.value.code == "invalid_formula"


@given(
    st.recursive(
        st.sampled_from(["A", "B", "C", "1", "2.5"]),
        lambda e: st.one_of(st.builds("({}{}{})".format, e, st.sampled_from("+-*/"), e), st.builds("(-{})".format, e)),
        max_leaves=12,
    )
)
def test_as_python_counts(text: str) -> None:
    values: list[Number] = [7, -0.25, 3]
    try:
        expected = eval(text, {}, dict(zip("ABC", values, strict=True)))
    except ZeroDivisionError:
        expected = None
    found = evaluate(parse(text, 3), values)
    assert found == expected
