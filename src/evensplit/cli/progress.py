"""Progress bars on a terminal; elsewhere nothing is drawn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Advance = Callable[[int, int, str], None]  # done, of how many, a word about it


@contextmanager
def bar(title: str) -> Iterator[Advance]:
    """A bar on stderr, gone when it is done. What is called with (done, total, text) moves it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None, note="")

        def advance(done: int, total: int, note: str) -> None:
            progress.update(task, completed=done, total=total, note=note)

        yield advance
