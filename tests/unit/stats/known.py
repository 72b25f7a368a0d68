"""Short ways to say that there is an answer."""

from evensplit.stats.bayesian import Belief
from evensplit.stats.contrast import Contrast, Uncertain, contrast
from evensplit.stats.estimate import Compared, Comparison, Interval, NotEnough
from evensplit.stats.samples import Sample


def known(found: Compared) -> Comparison:
    assert isinstance(found, Comparison), found
    return found


def believed(found: Belief | NotEnough) -> Belief:
    assert isinstance(found, Belief), found
    return found


def apart(variant: Sample, control: Sample) -> Contrast:
    found = contrast(variant, control)
    assert isinstance(found, Contrast), found
    return found


def uncertain(found: Uncertain | NotEnough) -> Uncertain:
    assert isinstance(found, Uncertain), found
    return found


def interval(found: Interval | NotEnough) -> tuple[float, float, float]:
    """The estimate and both ends."""
    assert isinstance(found, Interval), found
    assert found.lower is not None and found.upper is not None
    return found.estimate, found.lower, found.upper
