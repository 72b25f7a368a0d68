"""From the body of a request to the batch that the store keeps: `STEPS`, one a stored value, in this order.

A step takes the event as it was sent and gives the value to store, or refuses the event with one of
`reasons.REFUSED`; what it notes about an accepted event it adds to `Arrival.notes`. Reading the forms of a body is
`forms`, reading one event is `sent`, keeping the batch is the store.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from evensplit.errors import InvalidJson, Rejected
from evensplit.ingest import bulk, enrich, forms, identity, message_keys, objects, timestamps
from evensplit.ingest.enrich import Browser
from evensplit.ingest.limits import MAX_EVENT_TYPE, MAX_EVENTS, MAX_ID, MAX_MESSAGE_ID
from evensplit.ingest.sent import ABSENT, Sent
from evensplit.ingest.timestamps import Arrival
from evensplit.model.event import Batch, Reject

KEPT_OF_REJECT = 4 * 1024


class Note(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is told about the event at `index` of the request.

    `status` is `rejected` (not stored), `duplicate` (stored before) or `accepted` (stored, and yet `reason` is worth
    knowing: `reasons.NOTED`).
    """

    index: int
    status: str
    reason: str | None = None
    message: str | None = None


class Reading(msgspec.Struct):
    """`positions[i]` is the index in the request of the batch's event `i`, `linked[i]` that of its link `i`."""

    batch: Batch
    positions: Sequence[int]
    notes: list[Note]
    single: bool
    linked: list[int] = []

    @property
    def rejected(self) -> int:
        return sum(note.status == "rejected" for note in self.notes)


# --- the steps ------------------------------------------------------------------------------------


def event_type(sent: Sent, arrival: Arrival) -> str:
    name = sent.event_type
    if not name:
        raise Rejected("missing_event_type", "event_type is required, 1 to 200 characters of text")
    if len(name) > MAX_EVENT_TYPE:
        raise Rejected("event_type_too_long", f"event_type has {len(name)} characters; {MAX_EVENT_TYPE} at most")
    if "\0" in name:
        raise Rejected("invalid_text", "event_type holds a NUL character")
    return name


def user_id(sent: Sent, arrival: Arrival) -> str | None:
    """The user; the visitor where no user is known."""
    if sent.user_id is not None and (known := identifier(sent.user_id, "user_id")):
        return known
    return None if sent.anonymous_id is None else identifier(sent.anonymous_id, "anonymous_id")


def session_id(sent: Sent, arrival: Arrival) -> str | None:
    return None if sent.session_id is None else identifier(sent.session_id, "session_id")


def properties(sent: Sent, arrival: Arrival) -> str | None:
    """The object's own text: digits, order of keys and duplicates stay as they were sent.

    Behind it stands what the browser adds, for events of the browser script."""
    if sent.properties is ABSENT:
        return None
    text = objects.checked(str(sent.properties, "utf-8"))
    if arrival.browser is None or text is None:
        return text
    text, bot = enrich.enriched(text, arrival.browser)
    if bot is not None:
        arrival.notes.append(("bot", f"the User-Agent header is that of a bot: {bot[:64]!r}"))
    return text


def created_at(sent: Sent, arrival: Arrival) -> str:
    """When it happened, by the sender's clock as far as that can be trusted; else when it arrived."""
    if sent.timestamp is None:
        return arrival.text
    if arrival.skew_ms:
        arrival.notes.append(("corrected", f"the sender's clock was off: the time was moved by {arrival.skew_ms} ms"))
    return timestamps.to_record(sent.timestamp, arrival)


def message_key(sent: Sent, arrival: Arrival) -> bytes | None:
    if not sent.message_id:
        return None
    return message_keys.event_key(message_id(sent.message_id))


def link(sent: Sent, arrival: Arrival) -> tuple[str, str] | None:
    """(visitor, user) where the event names both and both are somebody."""
    if not sent.anonymous_id or not sent.user_id:
        return None
    visitor = identifier(sent.anonymous_id, "anonymous_id")
    known = identifier(sent.user_id, "user_id")
    if not visitor or not known or visitor == known:
        return None
    for one in (visitor, known):
        if identity.is_placeholder(one):
            arrival.notes.append(("link_refused", f"{one[:64]!r} stands for nobody: the ids were not linked"))
            return None
    return visitor, known


def identifier(value: str | int, field: str) -> str | None:
    """The id as text; None where it is empty. Raises Rejected invalid_user_id, invalid_text."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_ID:
        raise Rejected("invalid_user_id", f"{field} has more than {MAX_ID} characters")
    if "\0" in text:
        raise Rejected("invalid_text", f"{field} holds a NUL character")
    return text or None


def message_id(value: str | int) -> str:
    """Raises Rejected message_id_too_long, invalid_text."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_MESSAGE_ID:
        raise Rejected("message_id_too_long", f"message_id has more than {MAX_MESSAGE_ID} characters")
    if "\0" in text:
        raise Rejected("invalid_text", "message_id holds a NUL character")
    return text


