"""An experiment's results as tables to read. Every figure comes from the reply; nothing is computed here."""

import click

from evensplit.cli import tables
from evensplit.cli.tables import number
from evensplit.experiments.decision import Decision
from evensplit.experiments.results import (
    Adjusted,
    ComparisonNumbers,
    Dimension,
    Equivalence,
    MetricResult,
    NonInferiority,
    Results,
    SampleRatio,
)
from evensplit.stats.estimate import Interval, NotEnough


def show(results: Results) -> None:
    users = ", ".join(f"{name} {count:,}" for name, count in results.users.items())
    click.echo(f"{results.experiment}: {users or 'no users'} (control: {results.control})")
    click.echo(f"split: {_split(results.srm)}")
    if isinstance(results.verdict, Decision):
        _show_verdict(results.verdict)
    for metric in results.metrics:
        _show_metric(metric, results.alpha)
    if isinstance(results.dimension, Dimension):
        _show_parts(results.dimension, results.alpha)
    reasons = results.verdict.reasons if isinstance(results.verdict, Decision) else ()
    told = {reason.message for reason in reasons}
    for warning in results.warnings:
        if warning.message not in told:
            click.echo(f"note: {warning.message}")


def _show_verdict(verdict: Decision) -> None:
    named = f" {verdict.variant}" if verdict.variant is not None else ""
    click.echo(f"verdict: {verdict.decision.replace('_', ' ')}{named}")
    for reason in verdict.reasons:
        click.echo(f"  {reason.message}")


def _show_parts(dimension: Dimension, alpha: float) -> None:
    """A line a part and comparison; the interval of each says the same as its adjusted p value."""
    for part in dimension.parts:
        named = "not set" if part.part is None else part.part
        users = ", ".join(f"{name} {count:,}" for name, count in part.users.items())
        click.echo(f"\n{dimension.name} {named}: {users} (split: {_split(part.srm)})")
        for metric in part.metrics:
            for comparison in metric.comparisons:
                against = f"{metric.metric}, {comparison.variant} against {comparison.versus}"
                click.echo(f"{against}: {_against(comparison, f'{100 * (1 - alpha):.4g}%')}")
    click.echo("")
    for test in dimension.heterogeneity:
        said = test.unknown.message if isinstance(test.unknown, NotEnough) else f"p {number(test.p_value)}"
        click.echo(f"{test.metric}, {test.variant}: one effect in all parts? {said}")


def _split(srm: SampleRatio) -> str:
    if isinstance(srm.unknown, NotEnough):
        return f"unknown: {srm.unknown.message}"
    return f"{srm.verdict} (chi-squared {number(srm.chi2, 5)}, p {number(srm.p_value)})"


def _show_metric(metric: MetricResult, alpha: float) -> None:
    shape = f", {metric.shape} per {metric.unit}" if metric.shape and metric.unit else ""
    click.echo(f"\n{metric.metric} ({metric.role}{shape})")
    if isinstance(metric.unknown, NotEnough):
        click.echo(f"unknown: {metric.unknown.message}")
        return
    tables.show(
        ("variant", "n", "mean", "sum"),
        [(v.variant, number(v.n), number(v.mean, 6), number(v.sum, 6)) for v in metric.variants],
    )
    level = f"{100 * (1 - alpha):.4g}%"
    for comparison in metric.comparisons:
        click.echo(f"{comparison.variant} against {comparison.versus}: {_against(comparison, level)}")


def _against(comparison: ComparisonNumbers, level: str) -> str:
    if isinstance(comparison.unknown, NotEnough):
        return f"unknown: {comparison.unknown.message}"
    parts = [f"difference {_interval(comparison.difference)}", f"lift {_interval(comparison.lift, '%')}"]
    parts += _besides(comparison)
    if isinstance(comparison.chance_to_win, float) and isinstance(comparison.expected_loss, float):
        won = f"chance to win {100 * comparison.chance_to_win:.4g}%, expected loss {number(comparison.expected_loss)}"
        return ", ".join([*parts, f"{won} ({comparison.method}, {level} intervals)"])
    p_value = f"p {number(comparison.p_value)}"
    if isinstance(comparison.adjusted_p_value, float):
        p_value += f" (adjusted {number(comparison.adjusted_p_value)})"
    method = comparison.method or ""
    if isinstance(comparison.degrees_of_freedom, float):
        method += f", {comparison.degrees_of_freedom:.2f} degrees of freedom"
    return ", ".join([*parts, f"{p_value} ({method}, {level} intervals)"])


def _besides(comparison: ComparisonNumbers) -> list[str]:
    """What the covariate did, and what the margin says."""
    parts = []
    if isinstance(comparison.cuped, Adjusted):
        reduced = comparison.cuped.variance_reduction
        parts.append("covariate not used" if reduced is None else f"variance less by {100 * reduced:.3g}%")
    if isinstance(comparison.non_inferiority, NonInferiority):
        margin = f"{100 * comparison.non_inferiority.margin:g}%"
        words = {True: "not worse by", False: "may be worse by", None: "not known whether worse by"}
        parts.append(f"{words[comparison.non_inferiority.non_inferior]} {margin}")
    if isinstance(comparison.equivalence, Equivalence) and comparison.equivalence.equivalent:
        parts.append(f"the same within {100 * comparison.equivalence.margin:g}%")
    return parts


def _interval(interval: Interval | None, unit: str = "") -> str:
    if interval is None:
        return "unknown"
    scale = 100 if unit else 1
    low, high = ("..." if end is None else f"{number(end * scale)}{unit}" for end in (interval.lower, interval.upper))
    return f"{number(interval.estimate * scale)}{unit} [{low}, {high}]"
