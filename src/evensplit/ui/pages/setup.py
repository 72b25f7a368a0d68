"""Setting it up: what to paste into an application, whether the first event has come, and the keys."""

import json
import shlex

from evensplit.errors import EvensplitError, Invalid
from evensplit.storage.catalog.keys import Kind, key_hash
from evensplit.ui.replies import Reply, redirect
from evensplit.ui.visit import Visit
from evensplit.web import script

LONGEST_NAME = 200
NO_KEY = "es_w_..."
EXAMPLE = {"event_type": "sign_up", "user_id": "ann", "properties": {"plan": "pro"}}


async def page(visit: Visit) -> Reply:
    """Snippets with the key that the settings fix, if it is in force."""
    return await _page(visit, _fixed(visit))


async def fill_in(visit: Visit) -> Reply:
    """The snippets with a new write key, shown this once."""
    text, _ = await visit.catalog.keys.create("write", "set-up page")
    visit.services.read_keys()
    return await _page(visit, text, made=True)


async def keys(visit: Visit) -> Reply:
    return _keys(visit)


async def make_key(visit: Visit) -> Reply:
    """A new key, shown this once."""
    kind: Kind = "secret" if visit.form.text("kind") == "secret" else "write"
    name = visit.form.text("name").strip()
    if len(name) > LONGEST_NAME:
        return _keys(visit, error=Invalid(f"a name has at most {LONGEST_NAME} characters"))
    text, key = await visit.catalog.keys.create(kind, name)
    visit.services.read_keys()
    return _keys(visit, made=(key.kind, text))


async def revoke_key(visit: Visit) -> Reply:
    text = visit.parts["id"]
    try:
        await visit.catalog.keys.revoke(int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0)
    except EvensplitError as error:
        return _keys(visit, error=error)
    visit.services.read_keys()
    return redirect("/setup/keys")


async def _page(visit: Visit, key: str, made: bool = False) -> Reply:
    newest = await visit.services.store.events.newest()
    return visit.page("setup.html", key=key, made=made, newest=newest, snippets=snippets(visit.base_url, key or NO_KEY))


def _keys(visit: Visit, error: EvensplitError | None = None, made: tuple[Kind, str] | None = None) -> Reply:
    found = visit.catalog.keys.all()
    return visit.page("keys.html", 200 if error is None else error.status, keys=found, error=error, made=made)


def _fixed(visit: Visit) -> str:
    """The write key of the settings where it opens anything. It is public: it stands in web pages."""
    text = visit.services.settings.write_key
    in_force = {key.hash for key in visit.catalog.keys.all() if key.revoked_at is None}
    return text if text and key_hash(text) in in_force else ""


def snippets(origin: str, key: str) -> dict[str, str]:
    """What sends events from a page, a terminal and a program."""
    body = json.dumps(EXAMPLE)
    return {
        "browser": script.tag(origin, key),
        "pinned": script.tag(origin, key, pinned=True),
        "curl": (
            f"curl {shlex.quote(f'{origin}/v1/events')} \\\n"
            f"  -H {shlex.quote(f'Authorization: Bearer {key}')} \\\n"
            f"  -d {shlex.quote(body)}\n"
        ),
        "python": (
            "import json\n"
            "from urllib.request import Request, urlopen\n\n"
            f"event = {EXAMPLE!r}\n"
            "request = Request(\n"
            f"    {f'{origin}/v1/events'!r},\n"
            "    data=json.dumps(event).encode(),\n"
            f"    headers={{'Authorization': {f'Bearer {key}'!r}, 'Content-Type': 'application/json'}},\n"
            ")\n"
            "print(urlopen(request).read().decode())\n"
        ),
    }
