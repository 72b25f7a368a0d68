"""The plan of paths: whose values are followed, in which names they come together, where a path begins or ends."""

import re
from typing import Literal

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import ANY
from evensplit.model.report.paths import Paths, PathsCell
from evensplit.query.conditions import Condition, Source, source
from evensplit.query.plan import MOST_LIMIT, Step, event_plan, fixed_range, known_zone, span, taken

LEAST_STEPS, MOST_STEPS = 2, 20
MOST_GROUPS = 100
LONGEST_GROUP = 500
NODE = re.compile(r"([1-9]\d?):(.*)", re.ASCII | re.DOTALL)


class Group(msgspec.Struct, frozen=True):
    """Values that match the pattern (RE2, of the whole value) are called `name`."""

    name: str
    pattern: str


class Anchor(msgspec.Struct, frozen=True):
    """The value, once grouped, that paths begin or end with: where it first occurs in a session."""

    at: Literal["start", "end"]
    value: str


class PathsPlan(msgspec.Struct, frozen=True):
    """Everything resolved."""

    report: Paths
    since: int
    until: int
    condition: Condition
    by: Source
    groups: tuple[Group, ...]
    anchor: Anchor | None

    @property
    def root(self) -> int:
        """The step that every path has: its first, or where paths end at a value, its last."""
        return self.report.steps if self.anchor is not None and self.anchor.at == "end" else 1


class CellPlan(msgspec.Struct, frozen=True):
    """Who was at a value at a step; with `then`, those who went on to that value."""

    step: int
    value: str
    then: str | None


def plan(report: Paths, now: int) -> PathsPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    since, until = span(report, now)
    anchor = None if report.start is None else Anchor("start", report.start)
    return PathsPlan(
        report,
        since,
        until,
        event_plan(report, ANY, "event", now).condition,
        source(report.by, "by"),
        tuple(Group(name, _pattern(name)) for name in report.group),
        anchor if report.end is None else Anchor("end", report.end),
    )


def placed(planned: PathsPlan, cell: PathsCell) -> CellPlan:
    """The persons of a cell. Raises `unknown_cell` for one that the report cannot have."""
    if cell.node is not None and cell.source is None and cell.target is None:
        step, value = _node(planned, cell.node, "at.node")
        return CellPlan(step, value, None)
    if cell.node is not None or cell.source is None or cell.target is None:
        raise InvalidReport("unknown_cell", "at names a 'node', or a 'source' and a 'target'")
    step, value = _node(planned, cell.source, "at.source")
    after, then = _node(planned, cell.target, "at.target")
    if after != step + 1:
        raise InvalidReport("unknown_cell", f"at: links lead from a step to the next, not from {step} to {after}")
    return CellPlan(step, value, then)


# --- the steps ------------------------------------------------------------------------------------


def bounded(report: Paths, now: int) -> Paths:
    """From 2 to 20 steps, from 1 to 1,000 links."""
    if not LEAST_STEPS <= report.steps <= MOST_STEPS:
        raise InvalidReport("invalid_steps", f"paths have {LEAST_STEPS} to {MOST_STEPS} steps, not {report.steps}")
    if not 1 <= report.limit <= MOST_LIMIT:
        raise InvalidReport("invalid_limit", f"limit {report.limit} is not from 1 to {MOST_LIMIT}")
    return report


def one_anchor(report: Paths, now: int) -> Paths:
    """Paths begin with a value or end with one."""
    if report.start is not None and report.end is not None:
        raise InvalidReport("invalid_paths", "paths have a start or an end, not both")
    return report


def readable_groups(report: Paths, now: int) -> Paths:
    """At most 100 patterns of 1 to 500 characters."""
    if len(report.group) > MOST_GROUPS:
        raise InvalidReport("invalid_group", f"paths have at most {MOST_GROUPS} groups, not {len(report.group)}")
    for n, name in enumerate(report.group):
        if not 1 <= len(name) <= LONGEST_GROUP:
            raise InvalidReport("invalid_group", f"group[{n}]: a pattern has 1 to {LONGEST_GROUP} characters")
    return report


def known_property(report: Paths, now: int) -> Paths:
    """What is followed is a field or a property."""
    source(report.by, "by")
    return report


STEPS: tuple[Step[Paths], ...] = (known_zone, fixed_range, bounded, one_anchor, readable_groups, known_property)


# --- what the plan is put together from -----------------------------------------------------------


def _pattern(name: str) -> str:
    """The wildcards as RE2. Each other character stands for itself, those outside of ASCII as they are."""
    return "^(?s:" + "".join(".*" if c == "*" else _literal(c) for c in name) + ")$"


def _literal(character: str) -> str:
    if character.isalnum() or ord(character) > 127:
        return character
    return f"\\x{ord(character):02x}"


def _node(planned: PathsPlan, id_: str, at: str) -> tuple[int, str]:
    found = NODE.fullmatch(id_)
    if found is None or int(found[1]) > planned.report.steps:
        raise InvalidReport(
            "unknown_cell", f"{at} {id_[:100]!r} is no node: ids are 'step:value', steps 1 to {planned.report.steps}"
        )
    return int(found[1]), found[2]
