"""Who went through all steps of a funnel, in SQL: each time the earliest event by (time, id) that fits the next step.

While there is one end for all of a person, no other choice beats the earliest. The scans of all events (`activity`)
know when a person first did the first step and last the last one; only for what lies between them events are looked at
again, and only of persons who did each step at some time.
"""

from collections.abc import Sequence

from evensplit.experiments.conditions import Selection, where
from evensplit.experiments.measure.asked import Asked, during, scanned
from evensplit.experiments.measure.numbers import Stepped
from evensplit.query.fragment import Fragment, fill


def chain(
    asked: Asked, number: Stepped, name: str, ends: tuple[str, str], tables: Sequence[str], middle: Sequence[str]
) -> list[Fragment]:
    """Common table expressions, the last of them NAME: a row a person who did all steps: u, done.

    `ends`: the columns with the first first step and the last last one; `tables`: those that hold them, and what
    `middle` looks at: the conditions that a person did the other steps at all."""
    first, last = ends
    sign = "<" if len(number.steps) > 1 else "<="
    joined = tables[0] + "".join(f" JOIN {table} ON {table}.u = {tables[0]}.u" for table in tables[1:])
    done = " AND ".join([f"{first} {sign} {last}", *middle])
    found = [
        Fragment(f"{name}_1 AS (SELECT {tables[0]}.u AS u, {first} AS k, {last} AS last FROM {joined} WHERE {done})")
    ]
    for n, step in enumerate(number.steps[1:-1], 2):
        found.append(fill(f"{name}_{n} AS ({{}})", _next(asked, number, step, f"{name}_{n - 1}")))
    found.append(Fragment(f"{name} AS (SELECT u, 1.0 AS done FROM {name}_{len(found)})"))
    return found


def _next(asked: Asked, number: Stepped, step: Selection, before: str) -> Fragment:
    """Rows (u, k, last): the earliest such event of each person after those of `before`, and before the last step."""
    dialect = asked.known.dialect([step])
    events = fill(
        f"SELECT {dialect.persons.key('user_id')} AS who, {dialect.times.ms('created_at')} AS t, {{}} AS k "
        "FROM events WHERE {} AND {}",
        dialect.sequences.key(asked.packing),
        scanned(asked, [step.event_type], number.time),
        where(step, dialect),
    )
    return fill(
        f"""SELECT x.u AS u, min(e.k) AS k, any_value(x.last) AS last FROM ({{}}) AS e JOIN (
        SELECT y.id AS id, y.u AS u, y.since AS since, p.k AS after, p.last AS last
        FROM members y JOIN {before} p ON p.u = y.u
    ) AS x ON x.id = e.who WHERE e.k > x.after AND e.k < x.last AND {{}} GROUP BY x.u""",
        events,
        during(number.time, "e.t - x.since"),
    )
