"""Runs every simulation and writes STATISTICS.md.

python -m bench.statistics [--quick] [--no-file]
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.statistics import covariates, once, peeking, planning, shares, splits
from bench.statistics.populations import POPULATIONS, SOURCES
from bench.statistics.rates import table

RESULTS = Path(__file__).parents[1] / "STATISTICS.md"


def told(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)


def sections(quick: bool) -> Iterator[str]:
    """Title, what it shows, table."""
    yield "\n".join(["## The populations", "", *(f"- {each.name}: {each.what}" for each in POPULATIONS)])
    yield f"""## A covariate (CUPED)

{table(covariates.HEADS, covariates.rows(quick, told))}"""
    yield f"""## Power

Experiments of the planned size with the planned effect. For the sequential method the promise is about the last look;
who looks on the way finds it more often.

{table(planning.HEADS, planning.rows(quick, told))}"""
    yield f"""## The check of the split, after every user

Exact: no dice are thrown. The first rows: the split is right, so that each call is a false one.

{table(splits.HEADS, splits.rows(quick, told))}"""
    equal = list(once.cases(POPULATIONS, 1, quick, told))
    yield f"""## Looked at once

Two sides of half the users each. `fixed`, `sequential`, `bayesian`: how often (%) the p value is below {once.ALPHA}
(the chance to win beyond {once.ALPHA / 2} from either end) where nothing differs. `covers`: how often (%) the fixed
method's 95 % interval holds the true difference, 0, and the true lift, {once.LIFT:.0%}, in other experiments that have
one. `unknown`: experiments that got a reason instead of an answer, which are in no rate. `warned`: how often (%)
results of the fixed and of the sequential method warn that such rates may not hold. Beliefs about proportions take
integrals: they are asked for in {once.MOST_BELIEFS} of the trials.

{table(once.HEADS, once.rows(equal))}"""
    uneven = list(once.cases(POPULATIONS, 9, quick, told))
    yield f"""## The same with nine times as many users on one side

{table(once.HEADS, once.rows(uneven))}"""
    yield f"""## Where results carry no warning

All rows of the two tables above that have a rate in bold: how often (%) results warn, and the rates of those
experiments whose results do not, each held against what is promised and the Monte Carlo error of their own number.
Where a cell is empty, all of them warn.

{table(once.CALM_HEADS, once.calm([*equal, *uneven]))}"""
    yield f"""## Shares, over every outcome

Exact: no dice are thrown. `successes`: how many the smaller side has on average. How often (%) the fixed test calls out
where nothing differs, and how often its 95 % intervals hold the truth.

{table(shares.HEADS, list(shares.rows(quick, told)))}"""
    yield f"""## Looked at after every {peeking.EVERY} users

How often (%) the p value is below {peeking.ALPHA} at any look where nothing differs. The last column is what repeated
looks do to a test that is meant to be read once.

{table(peeking.HEADS, peeking.rows(SOURCES, quick, told))}"""


def _opening(quick: bool) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    command = f"python -m bench.statistics{' --quick' if quick else ''}"
    return f"""# How often the statistics are right

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d} with {libraries}; every seed is fixed. Rates
in **bold** leave three Monte Carlo standard errors of what is promised to the worse side; those in *italics* to the
side that breaks no promise. What follows for results is said in [docs/trust.md](../docs/trust.md)."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials, smaller sizes")
    parser.add_argument("--no-file", action="store_true", help="print only")
    given = parser.parse_args()
    parts = [_opening(given.quick)]
    for part in sections(given.quick):
        print(part, end="\n\n", flush=True)
        parts.append(part)
    if not given.no_file:
        RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
