"""Values sent directly to an experiment."""

import json

import msgspec
import pytest

from evensplit import clock
from evensplit.errors import InvalidJson, TooLarge, UnknownExperiment
from evensplit.ingest import metrics
from evensplit.ingest.message_keys import metric_key
from evensplit.ingest.metrics import MetricsReading
from evensplit.storage.base import NewMetric

NOW = clock.from_text("2026-11-22 10:11:12.345")
GOOD = {"experiment": "e", "metric": "m", "value": 1, "user_id": "u"}


class Variant(msgspec.Struct, frozen=True):
    id: int
    name: str


class Experiment(msgspec.Struct, frozen=True):
    """One experiment of two variants; user u has the first."""

    id: int = 7
    variants: tuple[Variant, ...] = (Variant(70, "a"), Variant(71, "b"))

    def named(self, name: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.name == name), None)


class Known:
    """What the catalog would say."""

    def experiment(self, name: str) -> Experiment:
        if name != "e":
            raise UnknownExperiment(f"no experiment is named {name!r}")
        return Experiment()

    def assigned(self, test_id: int, user_id: str) -> int | None:
        return {"u": 70, "1.50": 71}.get(user_id) if test_id == 7 else None


def read(body: object, content_type: str = "", most: int = 10) -> MetricsReading:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return metrics.read(data, content_type, NOW, Known(), most)


def test_what_is_kept() -> None:
    reading = read(
        [
            GOOD,
            {**GOOD, "user_id": None, "variant": "b", "value": -2.5, "timestamp": "2026-01-02T03:04:05Z"},
            {**GOOD, "variant": "a", "message_id": "x", "unknown": [1]},
        ]
    )
    at = "2026-11-22 10:11:12.345"
    assert reading.rows == [
        NewMetric(7, 70, "m", 1.0, at, "u"),
        NewMetric(7, 71, "m", -2.5, "2026-01-02 03:04:05.000", None),
        NewMetric(7, 70, "m", 1.0, at, "u", metric_key("7", "m", "x")),
    ]
    assert (list(reading.positions), reading.notes, reading.single) == ([0, 1, 2], [], False)
    assert read(b'{"experiment": "e", "metric": "m", "value": 1e3, "user_id": 1.50}').rows[0].variant_id == 71


REFUSED: dict[str, list[object]] = {
    "unknown_experiment": [{**GOOD, "experiment": "x"}, {"metric": "m", "value": 1, "user_id": "u"}],
    "unknown_variant": [{**GOOD, "variant": "z"}, {**GOOD, "user_id": ""}],
    "not_assigned": [{**GOOD, "user_id": "stranger"}, {**GOOD, "variant": "b"}],
    "invalid_number": [
        {**GOOD, "value": "1"},
        {**GOOD, "value": True},
        {**GOOD, "value": None},
        {**GOOD, "value": 10**400},
        {**GOOD, "value": ""},
    ],
    "invalid_timestamp": [{**GOOD, "timestamp": "yesterday"}, {**GOOD, "timestamp": True}],
    "invalid_text": [
        {**GOOD, "metric": ""},
        {**GOOD, "metric": "m" * 201},
        {**GOOD, "metric": {}},
        {**GOOD, "metric": "\0"},
        {**GOOD, "message_id": []},
        {**GOOD, "message_id": "\ud800"},
    ],
    "invalid_user_id": [{**GOOD, "user_id": True}, {**GOOD, "user_id": "u" * 513}],
    "message_id_too_long": [{**GOOD, "message_id": "m" * 129}],
    "not_an_object": [1, None, []],
}
CASES = [
    pytest.param(reason, one, id=f"{reason} {n}") for reason, all_ in REFUSED.items() for n, one in enumerate(all_)
]


@pytest.mark.parametrize(("reason", "one"), CASES)
def test_refused(reason: str, one: object) -> None:
    reading = read([GOOD, one, GOOD])
    assert (len(reading.rows), list(reading.positions)) == (2, [0, 2])
    assert [(note.index, note.status, note.reason) for note in reading.notes] == [(1, "rejected", reason)]
    assert [reject.reason for reject in reading.rejects.rejects] == [reason]
    assert reading.rejects.values == []


def test_numbers_as_they_are_written() -> None:
    for text, value in ((b"1e3", 1000.0), (b"-0", 0.0), (b"0.1", 0.1), (b"1e-400", 0.0), (b"9" * 300, 1e300)):
        assert (
            read(b'{"experiment": "e", "metric": "m", "user_id": "u", "value": ' + text + b"}").rows[0].value == value
        )
    for text in (b"1e400", b"-1e999", b"9" * 5_000):
        reading = read(b'{"experiment": "e", "metric": "m", "user_id": "u", "value": ' + text + b"}")
        assert (reading.rows, reading.notes[0].reason) == ([], "invalid_number")


def test_forms() -> None:
    line = json.dumps(GOOD).encode()
    assert read(line).single
    reading = read(line + b"\n\nnope\n" + line, "application/x-ndjson")
    assert (len(reading.rows), list(reading.positions)) == (2, [0, 3])
    assert [(note.index, note.reason) for note in reading.notes] == [(2, "invalid_json")]
    broken = read(b"[" + line + b", nope, " + line + b"]")
    assert (list(broken.positions), broken.notes[0].reason) == ([0, 2], "invalid_json")
    assert read([]).rows == []
    for body in (b"", b"nope", line[:-1], b"\xff", b"[" + line):
        with pytest.raises(InvalidJson):
            read(body)
    with pytest.raises(TooLarge):
        read([GOOD] * 11)
