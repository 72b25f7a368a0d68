"""Every case of `bench/STATISTICS.md` that breaks a promise has results that warn; cases that keep theirs do not."""

from pathlib import Path

import numpy as np
import pytest

from bench.statistics.once import pairs
from bench.statistics.populations import POPULATIONS
from evensplit.experiments import cautions
from evensplit.experiments.results import MetricResult
from evensplit.experiments.weigh import Pair, Reading, weigh
from evensplit.model.metric import Method, Recorded
from evensplit.stats.moments import binary
from evensplit.stats.samples import Sample, values

TABLES = Path(__file__).parents[3] / "bench" / "STATISTICS.md"
TITLES = {"## Looked at once": 1, "## The same with nine times as many users on one side": 9}
COLUMNS: dict[str, Method] = {
    "fixed": "fixed",
    "sequential": "sequential",
    "bayesian": "bayesian",
    "covers: difference": "fixed",
    "lift": "fixed",
}
OF_NAME = {population.name: population for population in POPULATIONS}
DRAWN = 20

Case = tuple[str, int, int, Method]  # population, users, users of the control to one of the variant


def marked() -> list[Case]:
    """The cells in bold."""
    found: dict[Case, None] = {}
    for title, ratio in TITLES.items():
        lines = TABLES.read_text(encoding="utf-8").split(f"\n{title}\n")[1].split("\n## ")[0].splitlines()
        heads, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
        for row in rows:
            for head, cell in zip(heads, row, strict=True):
                if cell.startswith("**"):
                    found[row[0], int(row[1].replace(",", "")), ratio, COLUMNS[head]] = None
    return list(found)


def warned(name: str, users: int, ratio: int, method: Method) -> list[set[str]]:
    """The codes in the results of so many experiments with that population."""
    small = users // (ratio + 1)
    dice = np.random.default_rng([8, users, ratio])
    drawn = pairs(OF_NAME[name], dice, DRAWN, (small, users - small), 0.0)
    return [
        {each.code for each in cautions.of_limits(result, "a", method)}
        for result in (results(control, variant, method=method) for variant, control in drawn)
        if result.comparisons[0].difference is not None
    ]


def results(control: Sample, *variants: Sample, method: Method = "fixed") -> MetricResult:
    """Of variants b, c, ... against the control a."""
    metric, reading = Recorded(name="m"), Reading(method, 0.05)
    named = dict(zip("bcdef", variants, strict=False))
    weighed = [weigh(metric, Pair((name, "a"), (sample, control), 0.05), reading) for name, sample in named.items()]
    return MetricResult(
        metric="m",
        kind="mean",
        role="primary",
        direction="up",
        comparisons=tuple(weighed),
        samples={"a": control, **named},
    )


@pytest.mark.parametrize("case", marked(), ids=str)
def test_results_warn_where_a_promise_is_broken(case: Case) -> None:
    """Nearly always; by what one side has of a heavy tail and the other has not, in more than half of the experiments,
    which are those that go wrong (see the table of results without a warning)."""
    found = warned(*case)
    heavy = case[:3] == ("Pareto", 10_000, 9)
    assert found and sum(map(bool, found)) >= (0.5 if heavy else 0.8) * len(found)


def test_bold_cells_are_found() -> None:
    assert len(marked()) >= 30


SILENT: list[Case] = [
    ("normal", 1_000, 1, "bayesian"),
    ("normal", 10_000, 9, "fixed"),
    ("Student t3", 1_000, 1, "sequential"),
    ("revenue", 100_000, 1, "fixed"),
    ("Pareto", 10_000, 1, "sequential"),
    ("conversion", 1_000, 1, "fixed"),
    ("conversion", 10_000, 9, "sequential"),
    ("rare", 100_000, 1, "fixed"),
    ("CUPED", 1_000, 1, "bayesian"),
    ("ratio", 1_000, 1, "fixed"),
    ("quantile", 1_000, 1, "fixed"),
    ("quantile", 10_000, 9, "fixed"),
    ("quantile of events", 100, 1, "fixed"),
]


@pytest.mark.parametrize("case", SILENT, ids=str)
def test_results_are_silent_where_it_is_kept(case: Case) -> None:
    assert case not in marked()
    found = warned(*case)
    assert len(found) == DRAWN and sum(map(bool, found)) <= 1


def test_a_warning_of_many_variants_is_one() -> None:
    """It names the variant that is furthest from what is needed."""
    control, fine, few, fewer = (values("proportion", binary(1_000, n)) for n in (100, 90, 20, 9))
    assert not list(cautions.of_limits(results(control, fine), "a", "fixed"))
    (warned,) = cautions.of_limits(results(control, fine, few, fewer), "a", "fixed")
    assert (warned.code, warned.count) == ("too_few_conversions", 2)
    assert warned.figures["variant"] == "d" and warned.figures["found"] == 9
    assert warned.message.startswith("m, d: one side has 9 users")
    assert warned.message.endswith("(and 1 more of its variants)")
