"""SQL by hand: a statement and its values, the answer as a table, a chart and a file, statements kept under a name.

What may be asked, and within which bounds, is the same as for `POST /v1/sql`.
"""

import csv
import io

import msgspec

from evensplit.errors import Invalid
from evensplit.model.saved import SavedReport, read_saved
from evensplit.query.allowlist import judge
from evensplit.query.dialect import speak
from evensplit.storage.catalog.saved import SQL
from evensplit.storage.embedded.questions import LONGEST, MOST_ROWS, Answer, Question, Scalar
from evensplit.transfer.cells import guarded
from evensplit.ui.replies import Reply, download, link, redirect
from evensplit.ui.visit import Visit

NEWEST = 1 << 62  # whatever was stated about who is who, however lately
SHOWN = 1_000  # rows of an answer on the page
EXAMPLE = "SELECT event_type, count(*) AS events, count(DISTINCT user_id) AS users\nFROM events\n"
EXAMPLE += "GROUP BY event_type\nORDER BY events DESC"
NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL")  # in the engine's names of types


class Statement(msgspec.Struct, frozen=True):
    """As `POST /v1/sql` takes it."""

    sql: str
    parameters: list[Scalar | list[Scalar]] = []


class Header(msgspec.Struct, frozen=True):
    """A column of the answer. `number`: its cells stand to the right."""

    name: str
    type: str
    number: bool


async def page(visit: Visit) -> Reply:
    """With the statement of the address, or the one that was kept under `saved`."""
    saved, name = visit.catalog.saved, visit.query.text("saved")
    statement = Statement(EXAMPLE)
    if visit.query.text("q"):
        statement = _read(visit.query.text("q").encode("utf-8", "replace"))
    elif name:
        statement = _read(bytes(saved.statement(name)[1].report))
    return visit.page(
        "sql.html",
        statement=statement,
        parameters=msgspec.json.encode(statement.parameters).decode() if statement.parameters else "",
        name=name,
        kept=saved.statements(),
        available=visit.services.store.engine == "duckdb",
        longest=LONGEST,
        asked=bool(visit.query.text("q") or name),
    )


async def answer(visit: Visit) -> Reply:
    """A part of the page."""
    found = await _answered(visit, SHOWN)
    columns = [Header(each.name, each.type, _is_number(each.type)) for each in found.columns]
    rows = [[_text(cell) for cell in row] for row in found.rows]
    chart = {"columns": columns, "rows": found.rows}
    return visit.page("sql_answer.html", columns=columns, rows=rows, truncated=found.truncated, chart=chart)


async def table(visit: Visit) -> Reply:
    """The whole answer as a file, up to the bounds of the interface."""
    found = await _answered(visit, MOST_ROWS)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([guarded(column.name) for column in found.columns])
    for row in found.rows:
        cells = [_text(cell) or "" for cell in row]
        writer.writerow([guarded(cell) if isinstance(was, str) else cell for cell, was in zip(cells, row, strict=True)])
    return download(text.getvalue().encode("utf-8", "replace"), "answer.csv", "text/csv; charset=utf-8")


async def keep(visit: Visit) -> Reply:
    """Under a name, in the place of the statement of that name."""
    name, statement = visit.form.text("name").strip(), _sent(visit)
    body = {"name": name, "kind": SQL, "report": statement}
    saved: SavedReport = read_saved(msgspec.json.encode(body))
    await visit.catalog.saved.keep_statement(saved)
    return redirect(link("/sql", saved=saved.name))


async def forget(visit: Visit) -> Reply:
    await visit.catalog.saved.forget_statement(visit.parts["name"])
    return redirect("/sql")


async def _answered(visit: Visit, limit: int) -> Answer:
    """Raises Invalid, and what the judge and the engine have to say."""
    store, statement = visit.services.store, _sent(visit)
    people = speak(store.engine, {}).persons.resolved(NEWEST)
    question = Question(statement.sql, statement.parameters, limit, (people.sql, people.values))
    found: Answer = await store.ask(question, judge)
    return found


def _sent(visit: Visit) -> Statement:
    """The statement of the form. Raises Invalid."""
    sql = visit.form.text("sql").replace("\r\n", "\n")
    if not sql.strip():
        raise Invalid("there is no statement")
    text = visit.form.text("parameters").strip() or "[]"
    try:
        parameters = msgspec.json.decode(text.encode("utf-8", "replace"), type=list[Scalar | list[Scalar]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f'the values must be a JSON list, such as ["purchase", 30]: {error}') from None
    return Statement(sql, parameters)


def _read(text: bytes) -> Statement:
    """Of an address. Raises Invalid."""
    try:
        return msgspec.json.decode(text, type=Statement)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"the statement in the address cannot be read: {error}") from None


def _is_number(kind: str) -> bool:
    return "[" not in kind and any(name in kind for name in NUMBERS)


def _text(cell: object) -> str | None:
    """Exactly; None is NULL."""
    if cell is None or isinstance(cell, str):
        return cell
    return msgspec.json.encode(cell).decode()
