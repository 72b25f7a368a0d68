"""How often something happens in so many trials, and how surely that is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rate:
    """`hits` of `trials`."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        return self.hits / self.trials

    @property
    def error(self) -> float:
        """The Monte Carlo standard error."""
        return math.sqrt(max(self.value * (1 - self.value), 1 / self.trials) / self.trials)

    def above(self, promised: float) -> bool:
        """More often than promised, beyond three Monte Carlo errors of the promised rate."""
        return self.value > promised + 3 * math.sqrt(promised * (1 - promised) / self.trials)

    def below(self, promised: float) -> bool:
        return self.value < promised - 3 * math.sqrt(promised * (1 - promised) / self.trials)

    def shown(self) -> str:
        return f"{100 * self.value:.2f}"


def marked(rate: Rate, promised: float, worse: Literal["above", "below"]) -> str:
    """In per cent. Bold where it leaves the Monte Carlo error of the promise to the worse side, in italics where it
    does to the other, which costs power or width and breaks no promise."""
    above, below = rate.above(promised), rate.below(promised)
    if not above and not below:
        return rate.shown()
    return f"**{rate.shown()}**" if above == (worse == "above") else f"*{rate.shown()}*"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As markdown, aligned."""
    cells = [heads, *rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(heads))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
