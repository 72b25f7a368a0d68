"""The persons behind one number of a report. Which number is said by each kind's `at`, beside its report."""

import msgspec

MOST_PERSONS = 10_000


class PersonsQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`report` and `at` are read by the kind; `cursor` is the `next_cursor` of the page before."""

    report: msgspec.Raw
    at: msgspec.Raw = msgspec.Raw(b"{}")
    limit: int = 100
    cursor: str | None = None


class Person(msgspec.Struct, frozen=True):
    """A person by the id of the known user (else of the visitor), and every id that resolves to them."""

    id: str
    ids: list[str]


class PersonsAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page, ordered by id; `count` is about all pages."""

    as_of: str
    query_ms: int
    persons: list[Person]
    count: int
    next_cursor: str | None
    altered_by_erasure: bool = False
