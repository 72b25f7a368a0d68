"""Tables for people to read: aligned on a terminal, and plain enough to be cut apart elsewhere."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(heads: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print to stdout. Cells are shown as they are, never read as markup."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, head in enumerate(heads):
        numbers = bool(rows) and all(_is_number(row[position]) for row in rows)
        table.add_column(head, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    console.print(table, width=None if console.is_terminal else 10_000, crop=False)


def number(value: float | None, digits: int = 4) -> str:
    """As people write it: 44,700 and 0.1902; nothing where there is none."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) >= 1000:
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.1f}"


def _is_number(cell: str) -> bool:
    return not cell or cell[0] in "+-0123456789"
