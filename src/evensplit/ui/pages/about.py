"""Which version this is, what it is made of, and how it is doing."""

import platform
from functools import cache
from importlib import metadata

import msgspec

from evensplit.ui.replies import Reply
from evensplit.ui.visit import Visit
from evensplit.version import __version__


class Part(msgspec.Struct, frozen=True):
    """A library that is used, with its licence as it says itself."""

    name: str
    version: str
    licence: str


async def page(visit: Visit) -> Reply:
    settings, store = visit.services.settings, visit.services.store
    return visit.page(
        "about.html",
        version=__version__,
        python=platform.python_version(),
        engine=store.engine,
        directory=settings.data if visit.who.may("admin") else "",
        figures=[(text, sum(value for _, value in values)) for _, _, text, values in store.figures()],
        parts=parts(),
    )


@cache
def parts() -> tuple[Part, ...]:
    """What the package asks for, where it is installed."""
    found = []
    try:
        required = metadata.requires("evensplit") or []
    except metadata.PackageNotFoundError:  # run from its sources
        required = []
    names = sorted({_name(text) for text in required if "extra ==" not in text}, key=str.lower)
    for name in names:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(Part(about["Name"], about["Version"], _licence(about)))
    return tuple(found)


def _name(requirement: str) -> str:
    at = next((n for n, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    return requirement[:at]


def _licence(about: metadata.PackageMetadata) -> str:
    """The expression, else the classifiers, else the first line of the text."""
    named = {name: about[name] for name in ("License-Expression", "License") if name in about}
    classifiers = [
        text.rsplit(" :: ", 1)[-1] for text in about.get_all("Classifier") or [] if text.startswith("License")
    ]
    short = named.get("License", "").partition("\n")[0]
    told = named.get("License-Expression") or ", ".join(classifiers) or short
    return told or "see its package"
