"""The rows that reports look at: `events`, with the person behind each of them where a report asks for persons, and
with what is known of that person: traits, and whether they are in a cohort.
"""

from collections.abc import Iterable, Sequence

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.cohort import Part
from evensplit.query.as_of import AsOf
from evensplit.query.cohorts import Did, Every, Has, Listed, Rule, Some, parts, rule_of
from evensplit.query.conditions import Cohort, Condition, Source, Trait, sources
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.sql.filters import condition_sql

DAY = 86_400_000
EVER = -2_208_988_800_000  # 1900: earlier than anything that every engine can hold
_definition = msgspec.json.Decoder(Part).decode


def people(dialect: Dialect, as_of: AsOf) -> Fragment | None:
    """Rows (id, person), as keys, of every id that resolves to another; None where there is none."""
    return dialect.persons.linked(as_of.links) if as_of.links else None


def events(dialect: Dialect, as_of: AsOf, looked_at: Sequence[Source] = ()) -> Fragment:
    """What stands after FROM: events with a column `person` (a key, NULL where nobody is named). Not cut at `as_of`.

    `looked_at`: every source that the statement's conditions, keys and numbers look at. Of traits and cohorts among
    them there are the columns that `dialect.values` reads. Raises `unknown_cohort`."""
    rules = {of: _rule(of, as_of) for of in looked_at if isinstance(of, Cohort)}
    traits = {of: None for of in [*looked_at, *_looked_at(rules.values())] if isinstance(of, Trait)}
    found, columns = people(dialect, as_of), dialect.values.handed_on(looked_at, "e")
    user = dialect.persons.key("e.user_id")
    person = Fragment(user if found is None else f"coalesce(l.person, {user})")
    joined = Fragment("") if found is None else fill(f" LEFT JOIN ({{}}) AS l ON l.id = {user}", found)
    known = Fragment("")
    if traits:
        joined = fill("{} LEFT JOIN ({}) AS t ON t.bearer = {}", joined, _traits(dialect, as_of, list(traits)), person)
        known = Fragment("".join(f", t.{of.column}_text, t.{of.column}_number" for of in traits))
    rows = fill("(SELECT {}, {} AS person{} FROM events AS e{})", columns, person, known, joined)
    if not rules:
        return rows
    # A level of its own: what is asked of a person is asked of the columns of this one.
    within = [fill(f"{{}} AS {of.column}", _meets(rule, of, dialect, as_of)) for of, rule in rules.items()]
    return fill("(SELECT *, {} FROM {} AS e)", join(", ", within), rows)


def within(dialect: Dialect, as_of: AsOf, since: int, until: int) -> Fragment:
    """The condition that an event lies in [since, until), in milliseconds since 1970-01-01 UTC, and before `as_of`."""
    return join(
        " AND ",
        [
            dialect.times.compared(">=", since),
            dialect.times.compared("<", until),
            dialect.sequences.up_to(as_of.watermark.events),
        ],
    )


def chosen(dialect: Dialect, event_type: str | None, condition: Condition) -> Fragment:
    """The condition that an event is of that type (None: of any) and meets the condition."""
    parts = [] if event_type is None else [Fragment("event_type = ?", (event_type,))]
    found = condition_sql(condition, dialect)
    if found != Fragment("TRUE") or not parts:
        parts.append(found)
    return join(" AND ", parts)


# --- what is known of a person --------------------------------------------------------------------


