"""Many events at once: whatever the columns hold, it is what the steps say event by event, or it is left to them."""

import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.errors import Rejected
from evensplit.ingest import bulk, forms, pipeline
from evensplit.ingest.timestamps import Arrival
from tests.unit.examples import some

NOW = clock.from_text("2026-11-22 10:11:12.345")

TEXTS = st.sampled_from(["a", "u-1", "é", "x" * 200, "y" * 201, "z" * 600, "", "nul\0", "5"])
TIMES = st.sampled_from(
    [
        "2026-11-22T10:11:12.345Z", "2026-11-22T10:11:12.346Z", "2026-11-21T00:00:00.000Z", "1970-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z", "2026-11-22T24:00:00.000Z", "2026-02-30T10:11:12.345Z", "2026-11-22 10:11:12.345Z",
        "2026-11-22T10:11:12.345z", "2026-W47-7T10:11:12.34Z", "2026-11-22T10:11:12,345Z", 1_700_000_000, "",
        "2026-11-22T10:11:12+02:00", "2026-11-22T10:11:60.000Z", "2٠26-11-22T10:11:12.345Z",
    ]
)  # fmt: skip
DEEP = [json.loads('{"a":' * depth + "{}" + "}" * depth) for depth in (15, 16)]
OBJECTS = st.sampled_from(
    [
        *DEEP,
        {},
        {"a": 1},
        {"a": [1, {"b": {}}]},
        {"e5": "1e400"},
        {"big": 10**308},
        {"long": "e" * 400},
        None,
        [1],
        "text",
    ]
)
UUID = "0190c8a2-7b1e-7000-8000-000000000001"
IDS = st.uuids().map(str) | st.sampled_from(
    [
        UUID,
        UUID.upper(),
        UUID.replace("-", ""),
        UUID[:-2] + "  ",
        UUID[:9] + " " + UUID[10:],
        "m" * 36,
        "m" * 129,
        "",
        7,
    ]
)
EVENTS = st.fixed_dictionaries(
    {"event_type": TEXTS},
    optional={
        "user_id": TEXTS | st.integers(1, 5),
        "session_id": TEXTS,
        "anonymous_id": st.sampled_from(["", "visitor"]),
        "properties": OBJECTS,
        "timestamp": TIMES,
        "message_id": IDS,
    },
)
PLAIN: dict[str, object] = {
    "event_type": "view",
    "user_id": "u",
    "session_id": "s",
    "properties": {"a": 1},
    "timestamp": "2026-11-22T10:00:00.000Z",
}


def one_by_one(form: forms.Form) -> tuple[list[object], list[bytes | None]]:
    arrival = Arrival(NOW)
    values: list[object] = []
    keys: list[bytes | None] = []
    for sent in form.events:
        assert not isinstance(sent, Rejected)
        values += [step(sent, arrival) for _, step in pipeline.COLUMNS]
        keys.append(pipeline.message_key(sent, arrival))
        assert pipeline.link(sent, arrival) is None
    assert not arrival.notes
    return values, keys if any(keys) else []


def form(events: list[dict[str, object]], lines: bool) -> forms.Form:
    texts = [json.dumps(event) for event in events]
    if lines:
        return forms.read("\n".join(texts).encode(), "application/x-ndjson", 1000)
    return forms.read(f"[{','.join(texts)}]".encode(), "", 1000)


@settings(max_examples=some(100))
@given(st.lists(EVENTS, min_size=bulk.FEWEST, max_size=8), st.booleans())
def test_any_events(events: list[dict[str, object]], lines: bool) -> None:
    found = form(events, lines)
    batch = bulk.batch(found.events, Arrival(NOW))
    if batch is not None:
        assert (list(batch.values), batch.keys) == one_by_one(found)


@settings(max_examples=some(50))
@given(
    st.lists(st.sampled_from(list(PLAIN)), unique=True, min_size=0, max_size=3).map(set),
    EVENTS,
    st.integers(0, 4),
    st.booleans(),
)
def test_one_odd_event_among_plain_ones(without: set[str], odd: dict[str, object], place: int, lines: bool) -> None:
    plain = {name: value for name, value in PLAIN.items() if name not in without - {"event_type"}}
    events: list[dict[str, object]] = [plain] * 4
    events.insert(place, odd)
    found = form(events, lines)
    batch = bulk.batch(found.events, Arrival(NOW))
    if batch is not None:
        assert (list(batch.values), batch.keys) == one_by_one(found)


@pytest.mark.parametrize("lines", [False, True])
def test_plain_events_go_the_quick_way(lines: bool) -> None:
    """Not only equal but taken: a way that always answers None would pass the tests above."""
    extras: list[dict[str, object]] = [
        {},
        {"message_id": UUID},
        {"message_id": "m-1"},
        {"properties": {"a": [{"b": 1.5}], "e1": "x"}},
    ]
    for extra in extras:
        found = form([PLAIN | extra] * 5, lines)
        batch = bulk.batch(found.events, Arrival(NOW))
        assert batch is not None
        assert (list(batch.values), batch.keys) == one_by_one(found)


@pytest.mark.parametrize(
    "body", ["{}\n\n{}\n{}\n{}", '{"event_type":\n"x"}\n{}\n{}\n{}', "{}\n{}\n{}\n{} {}", "{}\n{}\n[]\n{}"]
)
def test_lines_that_are_not_one_event_each(body: str) -> None:
    """They go the careful way, which tells the numbers of the lines."""
    found = forms.read(body.encode(), "application/x-ndjson", 1000)
    assert any(isinstance(event, Rejected) for event in found.events) or found.indexes != range(len(found.events))


def test_keys_are_those_of_single_events() -> None:
    ids = [str(uuid.UUID(int=number * 7919)) for number in range(6)]
    found = form([PLAIN | {"message_id": one} for one in ids], lines=False)
    batch = bulk.batch(found.events, Arrival(NOW))
    assert batch is not None
    assert batch.keys == [uuid.UUID(one).bytes for one in ids]
