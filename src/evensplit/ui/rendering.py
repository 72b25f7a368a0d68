"""Templates: the room of Jinja2, which is loaded when the first page is asked for.

Everything is escaped; a name that is not there is an error, never an empty text.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evensplit.ui import figures, navigation

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # loaded when the first page is asked for

    from evensplit.ui.replies import link, segment

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_finalized,
    )
    made.filters.update(
        figure=figures.figure,
        share=figures.share,
        lasting=figures.lasting,
        short=figures.short,
        exact=figures.exact,
        percent=figures.percent,
        duration=figures.duration,
        moment=figures.moment,
        day=figures.day,
        data=figures.data,
        broken=figures.broken,
        json_block=figures.json_block,
        segment=segment,
    )
    made.globals.update(link=link, change=figures.change, is_here=navigation.is_here)
    return made


def _finalized(value: Any) -> Any:
    """What others sent may hold what a page cannot."""
    return figures.printable(value) if type(value) is str else value
