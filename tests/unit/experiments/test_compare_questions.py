"""The parameters that say how the evidence is weighed, and what the reply says of them."""

import asyncio

import msgspec
import pytest

from evensplit.cli.results import show
from evensplit.errors import Invalid
from evensplit.experiments.analyze import analyze
from evensplit.experiments.question import Question, read_question
from evensplit.experiments.results import Results
from evensplit.model.experiment import read_new
from evensplit.storage.base import NewAssignment, NewMetric
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

BODY = b"""{"name": "x", "variants": [{"name": "a"}, {"name": "b"}], "metrics": [
    {"name": "one", "kind": "recorded", "margin": 0.5}, {"name": "two", "kind": "recorded"},
    {"name": "three", "kind": "recorded", "role": "guardrail", "margin": 0.5}]}"""


def results(catalog: Catalog, store: SmallStore, now: Clock, stop: bool = False, **asked: str) -> Results:
    experiment = asyncio.run(catalog.create(read_new(BODY)))
    for number, variant in enumerate("ab", 1):
        users = [f"{variant}{n}" for n in range(30)]
        asyncio.run(store.assign([NewAssignment(user, experiment.id, number, now.text(0)) for user in users]))
        for name in ("one", "two", "three"):
            for n, user in enumerate(users):
                store.metric(NewMetric(experiment.id, number, name, 10 + n % 5 + number, now.text(1), user))
    if stop:
        experiment = asyncio.run(catalog.move("x", "stop"))
    return asyncio.run(analyze(store, experiment, catalog.weights(experiment), read_question(asked)))


def test_they_are_read() -> None:
    asked = {"alternative": "greater", "horizon": "1000"}
    assert read_question(asked) == Question(alternative="greater", horizon=1000)
    for wrong in ("up", "two_sided", ""):
        with pytest.raises(Invalid, match="alternative"):
            read_question({"alternative": wrong})
    for wrong in ("0", "-5", "1e3", "", "x", "1" + "0" * 12 + "1", "9" * 400):
        with pytest.raises(Invalid, match="horizon"):
            read_question({"horizon": wrong})


def test_a_horizon_moves_the_sequence(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    found = results(catalog, store, now, method="sequential", horizon="60")
    assert found.horizon == 60
    experiment = catalog.experiment("x")
    usual = asyncio.run(analyze(store, experiment, catalog.weights(experiment), read_question({})))
    assert usual.horizon == 5000
    one, other = (each.metrics[0].comparisons[0].p_value for each in (found, usual))
    assert one is not None and other is not None and one < other


def test_one_side(catalog: Catalog, store: SmallStore, now: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    found = results(catalog, store, now, method="fixed", alternative="less")
    assert (found.alternative, found.horizon) == ("less", msgspec.UNSET)
    difference = found.metrics[0].comparisons[0].difference
    assert difference is not None and difference.lower is None and difference.upper is not None
    show(found)
    assert "difference 1 [..., " in capsys.readouterr().out


def test_a_fixed_horizon_says_when_it_may_be_read(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    found = results(catalog, store, now, method="fixed")
    (warning,) = found.warnings
    assert (warning.code, warning.count) == ("fixed_horizon", 3)
    experiment = catalog.experiment("x")
    for question in ({"method": "sequential"}, {"method": "bayesian"}):
        asked = read_question(question)
        assert asyncio.run(analyze(store, experiment, catalog.weights(experiment), asked)).warnings == ()


def test_a_stopped_experiment_may_be_read(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    assert results(catalog, store, now, stop=True, method="fixed").warnings == ()


def test_the_family_is_all_primary_metrics_whatever_is_shown(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    found = results(catalog, store, now, method="fixed", correction="holm")
    assert (found.family.size, found.family.metrics) == (2, ("one", "two"))
    experiment = catalog.experiment("x")
    asked = read_question({"method": "fixed", "correction": "holm", "metric": "two"})
    alone = asyncio.run(analyze(store, experiment, catalog.weights(experiment), asked))
    assert alone.family == found.family
    assert alone.metrics == (found.metrics[1],)
    assert found.metrics[2].comparisons[0].adjusted_p_value is msgspec.UNSET


def test_margins_are_shown(catalog: Catalog, store: SmallStore, now: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    found = results(catalog, store, now, method="fixed")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found
    show(found)
    assert "not worse by 50%, the same within 50%" in capsys.readouterr().out
