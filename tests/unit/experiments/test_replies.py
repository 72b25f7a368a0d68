"""The memory of answers: bounded, forgetful on demand, and keeping what is asked for."""

from evensplit.experiments.replies import OVERHEAD, Replies


def test_what_is_put_is_found_until_it_is_forgotten() -> None:
    replies = Replies()
    replies.put("one", "u", b"1")
    replies.put("two", "u", b"2")
    assert (replies.get("one", "u"), replies.get("two", "u"), replies.get("one", "v")) == (b"1", b"2", None)
    replies.forget("one")
    assert (replies.get("one", "u"), replies.get("two", "u")) == (None, b"2")
    replies.forget("nobody knows")


def test_it_stays_within_its_bound() -> None:
    entry = 100 + 4 + OVERHEAD
    replies = Replies(limit_bytes=entry * 100)
    for n in range(10_000):
        replies.put("x", f"{n:04}", b"." * 100)
    kept = sum(replies.get("x", f"{n:04}") is not None for n in range(10_000))
    assert 40 <= kept <= 110


def test_who_is_asked_for_stays() -> None:
    replies = Replies(limit_bytes=40 * (10 + OVERHEAD))
    replies.put("x", "regular", b"reply")
    for n in range(1_000):
        replies.put("x", f"once {n}", b"reply")
        assert replies.get("x", "regular") == b"reply"


def test_forgetting_reaches_the_old_generation() -> None:
    replies = Replies(limit_bytes=2 * (OVERHEAD + 3))
    replies.put("x", "a", b"1")
    replies.put("x", "b", b"2")  # "a" is of the old generation now
    replies.forget("x")
    assert (replies.get("x", "a"), replies.get("x", "b")) == (None, None)
