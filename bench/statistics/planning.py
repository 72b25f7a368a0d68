"""Experiments of the size that was planned, with the effect that was planned for: how many of them find it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.statistics.populations import COMMON, RARE, Covaried, Dice, Normal, Pareto, Plain, Population, Revenue
from bench.statistics.rates import Rate
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Comparison
from evensplit.stats.frequentist import compare, p_beyond
from evensplit.stats.power import Baseline, Plan, SampleSize, sample_size
from evensplit.stats.samples import Sample
from evensplit.stats.sequential import boundary, compare_always, rho_squared

HEADS = ("", "read", "lift", "users", "trials", "promised", "found", "Monte Carlo error")
LOOKS = 100  # of the whole, where results are looked at all the time
AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Case:
    """What was planned, and the population for which it was."""

    population: Population
    baseline: Baseline
    lift: float
    plan: Plan

    @property
    def read(self) -> str:
        if self.plan.margin is not None:
            return f"not worse by {self.plan.margin:.0%}"
        of = self.population
        scaled = isinstance(of, Plain) and of.source.shape == "mean" and not of.shifts
        grows = ", all values multiplied" if scaled else ""
        sides = "" if self.plan.alternative == "two-sided" else ", one-sided"
        return f"{self.plan.method}{sides}, {':'.join(f'{share:g}' for share in self.plan.shares)}{grows}"


def _of_coin(mean: float) -> Baseline:
    return Baseline(mean=mean, variance=mean * (1 - mean), shape="proportion")


REVENUE_VARIANCE = 0.05 * float(np.exp(8)) - Revenue().mean ** 2
CASES = (
    Case(Plain(Normal(), shifts=True), Baseline(mean=10, variance=25), 0.05, Plan()),
    Case(Plain(Normal(), shifts=True), Baseline(mean=10, variance=25), 0.05, Plan(shares=(3, 1))),
    Case(Plain(Normal(), shifts=True), Baseline(mean=10, variance=25), 0.5, Plan(power=0.9)),
    Case(Plain(Normal(), shifts=True), Baseline(mean=10, variance=25), 0.0, Plan(margin=0.04)),
    Case(Plain(COMMON), _of_coin(0.1), 0.1, Plan()),
    Case(Plain(COMMON), _of_coin(0.1), 0.2, Plan(alternative="greater", shares=(1, 4))),
    Case(Plain(COMMON), _of_coin(0.1), 0.0, Plan(margin=0.1)),
    Case(Plain(RARE), _of_coin(0.001), 0.5, Plan()),
    Case(Plain(Revenue(), shifts=True), Baseline(mean=Revenue().mean, variance=REVENUE_VARIANCE), 0.3, Plan()),
    Case(Plain(Revenue()), Baseline(mean=Revenue().mean, variance=REVENUE_VARIANCE), 0.3, Plan()),
    Case(Plain(Pareto(), shifts=True), Baseline(mean=2.1 / 1.1, variance=2.1 / 1.1**2 / 0.1), 0.2, Plan()),
    Case(Covaried(0.7), Baseline(mean=10, variance=25, reduction=0.49), 0.05, Plan()),
    Case(Plain(Normal(), shifts=True), Baseline(mean=10, variance=25), 0.05, Plan(method="sequential")),
    Case(Plain(COMMON), _of_coin(0.1), 0.1, Plan(method="sequential")),
)


def rows(quick: bool, told: Callable[[str], None]) -> list[list[str]]:
    found = []
    for number, case in enumerate(CASES):
        size = sample_size(case.plan, case.baseline, case.lift)
        assert isinstance(size, SampleSize), size
        trials = 300 if quick else 4_000
        told(f"power: {case.population.name}, {case.read}, {size.users:,} users")
        rate = Rate(_found(case, size, np.random.default_rng([300, number]), trials), trials)
        found.append(_row(case, case.read, size.users, rate))
        if case.plan.method == "sequential":
            rate = _ever(case, size, np.random.default_rng([400, number]), trials)
            found.append(_row(case, f"{case.read}, at any of {LOOKS} looks", size.users, rate))
    return found


def _row(case: Case, read: str, users: int, rate: Rate) -> list[str]:
    known = (f"{case.lift:.0%}", f"{users:,}", f"{rate.trials:,}", f"{100 * case.plan.power:.0f}")
    return [case.population.name, read, *known, rate.shown(), f"{100 * rate.error:.2f}"]


def _found(case: Case, size: SampleSize, dice: Dice, trials: int) -> int:
    control_n, variant_n = size.per_variant
    chunk = max(1, AT_ONCE // size.users)
    hits = 0
    for start in range(0, trials, chunk):
        count = min(chunk, trials - start)
        variants = case.population.sides(dice, count, variant_n, case.lift)
        controls = case.population.sides(dice, count, control_n, 0.0)
        hits += sum(sees(case.plan, *both) for both in zip(variants, controls, strict=True))
    return hits


def sees(plan: Plan, variant: Sample, control: Sample) -> bool:
    """Whether the test that was planned shows what it was planned for."""
    found = contrast(variant, control)
    if not isinstance(found, Contrast):
        return False
    if plan.margin is not None:
        return p_beyond(found, -plan.margin, "greater") < plan.alpha
    if plan.method == "sequential":
        told = compare_always(found, plan.alpha, plan.horizon, plan.alternative)
    else:
        told = compare(found, plan.alpha, plan.alternative)
    return isinstance(told, Comparison) and told.p_value < plan.alpha


def _ever(case: Case, size: SampleSize, dice: Dice, trials: int) -> Rate:
    """By the last of `LOOKS` equally distant looks, with normal estimates and the known variance: what looking on the
    way adds to the promise, which is about the last look alone."""
    plan, n = case.plan, np.arange(1, LOOKS + 1) * size.users / LOOKS
    bounds = np.array([boundary(at * rho_squared(plan.alpha, plan.horizon), plan.alpha) for at in n.tolist()])
    moved = case.baseline.mean * (1 + case.lift)
    spread = 2 * (case.baseline.variance_at(moved) + case.baseline.variance_at(case.baseline.mean))
    drift = (moved - case.baseline.mean) * np.sqrt(n / spread)
    walks = dice.normal(0, np.sqrt(size.users / LOOKS), (trials, LOOKS)).cumsum(axis=1) / np.sqrt(n)
    return Rate(int((np.abs(walks + drift) > bounds).any(axis=1).sum()), trials)
