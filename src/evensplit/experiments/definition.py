"""What was asked and of what, in one line: a hash that changes with everything that gives results their meaning."""

import hashlib

import msgspec

from evensplit.model.experiment import Experiment
from evensplit.model.metric import Method, Metric

_encode = msgspec.json.Encoder(order="deterministic").encode


class _Meant(msgspec.Struct, frozen=True, array_like=True):
    """Weights, texts and the experiment's name are left out: they may change and the numbers mean the same."""

    experiment: int
    control: str
    variants: tuple[tuple[int, str], ...]
    metrics: tuple[Metric, ...]
    method: Method


def definition(experiment: Experiment, method: Method) -> str:
    """SHA-256, hexadecimal, of the canonical JSON: fields in a fixed order, keys sorted, no spaces."""
    variants = tuple((variant.id, variant.name) for variant in experiment.variants)
    meant = _Meant(experiment.id, experiment.control, variants, experiment.metrics, method)
    return hashlib.sha256(_encode(meant)).hexdigest()
