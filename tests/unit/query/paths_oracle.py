"""What paths must be, computed slowly and obviously from a list of events. Shares no code with `evensplit.query`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tests.unit.query.memory_store import Event
from tests.unit.query.sessions_oracle import seen_in, sessions
from tests.unit.query.trend_oracle import text, value_of

Node = tuple[int, str]
People = dict[Node, set[str]]
Moves = dict[tuple[Node, Node], set[str]]


def covers(pattern: str, value: str) -> bool:
    """Whether the value is spelled like the pattern, a `*` standing for any characters or none."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(covers(pattern[1:], value[n:]) for n in range(len(value) + 1))
    return value[:1] == pattern[0] and covers(pattern[1:], value[1:])


def called(event: Event, report: Mapping[str, Any]) -> str | None:
    value = text(value_of(event, report["by"]))
    if value is None:
        return None
    return next((pattern for pattern in report["group"] if covers(pattern, value)), value)


def walked(values: Sequence[str], report: Mapping[str, Any]) -> dict[int, str]:
    """The steps of one session."""
    path: list[str] = []
    for value in values:
        if not path or path[-1] != value:
            path.append(value)
    first = 1
    if report.get("start") is not None:
        path = path[path.index(report["start"]) :] if report["start"] in path else []
    if report.get("end") is not None:
        path = path[: path.index(report["end"]) + 1][-report["steps"] :] if report["end"] in path else []
        first = report["steps"] - len(path) + 1
    return dict(enumerate(path[: report["steps"]], first))


def paths(
    events: Sequence[Event], report: Mapping[str, Any], low: int, high: int, owners: Mapping[str, str]
) -> tuple[People, Moves]:
    """Who was where at which step, and who went on to what."""
    nodes: People = defaultdict(set)
    moves: Moves = defaultdict(set)
    for session in sessions(seen_in(events, report["filters"], low, high, owners)):
        for person in {person for _, _, person in session}:
            if person is None:
                continue
            values = [called(event, report) for _, event, whose in session if whose == person]
            steps = walked([value for value in values if value is not None], report)
            for step, value in steps.items():
                nodes[step, value].add(person)
                if step + 1 in steps:
                    moves[(step, value), (step + 1, steps[step + 1])].add(person)
    return dict(nodes), dict(moves)
