"""What an experiment is, how one is asked for, and the rules it keeps. Not here: who gets which variant."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from evensplit.errors import Invalid
from evensplit.model.faults import ABSENT, MISSING, Fault, Fields, text_of
from evensplit.model.metric import Method, Metric, read_metrics

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 10_000
MOST_VARIANTS = 1_000
NULL = msgspec.Raw(b"null")

Status: TypeAlias = Literal["draft", "running", "stopped", "archived"]
Action: TypeAlias = Literal["start", "stop", "archive"]
HashVersion: TypeAlias = Literal["growthbook_v2", "growthbook_v1"]
Origin: TypeAlias = Literal["created", "loaded"]

# action: (the states it is allowed in, the state it leads to); repeating an action changes nothing
TRANSITIONS: dict[Action, tuple[tuple[Status, ...], Status]] = {
    "start": (("draft", "stopped", "running"), "running"),
    "stop": (("running", "stopped"), "stopped"),
    "archive": (("draft", "running", "stopped", "archived"), "archived"),
}


class Variant(msgspec.Struct, frozen=True):
    """A stored variant. The payload is the JSON text that was sent."""

    id: int
    name: str
    description: str | None
    weight: float
    payload: msgspec.Raw


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """A stored experiment; its variants in the order they were given. Times are the record's text."""

    id: int
    name: str
    description: str | None
    status: Status
    created_at: str
    started_at: str | None
    stopped_at: str | None
    variants: tuple[Variant, ...]
    control: str
    hash_version: HashVersion
    seed: str
    method: Method
    metrics: tuple[Metric, ...]
    origin: Origin

    def variant(self, variant_id: int) -> Variant | None:
        return next((variant for variant in self.variants if variant.id == variant_id), None)

    def named(self, name: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.name == name), None)


class NewVariant(msgspec.Struct, frozen=True):
    """A variant as it is asked for."""

    name: str
    description: str | None = None
    weight: float = 1.0
    payload: msgspec.Raw = NULL


class Design(msgspec.Struct, frozen=True):
    """What may be changed later: names, texts, variants, weights. `control` None means the first variant."""

    name: str
    variants: tuple[NewVariant, ...]
    description: str | None = None
    control: str | None = None


class NewExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment as it is asked for. The seed of the hash is the name it is created with, unless one is given."""

    design: Design
    start: bool = True
    hash_version: HashVersion = "growthbook_v2"
    seed: str | None = None
    metrics: tuple[Metric, ...] = ()
    origin: Origin = "created"
    method: Method = "sequential"


def read_new(body: bytes) -> NewExperiment:
    """The body of `POST /v1/experiments`; raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    variants = tuple(_read_variant(item) for item in fields.items("variants"))
    design = Design(
        fields.require("name", str, "unnamed"),
        variants,
        _nullable(fields, "description"),
        _nullable(fields, "control"),
    )
    metrics = read_metrics(fields.items("metrics"), fields.faults)
    version: HashVersion = fields.choice("hash_version", get_args(HashVersion), "growthbook_v2")
    method: Method = fields.choice("method", get_args(Method), "sequential")
    new = NewExperiment(
        design=design,
        start=fields.take("start", bool, True),
        hash_version=version,
        seed=_nullable(fields, "seed"),
        metrics=metrics,
        method=method,
    )
    fields.end()
    settle(fields.faults + _faults(design))
    return new


def read_patch(body: bytes, experiment: Experiment) -> Design:
    """The body of `PATCH`, applied. `variants` is the whole list: a name that is missing from it is removed,
    what an entry leaves out stays as it is. `weights` and `payloads` change single variants by name."""
    fields = Fields(text_of(body))
    standing = {variant.name: _again(variant) for variant in experiment.variants}
    variants = dict(standing)
    if fields.peek("variants") not in ABSENT:
        listed = [_read_variant(item, standing) for item in fields.items("variants")]
        fields.faults += _unique(listed)
        variants = {variant.name: variant for variant in listed}
    for name, raw in fields.table("weights").items():
        if _known(fields, "weights", name, variants):
            weight = fields.read(raw, f"weights.{name}", float, variants[name].weight)
            variants[name] = msgspec.structs.replace(variants[name], weight=weight)
    for name, raw in fields.table("payloads").items():
        if _known(fields, "payloads", name, variants):
            variants[name] = msgspec.structs.replace(variants[name], payload=fields.json(raw, f"payloads.{name}"))
    description = fields.peek("description")
    control = _nullable(fields, "control")
    design = Design(
        fields.take("name", str, experiment.name),
        tuple(variants.values()),
        experiment.description if description == MISSING else _nullable(fields, "description"),
        control if control is not None else experiment.control,
    )
    fields.end()
    settle(fields.faults + _faults(design))
    return design


