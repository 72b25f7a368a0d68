"""What results amount to, in words: the verdict, a comparison's state, how an experiment stands. Not here: figures."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.decision import Decision
from evensplit.experiments.results import ComparisonNumbers, MetricResult, NonInferiority, Results, SampleRatio
from evensplit.model.experiment import Experiment

Tone: TypeAlias = Literal["", "good", "bad", "warn"]
Side: TypeAlias = Literal["better", "worse", "open"]

SHORT = {
    "ship": "ship",
    "do_not_ship": "do not ship",
    "keep_running": "keep running",
    "cannot_say": "cannot say",
}
TONES: dict[str, Tone] = {"ship": "good", "do_not_ship": "bad", "keep_running": "", "cannot_say": "warn"}
METHODS = (
    ("sequential", "sequential: valid at every look"),
    ("fixed", "fixed: to be read once, at the end"),
    ("bayesian", "bayesian: chance to win"),
)
CORRECTIONS = (("none", "none"), ("holm", "Holm"), ("bh", "Benjamini and Hochberg"))
STATUS_TONES: dict[str, Tone] = {"running": "good", "draft": "", "stopped": "warn", "archived": ""}


class Word(msgspec.Struct, frozen=True):
    """A word with its colour."""

    text: str
    tone: Tone = ""


def verdict(decision: Decision) -> str:
    """The sentence that stands first."""
    if decision.decision == "ship":
        return f"Ship {decision.variant}."
    if decision.decision == "do_not_ship":
        return "Do not ship: stay with the control."
    if decision.decision == "keep_running":
        return "Keep it running: it is not decided yet."
    return "Nothing can be said from this."


def short(decision: Decision) -> Word:
    text = SHORT[decision.decision]
    return Word(f"{text} {decision.variant}" if decision.variant else text, TONES[decision.decision])


def split(ratio: SampleRatio) -> Word:
    """Whether each variant got its share."""
    if ratio.is_suspect:
        return Word("split is off", "bad")
    return Word("split is right", "good") if ratio.verdict == "ok" else Word("split not known yet", "warn")


def state(result: MetricResult, comparison: ComparisonNumbers) -> Word:
    """What one comparison says, by the metric's own verdict; a guardrail's by its margin, too."""
    if comparison.difference is None:
        return Word("unknown", "warn")
    kept = comparison.non_inferiority
    if isinstance(kept, NonInferiority) and kept.non_inferior:
        return Word("within its margin", "good")
    if result.verdict.status == "srm_suspect":
        return Word("not to be trusted", "warn")
    side = _side(result, comparison)
    if side == "better":
        return Word("better", "good")
    if side == "worse":
        return Word("harmed" if result.role == "guardrail" else "worse", "bad")
    if result.role == "guardrail" and not isinstance(kept, NonInferiority):
        return Word("no harm seen")
    return Word("open")


def _side(result: MetricResult, comparison: ComparisonNumbers) -> Side:
    """A part of a dimension has no verdict of its own: there the interval says it, corrected as its p value is."""
    if result.verdict.status != "unknown":
        if comparison.variant in result.verdict.better:
            return "better"
        return "worse" if comparison.variant in result.verdict.worse else "open"
    apart = comparison.difference
    above = apart is not None and apart.lower is not None and apart.lower > 0
    below = apart is not None and apart.upper is not None and apart.upper < 0
    if not (above or below):
        return "open"
    return "better" if above == (result.direction == "up") else "worse"


def attention(experiment: Experiment, results: Results) -> Sequence[str]:
    """What somebody should look after."""
    found = []
    if results.srm.is_suspect:
        found.append("the users are not split as the weights ask")
    decision = results.verdict
    if isinstance(decision, Decision) and experiment.status == "running":
        if decision.decision == "ship":
            found.append("it can be decided")
        elif decision.decision == "do_not_ship":
            found.append("it should be stopped")
    if not sum(results.users.values()) and experiment.status == "running":
        found.append("nobody has been assigned yet")
    if not experiment.metrics and not results.metrics:
        found.append("it has no metric")
    return found
