"""What the definition of a cohort means: its parts made distinct and checked, before any engine is asked.

Not here: their SQL (`sql.scan`), or where definitions are kept (`storage.catalog.cohorts`).
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.cohort import MOST_USERS, Part
from evensplit.model.report import ANY, EventChoice, Filter
from evensplit.query import ranges
from evensplit.query.conditions import Cohort, Condition, Source, Trait, sources, understood
from evensplit.query.zones import zone

DEEPEST = 8  # how far groups may nest
MOST_PARTS = 50
MOST_DAYS = 36_500
MOST_TIMES = 1_000_000_000
LONGEST_EVENT_TYPE, LONGEST_ID = 200, 512
TRAIT = "user."


class Did(msgspec.Struct, frozen=True):
    """Did such events (None: of any type) from `low` to `high` times (None: any number) in the last `days`, if said."""

    event_type: str | None
    condition: Condition
    low: int
    high: int | None
    days: int | None


class Has(msgspec.Struct, frozen=True):
    """Has traits that meet a condition."""

    condition: Condition


class Listed(msgspec.Struct, frozen=True):
    """Is one of the users in the fixed list at that place of the definition."""

    place: int


class Every(msgspec.Struct, frozen=True):
    """All of it; everybody where there is nothing."""

    of: tuple["Rule", ...]


class Some(msgspec.Struct, frozen=True):
    """Any of it; nobody where there is nothing."""

    of: tuple["Rule", ...]


Rule: TypeAlias = Did | Has | Listed | Every | Some


def rule_of(definition: Part, until: int) -> Rule:
    """The rule that a definition states, times in it read as of `until` in UTC. Raises `invalid_cohort`, or what a
    filter raises, naming the part."""
    return _Reader(until).rule(definition, "definition", 1)


def parts(rule: Rule) -> Iterator[Did | Has | Listed]:
    """Its parts that are no groups."""
    if isinstance(rule, Every | Some):
        for inner in rule.of:
            yield from parts(inner)
    else:
        yield rule


def conditions(rule: Rule) -> list[Condition]:
    """Every condition in it, for the engine to judge the patterns."""
    return [part.condition for part in parts(rule) if not isinstance(part, Listed)]


class _Reader:
    """Walks over a definition; fixed lists are known by the order in which they come."""

    def __init__(self, until: int) -> None:
        self._until = until
        self._parts = 0
        self._lists = 0
        self._users = 0

    def rule(self, part: Part, at: str, depth: int) -> Rule:
        self._parts += 1
        if self._parts > MOST_PARTS or depth > DEEPEST:
            raise _wrong(at, f"more than {MOST_PARTS} parts, or groups nested deeper than {DEEPEST}")
        given = [name for name in ("event", "trait", "users", "all", "any") if getattr(part, name) is not None]
        if len(given) != 1:
            raise _wrong(
                at, f"needs exactly one of event, trait, users, all and any, has {' and '.join(given) or 'none'}"
            )
        if part.event is not None:
            return self._did(part, part.event, at)
        if (part.at_least, part.at_most, part.exactly, part.days) != (None, None, None, None):
            raise _wrong(at, f"at_least, at_most, exactly and days belong to an event, not to {given[0]}")
        if part.trait is not None:
            return Has(self._condition((_of_user(part.trait, f"{at}.trait"),), f"{at}.trait", Trait))
        if part.users is not None:
            return self._listed(part.users, at)
        group, name = (part.all, "all") if part.all is not None else (part.any or (), "any")
        inner = tuple(self.rule(one, f"{at}.{name}[{n}]", depth + 1) for n, one in enumerate(group))
        return Every(inner) if name == "all" else Some(inner)

    def _did(self, part: Part, event: str | EventChoice, at: str) -> Did:
        chosen = event if isinstance(event, EventChoice) else EventChoice(event)
        if not 1 <= len(chosen.event_type) <= LONGEST_EVENT_TYPE:
            raise _wrong(f"{at}.event", f"an event type has 1 to {LONGEST_EVENT_TYPE} characters")
        if part.exactly is not None and (part.at_least is not None or part.at_most is not None):
            raise _wrong(at, "exactly stands alone, without at_least and at_most")
        bounds = {"at_least": part.at_least, "at_most": part.at_most, "exactly": part.exactly}
        for name, number in bounds.items():
            if number is not None and not 0 <= number <= MOST_TIMES:
                raise _wrong(at, f"{name} {number} is not from 0 to {MOST_TIMES}")
        if part.days is not None and not 1 <= part.days <= MOST_DAYS:
            raise _wrong(at, f"days {part.days} is not from 1 to {MOST_DAYS}")
        low, high = part.at_least, part.at_most
        if part.exactly is not None:
            low = high = part.exactly
        if low is None:
            low = 1 if high is None else 0
        if high is not None and low > high:
            raise _wrong(at, f"at_least {low} is more than at_most {high}")
        condition = self._condition(chosen.filters, f"{at}.event.filters", None)
        return Did(None if chosen.event_type == ANY else chosen.event_type, condition, low, high, part.days)

    def _condition(self, filters: Sequence[Filter], at: str, only: type[Source] | None) -> Condition:
        """The filters; of one kind of source `only`, or of any but cohorts, which would lead back here."""
        found = understood(filters, at, lambda text, field: ranges.resolve(text, field, self._until, zone("UTC")))
        for of in sources(found):
            if isinstance(of, Cohort):
                raise _wrong(at, "a cohort cannot look at another")
            if only is not None and not isinstance(of, only):
                raise _wrong(at, "looks at traits only")
        return found

    def _listed(self, users: Sequence[str | int], at: str) -> Listed:
        self._users += len(users)
        if self._users > MOST_USERS:
            raise _wrong(at, f"more than {MOST_USERS} users in lists")
        for n, user in enumerate(users):
            if not 1 <= len(str(user)) <= LONGEST_ID or "\0" in str(user):
                raise _wrong(f"{at}.users[{n}]", f"an id is a number or a text of 1 to {LONGEST_ID} characters")
        self._lists += 1
        return Listed(self._lists - 1)


def _of_user(filter_: Filter, at: str) -> Filter:
    """The filter with `user.` before the names of traits that were written without."""
    if isinstance(filter_.property, str) and not filter_.property.startswith(TRAIT):
        return msgspec.structs.replace(filter_, property=TRAIT + filter_.property)
    if filter_.all is not None:
        return msgspec.structs.replace(filter_, all=tuple(_of_user(one, at) for one in filter_.all))
    if filter_.any is not None:
        return msgspec.structs.replace(filter_, any=tuple(_of_user(one, at) for one in filter_.any))
    return filter_


def _wrong(at: str, rule: str) -> InvalidReport:
    return InvalidReport("invalid_cohort", f"{at}: {rule}")
