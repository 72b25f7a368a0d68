"""What a paths or sessions report leaves open is filled in, and what cannot be meant is refused with its rule."""

import re
from typing import Any

import msgspec
import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import EventChoice, Filter
from evensplit.model.report.paths import Paths, PathsCell
from evensplit.model.report.sessions import Sessions, SessionsCell
from evensplit.query.plan import paths, sessions

NOW = 1_793_491_200_000 + 86_400_000


def asked(**report: Any) -> paths.PathsPlan:
    return paths.plan(msgspec.convert(report, Paths), NOW)


def asked_sessions(**report: Any) -> sessions.SessionsPlan:
    return sessions.plan(msgspec.convert(report, Sessions), NOW)


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"steps": 1}, "invalid_steps"),
        ({"steps": 21}, "invalid_steps"),
        ({"steps": -3}, "invalid_steps"),
        ({"limit": 0}, "invalid_limit"),
        ({"limit": 1_001}, "invalid_limit"),
        ({"start": "a", "end": "b"}, "invalid_paths"),
        ({"group": [""]}, "invalid_group"),
        ({"group": ["x" * 501]}, "invalid_group"),
        ({"group": ["x"] * 101}, "invalid_group"),
        ({"by": "@nothing"}, "unknown_field"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone"),
        ({"since": "2026-11-05", "until": "2026-11-01"}, "since_after_until"),
    ],
)
def test_paths_that_cannot_be(report: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidReport) as refused:
        asked(**report)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"limit": 0}, "invalid_limit"),
        ({"limit": 1_001}, "invalid_limit"),
        ({"page_view": ""}, "invalid_event_type"),
        ({"page_view": {"event_type": "x", "filters": [{"property": "a"}]}}, "invalid_filter"),
        ({"interval": "minute", "since": "2020-01-01"}, "too_many_buckets"),
    ],
)
def test_sessions_that_cannot_be(report: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidReport) as refused:
        asked_sessions(**report)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"node": "view"},
        {"node": "0:view"},
        {"node": "4:view"},
        {"node": "1:view", "source": "1:view"},
        {"source": "1:view"},
        {"source": "1:view", "target": "3:view"},
        {"source": "2:view", "target": "1:view"},
    ],
)
def test_cells_that_paths_do_not_have(cell: dict[str, str]) -> None:
    with pytest.raises(InvalidReport) as refused:
        paths.placed(asked(steps=3), PathsCell(**cell))
    assert refused.value.code == "unknown_cell"


def test_a_node_may_hold_anything() -> None:
    assert paths.placed(asked(steps=3), PathsCell(node="2:a:b\n:")) == paths.CellPlan(2, "a:b\n:", None)
    link = PathsCell(source="1:", target="2: ")
    assert paths.placed(asked(steps=3), link) == paths.CellPlan(1, "", " ")


@pytest.mark.parametrize(
    "cell", [{"bucket": "2020-01-01"}, {"value": "x"}, {"metric": "pages", "value": "/", "bucket": "2026-11-01"}]
)
def test_cells_that_sessions_do_not_have(cell: dict[str, Any]) -> None:
    with pytest.raises(InvalidReport) as refused:
        sessions.placed(asked_sessions(since="2026-11-01"), SessionsCell(**cell))
    assert refused.value.code == "unknown_cell"


def test_the_usual_page_views_and_all_lists() -> None:
    report = asked_sessions().report
    assert report.tops == tuple(sessions.PROPERTIES)
    usual = Filter(property="@event_type", op="in", value=("page_view", "pageview", "$pageview", "page"))
    assert report.page_view == EventChoice("@any", (usual,))
    assert asked_sessions(tops=["pages", "devices", "pages"]).report.tops == ("pages", "devices")


@pytest.mark.parametrize("name", ["/p/*", "*", "a.b*c", "[x]{2}\\d^$|()?+", "é*\n", "\x00", "-", "**"])
def test_a_pattern_means_what_it_shows(name: str) -> None:
    (group,) = asked(group=[name]).groups
    assert re.search(group.pattern, name.replace("*", "anything\nat all"))
    assert re.search(group.pattern, name.replace("*", ""))
    assert not re.search(group.pattern, "x" + name) or name[0] == "*"
    assert group.name == name
