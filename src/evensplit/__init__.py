"""Evensplit: product analytics and A/B tests that a team runs itself. `open` and `connect` are for notebooks."""

from typing import TYPE_CHECKING, Any

from evensplit.version import __version__

if TYPE_CHECKING:
    from evensplit.notebook import connect as connect
    from evensplit.notebook import open as open

__all__ = ["__version__", "connect", "open"]


def __getattr__(name: str) -> Any:
    """`open` and `connect` bring most of the product along, so they are loaded when they are named."""
    if name not in ("connect", "open"):
        raise AttributeError(f"module 'evensplit' has no attribute {name!r}")
    from evensplit import notebook

    return getattr(notebook, name)