def check(design: Design) -> None:
    """Raise Invalid with every rule the design breaks."""
    settle(_faults(design))


def settle(faults: Sequence[Fault]) -> None:
    """Raise Invalid if there is any fault."""
    if faults:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Invalid(f"{first.field}: {first.message}{more}".removeprefix(": "), faults)


def name_faults(field: str, name: str) -> list[Fault]:
    """The rule for names of experiments, variants and metrics: they stand in addresses."""
    if not 1 <= len(name) <= NAME_LENGTH:
        return [Fault(field, f"must have 1 to {NAME_LENGTH} characters, has {len(name)}")]
    if "/" in name or "\0" in name or name in (".", ".."):
        return [Fault(field, f"must not hold '/' or NUL, nor be '.' or '..': {name!r}")]
    return []


def _faults(design: Design) -> list[Fault]:
    faults = name_faults("name", design.name)
    for index, variant in enumerate(design.variants):
        faults += name_faults(f"variants[{index}].name", variant.name)
        if not (math.isfinite(variant.weight) and variant.weight >= 0):
            faults.append(Fault(f"variants[{index}].weight", f"must be finite and at least 0, is {variant.weight:g}"))
        faults += _text_faults(f"variants[{index}].description", variant.description)
    if not 2 <= len(design.variants) <= MOST_VARIANTS:
        faults.append(Fault("variants", f"must be 2 to {MOST_VARIANTS}, there are {len(design.variants)}"))
    faults += _unique(design.variants)
    faults += _text_faults("description", design.description)
    faults += _sum_faults([variant.weight for variant in design.variants])
    if design.control is not None and design.control not in {variant.name for variant in design.variants}:
        faults.append(Fault("control", f"no variant is named {design.control!r}"))
    return faults


def _sum_faults(weights: Sequence[float]) -> list[Fault]:
    """Nothing about the sum where a single weight is wrong already."""
    if not weights or any(not math.isfinite(weight) or weight < 0 for weight in weights):
        return []
    total = sum(weights)
    if not 0 < total < math.inf:
        return [Fault("variants", f"the weights must have a positive, finite sum, it is {total:g}")]
    return []


def _unique(variants: Sequence[NewVariant]) -> list[Fault]:
    seen: set[str] = set()
    faults = []
    for index, variant in enumerate(variants):
        if variant.name in seen:
            faults.append(Fault(f"variants[{index}].name", f"a variant is named {variant.name!r} already"))
        seen.add(variant.name)
    return faults


def _text_faults(field: str, text: str | None) -> list[Fault]:
    if text is None:
        return []
    if len(text) > DESCRIPTION_LENGTH:
        return [Fault(field, f"must have at most {DESCRIPTION_LENGTH} characters, has {len(text)}")]
    return [Fault(field, "must not hold NUL")] if "\0" in text else []


def _read_variant(fields: Fields, standing: dict[str, NewVariant] | None = None) -> NewVariant:
    """What is left out keeps its present value where the variant stands already."""
    name = fields.require("name", str, "unnamed")
    before = (standing or {}).get(name) or NewVariant(name)
    description = fields.peek("description")
    payload = fields.raw("payload")
    variant = NewVariant(
        name,
        before.description if description == MISSING else _nullable(fields, "description"),
        fields.take("weight", float, before.weight),
        before.payload if payload == MISSING else fields.json(payload, "payload"),
    )
    fields.end()
    return variant


def _nullable(fields: Fields, name: str) -> str | None:
    raw = fields.raw(name)
    return None if raw in ABSENT else fields.read(raw, name, str, "")


def _known(fields: Fields, field: str, name: str, variants: dict[str, NewVariant]) -> bool:
    if name in variants:
        return True
    fields.fault(f"{field}.{name}", f"no variant is named {name!r}")
    return False


def _again(variant: Variant) -> NewVariant:
    return NewVariant(variant.name, variant.description, variant.weight, variant.payload)
