"""Experiments made and changed: the guided creation, start and stop, weights and texts, the end. Editors only."""

import math
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from evensplit.errors import EvensplitError, Invalid
from evensplit.experiments.conditions import check
from evensplit.experiments.intent import read_intent
from evensplit.experiments.power import plan
from evensplit.model.experiment import Action, NewExperiment, read_new, read_patch, settle
from evensplit.model.faults import Fault, Fields, text_of
from evensplit.model.metric import read_metrics
from evensplit.ui.builders import OPERATOR_OPTIONS
from evensplit.ui.experiments import charts, rows
from evensplit.ui.pages.experiments import setup_page
from evensplit.ui.replies import Reply, redirect, segment
from evensplit.ui.visit import Visit


async def new(visit: Visit) -> Reply:
    """The guided creation, put together by its script."""
    return visit.page("experiment_new.html", operators=OPERATOR_OPTIONS)


async def checked(visit: Visit) -> Reply:
    """What is wrong with an experiment that is being put together, as JSON."""
    try:
        await _read(visit)
    except EvensplitError as error:
        return _faults(error)
    return _json({"faults": []})


async def power(visit: Visit) -> Reply:
    """A part of the creation: how long it would take, from the project's own history."""
    try:
        found = await plan(visit.services.store, read_intent(visit.form.text("intent").encode()))
    except EvensplitError as error:
        return _faults(error)
    return visit.page("experiment_power.html", found=found, charts=charts, known=rows.known)


async def create(visit: Visit) -> Reply:
    """Where it stands then, or what is wrong with it, as JSON."""
    try:
        made = await visit.catalog.create(await _read(visit))
    except EvensplitError as error:
        return _faults(error)
    return _json({"location": f"/experiments/{segment(made.name)}"})


async def move(visit: Visit) -> Reply:
    """Start, stop or put away."""
    actions: Mapping[str, Action] = {word: word for word in get_args(Action)}
    action = actions.get(visit.form.text("action"))
    if action is None:
        raise Invalid(f"action: must be one of {', '.join(actions)}, is {visit.form.text('action')[:100]!r}")
    await visit.catalog.move(visit.parts["name"], action)
    return redirect(f"/experiments/{segment(visit.parts['name'])}")


async def change(visit: Visit) -> Reply:
    """Description, weights, payloads, another variant. A variant whose name is empty is not added."""
    experiment = visit.catalog.experiment(visit.parts["name"])
    try:
        body = _patch(visit)
        await visit.catalog.change(experiment.name, lambda before: read_patch(body, before))
    except EvensplitError as error:
        return setup_page(visit, experiment, error.message, error.status)
    return redirect(f"/experiments/{segment(experiment.name)}/setup")


async def measure(visit: Visit) -> Reply:
    """Other metrics."""
    experiment = visit.catalog.experiment(visit.parts["name"])
    try:
        fields = Fields(b'{"metrics":' + text_of(visit.form.text("metrics").encode()) + b"}")
        metrics = read_metrics(fields.items("metrics"), fields.faults)
        fields.end()
        settle(fields.faults)
        await check(visit.services.store, metrics)
        await visit.catalog.measure(experiment.name, metrics)
    except EvensplitError as error:
        return setup_page(visit, experiment, error.message, error.status)
    return redirect(f"/experiments/{segment(experiment.name)}/setup")


async def delete(visit: Visit) -> Reply:
    """With its assignments and values; the name must have been typed."""
    experiment = visit.catalog.experiment(visit.parts["name"])
    typed = visit.form.text("typed")
    if typed != experiment.name:
        return setup_page(visit, experiment, f"typed: must be the experiment's name, is {typed[:100]!r}", 422)
    await visit.catalog.delete(experiment.name)
    return redirect("/experiments")


# --- reading --------------------------------------------------------------------------------------


async def _read(visit: Visit) -> NewExperiment:
    """Raises Invalid with every fault, InvalidJson, InvalidReport."""
    asked = read_new(visit.form.text("experiment").encode("utf-8", "replace"))
    await check(visit.services.store, asked.metrics)
    return asked


def _patch(visit: Visit) -> bytes:
    """The form as the body of a change. Raises Invalid for a weight or a payload that cannot be read."""
    form, faults, variants = visit.form, list[Fault](), []
    table = zip(*(form.all(name) for name in ("variant", "weight", "payload", "about")), strict=False)
    for n, (name, weight, payload, about) in enumerate(table):
        if not name.strip():
            continue
        variants.append(
            {
                "name": name,
                "weight": _weight(weight, n, faults),
                "payload": _payload(payload, n, faults),
                "description": about.strip() or None,
            }
        )
    settle(faults)
    if not variants:
        raise Invalid("variants: the form holds none")
    control = form.text("control")
    described = form.text("description").strip() or None
    return msgspec.json.encode(
        {"variants": variants, "description": described, **({"control": control} if control else {})}
    )


def _weight(text: str, n: int, faults: list[Fault]) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        faults.append(Fault(f"variants[{n}].weight", f"must be a number, is {text[:100]!r}"))
        return 1.0
    return weight


def _payload(text: str, n: int, faults: list[Fault]) -> msgspec.Raw:
    raw = text.strip() or "null"
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        faults.append(Fault(f"variants[{n}].payload", f"is not JSON: {error}"))
        return msgspec.Raw(b"null")
    return msgspec.Raw(raw.encode("utf-8", "replace"))


# --- answering ------------------------------------------------------------------------------------


def _faults(error: EvensplitError) -> Reply:
    """Every fault with its field; a message that begins with one is taken apart."""
    found: Sequence[Fault] = [each for each in error.details if isinstance(each, Fault)]
    if not found:
        field, colon, rest = error.message.partition(": ")
        placed = bool(colon) and " " not in field
        found = [Fault(field, rest) if placed else Fault("name" if error.code == "conflict" else "", error.message)]
    return _json({"faults": found}, error.status)


def _json(value: object, status: int = 200) -> Reply:
    return Reply(body=msgspec.json.encode(value), status=status, content_type="application/json")
