"""What may be asked for: every rule, every fault named, payloads as they were sent."""

import pytest
from msgspec import Raw

from evensplit.errors import Invalid, InvalidJson
from evensplit.model.experiment import Experiment, NewExperiment, Variant, read_new, read_patch
from evensplit.model.faults import Fault
from evensplit.model.metric import Mean, Proportion, Recorded
from evensplit.model.report import EventChoice

TWO = b'"variants": [{"name": "a"}, {"name": "b"}]'


def new(text: bytes) -> NewExperiment:
    return read_new(b'{"name": "x", ' + text + b"}")


def faults(body: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read_new(body)
    found = [fault for fault in caught.value.details if isinstance(fault, Fault)]
    assert len(found) == len(caught.value.details)
    return {fault.field: fault.message for fault in found}


def test_defaults() -> None:
    found = new(TWO)
    assert [(v.name, v.weight, bytes(v.payload)) for v in found.design.variants] == [
        ("a", 1, b"null"),
        ("b", 1, b"null"),
    ]
    assert (found.start, found.hash_version, found.seed, found.metrics) == (True, "growthbook_v2", None, ())
    assert (found.design.control, found.design.description) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a" : 1.50, "b":[1e2,  null]}',
        b"12345678901234567890123",
        b'"\\u00e9"',
        b"false",
        b'{"a":1,"a":2}',
        "{'é'}".encode().replace(b"'", b'"').replace(b'"}', b'":0}'),
    ],
)
def test_a_payload_keeps_every_digit(payload: bytes) -> None:
    found = new(b'"variants": [{"name": "a", "payload": ' + payload + b'}, {"name": "b"}]')
    assert bytes(found.design.variants[0].payload) == payload


def test_all_faults_are_named_at_once() -> None:
    variants = b'[{"name": "a", "weight": -1, "no": 2}, {"name": "a/b"}, {}]'
    body = b'{"name": "", "start": 3, "wat": 1, "control": "z", "variants": ' + variants + b"}"
    assert set(faults(body)) == {
        "name",
        "start",
        "wat",
        "control",
        "variants[0].weight",
        "variants[0].no",
        "variants[1].name",
        "variants[2].name",
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'"variants": []', "variants"),
        (b'"variants": [{"name": "a"}]', "variants"),
        (b'"variants": null', "variants"),
        (b'"variants": {"a": 1}', "variants"),
        (b'"variants": [{"name": "a"}, {"name": "a"}]', "variants[1].name"),
        (b'"variants": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]', "variants"),
        (b'"variants": [{"name": "a", "weight": 1e308}, {"name": "b", "weight": 1e308}]', "variants"),
        (b'"variants": [{"name": "a", "weight": 1e400}, {"name": "b"}]', "variants[0].weight"),
        (b'"variants": [{"name": "a", "weight": "1"}, {"name": "b"}]', "variants[0].weight"),
        (b'"variants": [{"name": 1}, {"name": "b"}]', "variants[0].name"),
        (b'"variants": [{"name": ".."}, {"name": "b"}]', "variants[0].name"),
        (b'"variants": [{"name": "a", "payload": 1e400}, {"name": "b"}]', "variants[0].payload"),
        (b'"variants": [{"name": "a\\u0000"}, {"name": "b"}]', "variants[0].name"),
        (TWO + b', "hash_version": "md5"', "hash_version"),
        (TWO + b', "description": "' + b"x" * 10_001 + b'"', "description"),
    ],
)  # fmt: skip
def test_each_rule(text: bytes, field: str) -> None:
    assert list(faults(b'{"name": "x", ' + text + b"}")) == [field]


@pytest.mark.parametrize(
    ("metrics", "field"),
    [
        (b'{"kind": "recorded"}', "[0].name"),
        (b'{"kind": "sum", "name": "m"}', "[0].kind"),
        (b'{"kind": "recorded", "name": "m", "as": "median"}', "[0].as"),
        (b'{"kind": "recorded", "name": "m", "cap": {}}', "[0].cap"),
        (b'{"kind": "recorded", "name": "m"}, {"kind": "recorded", "name": "m"}', "[1].name"),
        (b'{"kind": "recorded", "name": "m", "per": "observation", "missing": "zero"}', "[0].missing"),
        (b'{"kind": "proportion", "name": "m"}', "[0].event"),
        (b'{"kind": "proportion", "name": "m", "event": "e", "window_hours": 0}', "[0].window_hours"),
        (b'{"kind": "proportion", "name": "m", "event": "e", "delay_hours": -1}', "[0].delay_hours"),
        (b'{"kind": "mean", "name": "m", "event": "e", "aggregate": "sum"}', "[0].property"),
        (b'{"kind": "mean", "name": "m", "event": "e", "property": "p"}', "[0].property"),
        (b'{"kind": "mean", "name": "m", "event": {"event_type": "e", "no": 1}}', "[0].event"),
    ],
)
def test_each_rule_of_metrics(metrics: bytes, field: str) -> None:
    assert list(faults(b'{"name": "x", ' + TWO + b', "metrics": [' + metrics + b"]}")) == [f"metrics{field}"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 5000]
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises((InvalidJson, Invalid)):
        read_new(body)


