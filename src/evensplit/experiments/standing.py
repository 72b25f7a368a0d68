"""Which of an experiment's variants is best of all, as a belief. Not here: one against the control (`weigh`)."""

import math
from collections.abc import Mapping

from evensplit.experiments.weigh import prior_of
from evensplit.model.metric import Metric
from evensplit.stats.bayesian import beta_of
from evensplit.stats.best import MOST, Law, Normal, Standing, best_of, best_with_prior
from evensplit.stats.contrast import NEAR
from evensplit.stats.cuped import Adjustment, adjusted
from evensplit.stats.samples import Sample, Values, units
from evensplit.stats.sides import Side, side_of


def standings(metric: Metric, samples: Mapping[str, Sample], control: str) -> dict[str, dict[str, float]]:
    """The fields of each variant's row. Empty where one of the variants has no mean that scatters."""
    if len(samples) > MOST or any(units(sample) < 2 for sample in samples.values()):
        return {}
    names = [control, *(name for name in samples if name != control)]
    found = adjusted([samples[name] for name in names])
    known = (
        [each.adjusted for each in found.sides]
        if isinstance(found, Adjustment)
        else [side_of(samples[name]) for name in names]
    )
    sides = [side for side in known if isinstance(side, Side) and side.spread]
    if len(sides) < len(names):
        return {}
    first = samples[control]
    betas = isinstance(first, Values) and first.shape == "proportion" and not isinstance(found, Adjustment)
    places = _standings(metric, sides, betas)
    if not all(math.isfinite(each.chance) and math.isfinite(each.loss) for each in places):
        return {}
    return {
        name: {"chance_to_be_best": each.chance, "expected_loss_to_best": each.loss}
        for name, each in zip(names[: len(places)], places, strict=True)
    }


def _standings(metric: Metric, sides: list[Side], betas: bool) -> list[Standing]:
    prior, up, control = prior_of(metric), metric.direction == "up", sides[0]
    if prior is not None:
        if abs(control.mean) < NEAR * math.sqrt(control.spread):
            return []
        return best_with_prior(control, sides[1:], prior, up)
    laws: list[Law] = [beta_of(side) if betas else Normal(side.mean, math.sqrt(side.spread)) for side in sides]
    return best_of(laws, up)
