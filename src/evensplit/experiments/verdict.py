"""What a metric's comparisons amount to, in one word. Not here: the numbers, or whether to end the experiment."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from evensplit.model.metric import Direction


class Verdict(msgspec.Struct, frozen=True):
    """`decided`: at least one variant differs from the control at this alpha. `srm_suspect`: the split of users is
    not what the weights ask for, so no difference can be trusted."""

    status: Literal["decided", "undecided", "unknown", "srm_suspect"]
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One comparison: who, how far from the control, and the p value that counts (adjusted, where that is asked)."""

    variant: str
    difference: float
    p_value: float


def judge(findings: Sequence[Finding], direction: Direction, alpha: float, suspect: bool) -> Verdict:
    """`findings` without those that are unknown."""
    if not findings:
        return Verdict("unknown")
    if suspect:
        return Verdict("srm_suspect")
    clear = [finding for finding in findings if finding.p_value < alpha]
    up = tuple(finding.variant for finding in clear if finding.difference > 0)
    down = tuple(finding.variant for finding in clear if finding.difference < 0)
    better, worse = (up, down) if direction == "up" else (down, up)
    return Verdict("decided" if clear else "undecided", better, worse)