def test_deep_nesting_is_a_fault() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    for body in (
        deep,
        b'{"variants": ' + deep + b"}",
        b'{"variants": [{"name": "a", "payload": ' + deep + b'}, {"name": "b"}]}',
    ):
        with pytest.raises(Invalid, match=r"deep|object"):
            read_new(body)


def test_metrics_are_read() -> None:
    text = TWO + (
        b', "metrics": [{"kind": "recorded", "name": "r", "as": "mean", "missing": "zero", "role": "guardrail"},'
        b' {"kind": "proportion", "name": "p", "event": "buy", "window_hours": 24, "delay_hours": 1.5},'
        b' {"kind": "mean", "name": "m", "aggregate": "sum",'
        b' "event": {"event_type": "buy", "filters": [{"property": "x", "op": "is_set"}]},'
        b' "property": ["cart", "total"], "direction": "down"}]'
    )
    recorded, proportion, mean = new(text).metrics
    assert recorded == Recorded(name="r", shape="mean", missing="zero", role="guardrail")
    assert proportion == Proportion(name="p", event=EventChoice("buy"), window_hours=24, delay_hours=1.5)
    assert isinstance(mean, Mean)
    assert (mean.aggregate, mean.property, mean.direction) == ("sum", ("cart", "total"), "down")


STANDING = Experiment(
    id=1,
    name="x",
    description="old",
    status="running",
    created_at="2026-01-01 00:00:00.000",
    started_at=None,
    stopped_at=None,
    variants=(Variant(1, "a", "first", 1.0, Raw(b"1")), Variant(2, "b", None, 2.0, Raw(b"2"))),
    control="b",
    hash_version="growthbook_v2",
    seed="x",
    method="fixed",
    metrics=(),
    origin="created",
)


def patched(body: bytes) -> list[tuple[str, str | None, float, bytes]]:
    design = read_patch(body, STANDING)
    return [(v.name, v.description, v.weight, bytes(v.payload)) for v in design.variants]


def test_an_empty_patch_changes_nothing() -> None:
    design = read_patch(b"{}", STANDING)
    assert (design.name, design.description, design.control) == ("x", "old", "b")
    assert patched(b"{}") == [("a", "first", 1, b"1"), ("b", None, 2, b"2")]


def test_variants_are_the_whole_list_and_keep_what_is_left_out() -> None:
    body = b'{"variants": [{"name": "b", "weight": 5}, {"name": "c", "payload": [1]}], "control": "c"}'
    assert patched(body) == [("b", None, 5, b"2"), ("c", None, 1, b"[1]")]


def test_weights_and_payloads_by_name() -> None:
    body = b'{"weights": {"b": 0}, "payloads": {"a": {"x": 1.0}, "b": null}}'
    assert patched(body) == [("a", "first", 1, b'{"x": 1.0}'), ("b", None, 0, b"null")]
    assert read_patch(b'{"description": null}', STANDING).description is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"weights": {"z": 1}}', "weights.z"),
        (b'{"weights": {"a": "1"}}', "weights.a"),
        (b'{"weights": {"a": 0, "b": 0}}', "variants"),
        (b'{"payloads": {"z": 1}}', "payloads.z"),
        (b'{"status": "stopped"}', "status"),
        (b'{"variants": [{"name": "a"}, {"name": "a"}]}', "variants[1].name"),
        (b'{"variants": [{"name": "a"}, {"name": "c"}]}', "control"),
        (b'{"name": "a/b"}', "name"),
    ],
)
def test_a_patch_against_the_rules(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_patch(body, STANDING)
    assert field in {fault.field for fault in caught.value.details if isinstance(fault, Fault)}