def _traits(dialect: Dialect, as_of: AsOf, traits: Sequence[Trait]) -> Fragment:
    """A row a person of whom anything was stated: of each trait what was stated last, whichever id it was stated of."""
    found, subject = people(dialect, as_of), dialect.persons.key("i.subject")
    stated = fill(
        "SELECT {} AS bearer, i.object AS name, i.text AS text, i.number AS number, i.stated_at AS stated_at, "
        "i.id AS place FROM es_identity AS i{} WHERE i.kind = 'trait' AND i.id <= {} AND i.object IN ({})",
        Fragment(subject if found is None else f"coalesce(l.person, {subject})"),
        Fragment("") if found is None else fill(f" LEFT JOIN ({{}}) AS l ON l.id = {subject}", found),
        Fragment("?", (as_of.links,)),
        join(", ", [Fragment("?", (of.name,)) for of in traits]),
    )
    last = fill(
        "SELECT bearer, name, text, number FROM ({}) AS stated "
        "QUALIFY row_number() OVER (PARTITION BY bearer, name ORDER BY stated_at DESC, place DESC) = 1",
        stated,
    )
    columns = [
        fill(f"max(CASE WHEN name = {{}} THEN {form} END) AS {of.column}_{form}", Fragment("?", (of.name,)))
        for of in traits
        for form in ("text", "number")
    ]
    return fill("SELECT bearer, {} FROM ({}) AS last GROUP BY bearer", join(", ", columns), last)


def _rule(of: Cohort, as_of: AsOf) -> Rule:
    """What the definition of a cohort says now."""
    for name, definition in as_of.cohorts:
        if name == of.name:
            return rule_of(_definition(definition), as_of.until)
    raise InvalidReport("unknown_cohort", f"no cohort is named {of.name!r}")


def _looked_at(rules: Iterable[Rule]) -> list[Source]:
    """What the rules ask of the traits of a person."""
    return [of for rule in rules for part in parts(rule) if isinstance(part, Has) for of in sources(part.condition)]


def _meets(rule: Rule, of: Cohort, dialect: Dialect, as_of: AsOf) -> Fragment:
    """Whether the person of a row meets the rule; nobody does not."""
    return fill("(e.person IS NOT NULL AND {})", _met(rule, of, dialect, as_of))


def _met(rule: Rule, of: Cohort, dialect: Dialect, as_of: AsOf) -> Fragment:
    if isinstance(rule, Every | Some):
        separator, empty = (" AND ", "TRUE") if isinstance(rule, Every) else (" OR ", "FALSE")
        inner = [_met(one, of, dialect, as_of) for one in rule.of]
        return fill("({})", join(separator, inner)) if inner else Fragment(empty)
    if isinstance(rule, Has):
        # Where a test of something that is not set is NULL, it counts as not true.
        return fill("coalesce({}, FALSE)", condition_sql(rule.condition, dialect))
    if isinstance(rule, Listed):
        return fill("e.person IN ({})", _listed(rule, of, dialect, as_of))
    if rule.low:
        return fill("e.person IN ({})", _did(rule, rule.low, rule.high, dialect, as_of))
    return (
        Fragment("TRUE")
        if rule.high is None
        else fill("e.person NOT IN ({})", _did(rule, rule.high + 1, None, dialect, as_of))
    )


def _listed(rule: Listed, of: Cohort, dialect: Dialect, as_of: AsOf) -> Fragment:
    """Rows (person): those behind the users of a fixed list."""
    found, user = people(dialect, as_of), dialect.persons.key("u.user_id")
    return fill(
        "SELECT {} FROM es_cohort_users AS u{} WHERE u.cohort = {} AND u.part = {}",
        Fragment(user if found is None else f"coalesce(l.person, {user})"),
        Fragment("") if found is None else fill(f" LEFT JOIN ({{}}) AS l ON l.id = {user}", found),
        Fragment("?", (of.name,)),
        Fragment("?", (rule.place,)),
    )


def _did(rule: Did, low: int, high: int | None, dialect: Dialect, as_of: AsOf) -> Fragment:
    """Rows (person): those with so many of the events."""
    # These are other events than the report's: of their properties nothing is known.
    plain = msgspec.structs.replace(dialect, values=dialect.any_values)
    since = EVER if rule.days is None else as_of.until - rule.days * DAY
    times = Fragment("count(*) >= ?", (low,))
    return fill(
        "SELECT person FROM {} AS d WHERE person IS NOT NULL AND {} AND {} GROUP BY person HAVING {}",
        events(plain, as_of, sources(rule.condition)),
        within(plain, as_of, since, as_of.until),
        chosen(plain, rule.event_type, rule.condition),
        times if high is None else fill("{} AND {}", times, Fragment("count(*) <= ?", (high,))),
    )