Column: TypeAlias = Callable[[Sent, Arrival], str | None]
Step: TypeAlias = Callable[[Sent, Arrival], object]

# The columns of `events`, in the order in which `Batch.values` holds them.
COLUMNS: tuple[tuple[str, Column], ...] = (
    ("event_type", event_type),
    ("user_id", user_id),
    ("session_id", session_id),
    ("properties", properties),
    ("created_at", created_at),
)
STEPS: tuple[tuple[str, Step], ...] = (
    *COLUMNS,
    ("message_key", message_key),
    ("link", link),
)

# --- the run --------------------------------------------------------------------------------------


def read(
    body: bytes, content_type: str, received_ms: int, max_events: int = MAX_EVENTS, browser: Browser | None = None
) -> Reading:
    """The batch to store and what is to be told. `browser`: what sent it, where `enrich.MARK` stands in the body.

    Raises InvalidJson for a body that is not JSON, TooLarge beyond `max_events`, Rejected for an unusable `sent_at`.
    """
    plain = _plain(body, received_ms) if browser is None else None
    if plain is not None:
        return plain
    form = forms.read(body, content_type, max_events)
    arrival = Arrival(received_ms, form.sent_at, browser)
    batch = bulk.batch(form.events, arrival)
    if batch is not None:
        return Reading(batch, form.indexes, [], form.single)
    desk = Desk(form)
    values, keys, links = desk.batch.values, desk.batch.keys, desk.batch.links
    linked: list[int] = []
    for position, sent in enumerate(form.events):
        try:
            if isinstance(sent, Rejected):
                raise sent
            row = _row(sent, arrival)
            key = message_key(sent, arrival) if sent.message_id else None
            tie = link(sent, arrival) if sent.anonymous_id else None
        except Rejected as refused:
            arrival.notes.clear()
            desk.refuse(position, refused)
            continue
        values += row
        keys.append(key)
        if tie is not None:
            links.append((*tie, row[-1] or ""))
            linked.append(form.indexes[position])
        if arrival.notes:
            desk.note(position, arrival.notes)
    if keys.count(None) == len(keys):
        keys.clear()
    return Reading(desk.batch, desk.positions(), desk.notes, form.single, linked)


def _row(sent: Sent, arrival: Arrival) -> list[str | None]:
    """What the steps of the columns give. Short texts pass the first three as they are, so those are not asked."""
    name, user, session = sent.event_type, sent.user_id, sent.session_id
    if isinstance(name, str) and isinstance(user, str) and isinstance(session, str) and name and user and session:
        together = name + user + session
        if len(together) <= MAX_EVENT_TYPE and "\0" not in together:
            return [name, user, session, properties(sent, arrival), created_at(sent, arrival)]
    return [column(sent, arrival) for column in _COLUMNS]


def _plain(body: bytes, received_ms: int) -> Reading | None:
    """The commonest request, through the same steps without the desk: one event, stored, and nothing to tell of it."""
    sent = forms.one(body)
    if sent is None or sent.anonymous_id is not None:
        return None
    arrival = Arrival(received_ms)
    try:
        values = _row(sent, arrival)
        key = message_key(sent, arrival)
    except Rejected:
        return None
    return Reading(Batch(values, [] if key is None else [key]), _FIRST, [], True)


class Desk:
    """Where notes and rejects of one request gather; the text of an event is cut out only when it is needed."""

    __slots__ = ("_pieces", "_refused", "batch", "form", "notes")

    def __init__(self, form: forms.Form) -> None:
        self.form = form
        self.batch = Batch()
        self.notes: list[Note] = []
        self._refused: set[int] = set()
        self._pieces: list[bytes] | None = None

    def positions(self) -> Sequence[int]:
        """The indexes of the events that were not refused."""
        if not self._refused:
            return self.form.indexes
        return [index for position, index in enumerate(self.form.indexes) if position not in self._refused]

    def refuse(self, position: int, refused: Rejected) -> None:
        if self.form.single and refused.code == "invalid_json":
            raise InvalidJson(refused.message)
        self._refused.add(position)
        self._add(position, "rejected", refused.code, refused.message)

    def note(self, position: int, notes: list[tuple[str, str]]) -> None:
        for reason, message in notes:
            self._add(position, "accepted", reason, message)
        notes.clear()

    def _add(self, position: int, status: str, reason: str, message: str) -> None:
        if self._pieces is None:
            self._pieces = self.form.cut()
        text = self._pieces[position][:KEPT_OF_REJECT].decode("utf-8", "replace")
        self.batch.rejects.append(Reject(reason, message, text))
        self.notes.append(Note(self.form.indexes[position], status, reason, message))


_COLUMNS = tuple(column for _, column in COLUMNS)
_FIRST = (0,)
