"""Paths: what people do one after the other, as nodes and the links between them."""

import msgspec

from evensplit.model.report import Answer, Path, Report


class Paths(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The paths report as asked; `query.plan.paths.STEPS` fill in what was left open.

    `start` or `end`: the value that paths begin or end with. `by`: whose values are followed. `group`: patterns in
    which `*` stands for anything; values that match one are counted under its name."""

    start: str | None = None
    end: str | None = None
    steps: int = 5
    limit: int = 50
    by: Path = "@event_type"
    group: tuple[str, ...] = ()


class PathsCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of a paths report: of a `node`, or of the link from `source` to `target`, by their ids."""

    node: str | None = None
    source: str | None = None
    target: str | None = None


# --- answers --------------------------------------------------------------------------------------


class PathNode(msgspec.Struct, frozen=True):
    """A value at a step, and how many persons were there. The id is `step:value`."""

    id: str
    step: int
    value: str
    users: int


class PathLink(msgspec.Struct, frozen=True):
    """How many persons went from one node to a node of the next step."""

    source: str
    target: str
    users: int


class PathsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply: the links of most users, and the nodes they join. `truncated`: there are more links."""

    report: Paths
    nodes: list[PathNode]
    links: list[PathLink]
    truncated: bool
