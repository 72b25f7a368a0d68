"""Which Evensplit this is. Results say so; the package's metadata are made from it."""

__version__ = "0.1.0"
