"""How a metric is measured in the store: from its definition to a sample a variant, of which statistics make the rest.

`numbers` says what is needed of each unit, `people` and `statements` put it in SQL, `sums` adds it up exactly, `ask`
asks a store. Not here: what the samples say (`stats`, `compare`).
"""

from evensplit.experiments.measure.ask import Measured, ends, measure
from evensplit.experiments.measure.numbers import Census, Measurement, census, measurement

__all__ = ["Census", "Measured", "Measurement", "census", "ends", "measure", "measurement"]
