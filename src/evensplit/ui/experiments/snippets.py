"""How a program asks for a variant: lines to paste, with the host filled in and a placeholder for the key."""

import json
import shlex
from collections.abc import Sequence

import msgspec

from evensplit.model.experiment import Experiment
from evensplit.ui.replies import segment

KEY = "es_w_..."


class Snippet(msgspec.Struct, frozen=True):
    title: str
    text: str


def snippets(experiment: Experiment, base_url: str) -> Sequence[Snippet]:
    """For a page, a terminal, a program."""
    name, other = experiment.name, _other(experiment)
    url = f"{base_url}/v1/experiments/{segment(name)}/assignments"
    browser = (
        f'<script defer src="{base_url}/es.js" data-key="{KEY}"></script>\n'
        "<script>\n"
        "  addEventListener('DOMContentLoaded', async () => {\n"
        f"    const variant = await evensplit.variant({_script(name)});\n"
        f"    if (variant === {_script(other)}) {{ /* show it */ }}\n"
        "  });\n"
        "</script>\n"
    )
    curl = (
        f"curl {shlex.quote(url)} \\\n"
        f'  -H "Authorization: Bearer {KEY}" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(json.dumps({'user_id': 'ann'}))}\n"
    )
    python = (
        "import httpx\n\n"
        f"reply = httpx.post({url!r},\n"
        f'    headers={{"Authorization": "Bearer {KEY}"}}, json={{"user_id": "ann"}})\n'
        f'if reply.json()["variant"] == {other!r}:\n'
        "    ...\n"
    )
    return [Snippet("Browser", browser), Snippet("curl", curl), Snippet("Python", python)]


def _other(experiment: Experiment) -> str:
    """A variant that is not the control."""
    return next(variant.name for variant in experiment.variants if variant.name != experiment.control)


def _script(text: str) -> str:
    """A string literal that cannot end the script element."""
    return json.dumps(text).replace("<", "\\u003c")
