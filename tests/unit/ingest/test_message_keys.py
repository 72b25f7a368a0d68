"""Equal ids have equal keys; others do not."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from evensplit.ingest.message_keys import KEY_BYTES, event_key, metric_key

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.uuids())
def test_a_uuid_is_its_own_key(one: UUID) -> None:
    assert event_key(str(one)) == one.bytes


@given(st.uuids(), st.sampled_from(["upper", "urn", "braces", "plain", "spaces"]))
def test_other_spellings_are_other_ids(one: UUID, spelling: str) -> None:
    text = str(one)
    other = {
        "upper": "A" + text[1:].upper(),
        "urn": one.urn,
        "braces": "{" + text + "}",
        "plain": one.hex,
        "spaces": "  " + text[2:],
    }[spelling]
    assert event_key(other) != event_key(text)
    assert len(event_key(other)) == KEY_BYTES


@given(TEXT, TEXT)
def test_texts_share_no_key(one: str, other: str) -> None:
    assert (event_key(one) == event_key(other)) is (one == other)


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_metrics_have_a_scope_of_their_own(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (metric_key(*one) == metric_key(*other)) is (one == other)
    assert metric_key(*one) not in {event_key(part) for part in (*one, "".join(one))}


def test_the_parts_of_a_scope_do_not_run_together() -> None:
    assert metric_key("a", "bc", "d") != metric_key("ab", "c", "d")


def test_uuid7_keeps_its_order_in_time() -> None:
    earlier, later = "0190c8a2-7b1e-7000-8000-000000000001", "0190c8a3-0000-7000-8000-000000000000"
    assert event_key(earlier) < event_key(later)
