"""The one table: figures, floors, ratios and targets, as text for the terminal and the file."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Samples:
    """The same figure measured in several rounds."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> str:
        return f"{shown(min(self.values))} - {shown(max(self.values))}"


@dataclass(frozen=True)
class Line:
    """One row: what, how much, against which floor, and what was promised."""

    name: str
    figure: float
    unit: str
    floor: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""

    def cells(self) -> list[str]:
        verdict = {None: "", True: "yes", False: "**no**"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} {self.floor}"
        return [self.name, f"{shown(self.figure)} {self.unit}", ratio, self.target, verdict, self.note]


def shown(number: float) -> str:
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def ratio(name: str, ours: Samples, floor: Samples, letter: str, least: float, unit: str) -> Line:
    """A rate that must reach a share of its floor; the ratio is the median of the rounds' ratios."""
    shares = [mine / theirs for mine, theirs in zip(ours.values, floor.values, strict=True)]
    share = statistics.median(shares)
    note = f"rounds {min(shares):.2f} - {max(shares):.2f}"
    return Line(name, ours.median, unit, letter, share, f"≥ {least} {letter}", share >= least, note)


def bound(name: str, figure: float, unit: str, most: float, note: str = "") -> Line:
    """A figure that must not exceed a limit."""
    return Line(name, figure, unit, target=f"≤ {shown(most)} {unit}", met=figure <= most, note=note)


def markdown(lines: Sequence[Line]) -> str:
    head = ["", "measured", "ratio", "target", "met", "remark"]
    rows = [head, *(line.cells() for line in lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    texts = ["| " + " | ".join(cells) + " |" for cells in padded]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([texts[0], rule, *texts[1:]])
