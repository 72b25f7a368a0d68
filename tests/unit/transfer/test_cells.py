"""A cell becomes JSON as the documents say, alone and in a column of its kind."""

import json
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evensplit.transfer import cells
from evensplit.transfer.columns import TEXT, VALUE, Column, Kind, quick_instants

CELLS = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats(allow_nan=True).map(str),
    st.sampled_from(
        ["true", "False", "TRUE", "tRUE", "1e400", "-0", "007", "1.50", "1,2", " 5", "+1", "'=x", "null", '","']
    ),
)


@pytest.mark.parametrize(
    ("cell", "made"),
    [
        ("12", "12"),
        ("1.50", "1.50"),
        ("-0.5e-3", "-0.5e-3"),
        ("007", '"007"'),
        ("+1", '"+1"'),
        (".5", '".5"'),
        ("1,5", '"1,5"'),
        (" 5", '" 5"'),
        ("1e400", '"1e400"'),
        ("9" * 400, '"' + "9" * 400 + '"'),
        ("NaN", '"NaN"'),
        ("null", '"null"'),
        ("True", "true"),
        ("FALSE", "false"),
        ("yes", '"yes"'),
        ("'=1+1", '"=1+1"'),
        ("''=1", '"\'=1"'),
        ("'quoted'", "\"'quoted'\""),
        ('a "b"\n', '"a \\"b\\"\\n"'),
    ],
)
def test_value(cell: str, made: str) -> None:
    assert cells.value(cell) == made
    json.loads(made)


@pytest.mark.parametrize(
    ("cell", "zone", "made"),
    [
        ("807256800", None, "807256800"),
        ("2026-11-22T10:11:12Z", None, '"2026-11-22T10:11:12Z"'),
        ("2026-11-22 10:11:12.5 UTC", None, '"2026-11-22T10:11:12.5Z"'),
        ("2026-11-22 10:11:12+0530", None, '"2026-11-22T10:11:12+05:30"'),
        ("2026-11-22 10:11:12", None, '"2026-11-22 10:11:12"'),
        ("2026-11-22 10:11:12", "Europe/Berlin", '"2026-11-22T09:11:12+00:00"'),
        ("2026-07-22", "Europe/Berlin", '"2026-07-21T22:00:00+00:00"'),
        ("2026-02-31", "UTC", '"2026-02-31"'),
        ("yesterday", "UTC", '"yesterday"'),
    ],
)
def test_instant(cell: str, zone: str | None, made: str) -> None:
    assert cells.instant(ZoneInfo(zone) if zone else None)(cell) == made


@pytest.mark.parametrize(
    ("cell", "made"),
    [
        ('{"a":1.50, "b":{"c":[]}}', ',"a":1.50, "b":{"c":[]}'),
        ("{}", ","),
        ('{\n"a": 1\r\n}', ', "a": 1  '),
    ],
)
def test_members_of_an_object_keep_their_text(cell: str, made: str) -> None:
    assert cells.members(cell) == made


@pytest.mark.parametrize("cell", ["[1]", "5", '{"a":1}}, "user_id": "x"', "{", "no json", '{"a": NaN}'])
def test_members_of_what_is_no_object_make_no_object(cell: str) -> None:
    with pytest.raises(ValueError, match=r"delimiter|Expecting"):
        json.loads("{" + cells.members(cell).strip(",") + "}")


@given(st.text())
@example("'=x")
@example("''-1")
@example("@")
def test_a_guarded_cell_is_no_formula_and_comes_back(cell: str) -> None:
    safe = cells.guarded(cell)
    assert not safe.startswith(("=", "+", "-", "@"))
    assert cells.unguarded(safe) == cell


@given(st.lists(CELLS, min_size=1, max_size=30), st.sampled_from([VALUE, TEXT]))
@example(["1", "2", "3"], VALUE)
@example(["1,2", "3"], VALUE)
@example(["a", 'b","c', "d\\"], TEXT)
@example(["'=a", "b", "c"], TEXT)
@example(["1e400", "2"], VALUE)
@example(["x\udcff", "y"], TEXT)
def test_a_column_is_its_cells_one_by_one(column: list[str], kind: Kind) -> None:
    one_by_one = [f"<{kind.encode(cell)}>" if cell else "" for cell in column]
    assert Column(kind, "<", ">").parts(column) == one_by_one
    assert Column(Kind(kind.encode), "<", ">").parts(column) == one_by_one


INSTANTS = st.one_of(
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.sampled_from(["", "5", "2026-11-22T10:00:00 Z", "T" * 12, "x"]),
)


@given(st.lists(INSTANTS, min_size=1, max_size=20))
def test_a_column_of_instants_too(column: list[str]) -> None:
    encode = cells.instant(None)
    made = Column(Kind(encode, quick_instants)).parts(column)
    assert made == [encode(cell) if cell else "" for cell in column]
    assert all(msgspec.json.decode(cell) is not None for cell in made if cell)
