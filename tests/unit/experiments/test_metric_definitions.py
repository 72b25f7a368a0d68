"""Definitions of metrics: every kind is read, kept and read again; every rule names its field."""

import json
from typing import Any

import msgspec
import pytest

from evensplit.errors import Invalid
from evensplit.model.experiment import read_new
from evensplit.model.faults import Fault
from evensplit.model.metric import (
    Cap,
    Funnel,
    Mean,
    Metric,
    Proportion,
    Quantile,
    Ratio,
    Recorded,
    Retention,
    Side,
    Span,
)
from evensplit.model.report import EventChoice, Filter

STORED = msgspec.json.Decoder(tuple[Metric, ...])


def read(**definition: Any) -> Metric:
    body = {"name": "x", "variants": [{"name": "a"}, {"name": "b"}], "metrics": [{"name": "m", **definition}]}
    (metric,) = read_new(json.dumps(body).encode()).metrics
    return metric


def faults(**definition: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read(**definition)
    return [fault.field.removeprefix("metrics[0].") for fault in caught.value.details if isinstance(fault, Fault)]


BUY = EventChoice("buy")
SUM = {"event": "buy", "aggregate": "sum", "property": "price"}
KINDS: list[tuple[dict[str, Any], Metric]] = [
    ({"kind": "recorded", "cap": {"upper_value": 9}}, Recorded(name="m", cap=Cap(upper_value=9))),
    (
        {"kind": "proportion", "event": "buy", "covariate_days": 7, "margin": 0.02},
        Proportion(name="m", event=BUY, covariate_days=7, margin=0.02),
    ),
    (
        {"kind": "mean", **SUM, "cap": {"upper_quantile": 0.99, "ignore_zeros": True}},
        Mean(name="m", event=BUY, aggregate="sum", property="price", cap=Cap(None, 0.99, True)),
    ),
    (
        {"kind": "ratio", "numerator": {**SUM, "cap": {"upper_value": 5}}, "denominator": {"event": "buy"}},
        Ratio(
            name="m",
            numerator=Side(event=BUY, aggregate="sum", property="price", cap=Cap(5)),
            denominator=Side(event=BUY),
        ),
    ),
    (
        {"kind": "quantile", "event": "load", "property": ["t", "ms"], "q": 0.9, "per": "event"},
        Quantile(name="m", event=EventChoice("load"), property=("t", "ms"), q=0.9, per="event"),
    ),
    (
        {"kind": "retention", "event": "@any", "from_days": 7, "to_days": 14, "unfinished": "skip"},
        Retention(name="m", event=EventChoice("@any"), from_days=7, to_days=14, unfinished="skip"),
    ),
    (
        {"kind": "funnel", "steps": ["look", {"event_type": "buy", "filters": [{"property": "p", "op": "is_set"}]}]},
        Funnel(name="m", steps=(EventChoice("look"), EventChoice("buy", (Filter("p", "is_set"),)))),
    ),
]


@pytest.mark.parametrize(("definition", "expected"), KINDS)
def test_every_kind_is_read_and_survives_being_kept(definition: dict[str, Any], expected: Metric) -> None:
    assert read(**definition) == expected
    assert STORED.decode(msgspec.json.encode((expected,))) == (expected,)


def test_what_was_kept_before_there_were_more_fields_still_reads() -> None:
    kept = (
        b'[{"kind":"mean","name":"m","role":"primary","direction":"up","delay_hours":0.0,"window_hours":24.0,'
        b'"prior":null,"event":{"event_type":"buy"},"aggregate":"count","property":null},'
        b'{"kind":"recorded","name":"r","role":"primary","direction":"up","delay_hours":0.0,"window_hours":null,'
        b'"prior":null,"as":"mean","per":null,"missing":"skip"}]'
    )
    mean, recorded = STORED.decode(kept)
    assert mean == Mean(name="m", event=BUY, window_hours=24)
    assert recorded == Recorded(name="r", shape="mean")
    assert mean.span == Span(0, 24)


EVENT = {"kind": "proportion", "event": "e"}
MEAN = {"kind": "mean", "event": "e"}
QUANTILE = {"kind": "quantile", "event": "e", "property": "p", "q": 0.5}
RETENTION = {"kind": "retention", "event": "e", "from_days": 1, "to_days": 2}
FUNNEL = {"kind": "funnel", "steps": ["a", "b"]}
RATIO = {"kind": "ratio", "numerator": {"event": "a"}, "denominator": {"event": "b"}}


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({**EVENT, "cap": {"upper_value": 1}}, "cap"),
        ({**RETENTION, "cap": {"upper_value": 1}}, "cap"),
        ({**FUNNEL, "cap": {"upper_value": 1}}, "cap"),
        ({**RATIO, "cap": {"upper_value": 1}}, "cap"),
        ({**QUANTILE, "cap": {"upper_value": 1}}, "cap"),
        ({"kind": "recorded", "as": "proportion", "cap": {"upper_value": 1}}, "cap"),
        ({**MEAN, "cap": {}}, "cap"),
        ({**MEAN, "cap": {"upper_value": 1, "upper_quantile": 0.5}}, "cap"),
        ({**MEAN, "cap": {"upper_quantile": 1}}, "cap.upper_quantile"),
        ({**MEAN, "cap": {"upper_quantile": 0}}, "cap.upper_quantile"),
        ({**MEAN, "cap": {"upper_value": 5, "ignore_zeros": True}}, "cap.ignore_zeros"),
        ({**MEAN, "cap": {"lower_value": 5}}, "cap"),
        ({**MEAN, "covariate_days": 0}, "covariate_days"),
        ({**MEAN, "covariate_days": 366}, "covariate_days"),
        ({**QUANTILE, "covariate_days": 1}, "covariate_days"),
        ({**RETENTION, "covariate_days": 1}, "covariate_days"),
        ({**FUNNEL, "covariate_days": 1}, "covariate_days"),
        ({"kind": "recorded", "covariate_days": 1}, "covariate_days"),
        ({**EVENT, "margin": 0}, "margin"),
        ({**EVENT, "margin": -0.1}, "margin"),
        ({**EVENT, "unfinished": "skip"}, "unfinished"),
        ({**EVENT, "unfinished": "maybe", "window_hours": 1}, "unfinished"),
        ({**QUANTILE, "q": 0}, "q"),
        ({**QUANTILE, "q": 1.5}, "q"),
        ({"kind": "quantile", "event": "e", "q": 0.5}, "property"),
        ({"kind": "quantile", "event": "e", "property": "p"}, "q"),
        ({**QUANTILE, "per": "session"}, "per"),
        ({**RETENTION, "to_days": 1}, "to_days"),
        ({**RETENTION, "from_days": -1}, "from_days"),
        ({**RETENTION, "window_hours": 5}, "window_hours"),
        ({**RETENTION, "delay_hours": 5}, "delay_hours"),
        ({**FUNNEL, "steps": ["a"]}, "steps"),
        ({**FUNNEL, "steps": ["a"] * 41}, "steps"),
        ({**FUNNEL, "steps": ["a", ""]}, "steps[1]"),
        ({"kind": "funnel"}, "steps"),
        ({"kind": "ratio", "numerator": {"event": "a"}}, "denominator"),
        ({**RATIO, "denominator": {"event": "a", "aggregate": "sum"}}, "denominator.property"),
        ({**RATIO, "denominator": {"event": "a", "more": 1}}, "denominator.more"),
        ({**RATIO, "numerator": {"event": "a", "cap": {"upper_quantile": 2}}}, "numerator.cap.upper_quantile"),
    ],
)
def test_each_rule_names_its_field(definition: dict[str, Any], field: str) -> None:
    assert faults(**definition) == [field]


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_numbers_beyond_doubles(number: str) -> None:
    with pytest.raises(Invalid, match=r"upper_value|cap"):
        read_new(
            b'{"name": "x", "variants": [{"name": "a"}, {"name": "b"}], "metrics": [{"kind": "mean", "name": "m", '
            b'"event": "e", "cap": {"upper_value": %s}}]}' % number.encode()
        )
