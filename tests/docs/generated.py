"""The documents that are made from the code. `python -m tests.docs.generated` (or `make docs`) writes them anew."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from evensplit import settings
from evensplit.api import routes
from evensplit.api.hot_routes import hot_paths
from evensplit.cli import root
from evensplit.ingest import reasons
from evensplit.transfer import faults

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "evensplit"
NOTE = "<!-- Made by `make docs` from the code; a test compares them. -->\n"
MAP_BEGIN, MAP_END = "<!-- map -->\n", "<!-- end of the map -->\n"


def settings_page() -> str:
    rows = [
        f"| `{row.name}` | `{row.flag}` | `{row.variable}` | {f'`{row.default}`' if row.default != '' else ''} "
        f"| {row.rule.replace('|', ' or ')} | {row.help} |"
        for row in settings.TABLE
    ]
    return (
        f"{NOTE}# Settings\n\n"
        "Each is a flag of `evensplit serve` and a variable of the environment; the flag goes first. A wrong value\n"
        "stops the start and names itself and its rule.\n\n"
        "| setting | flag | variable | default | rule | what it does |\n|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def commands() -> Iterator[tuple[str, ...]]:
    """Every command as the words that call it."""
    yield ()
    with click.Context(root) as context:
        for name in root.list_commands(context):
            yield (name,)
            command = root.get_command(context, name)
            if isinstance(command, click.Group):
                yield from ((name, inner) for inner in command.commands)


def help_of(words: tuple[str, ...]) -> str:
    done = CliRunner().invoke(root, [*words, "--help"], prog_name="evensplit", terminal_width=100)
    assert done.exit_code == 0, done.output
    return done.output


def cli_page() -> str:
    parts = [f"## `{' '.join(('evensplit', *words))}`\n\n```\n{help_of(words)}```\n" for words in commands()]
    return f"{NOTE}# Command line\n\n" + "\n".join(parts)


def reject_reasons_page() -> str:
    def table(title: str, texts: dict[str, str]) -> str:
        return f"| {title} | meaning |\n|---|---|\n" + "".join(
            f"| `{code}` | {text} |\n" for code, text in texts.items()
        )

    return (
        f"{NOTE}# Reject reasons and notes\n\n"
        "A refused event or value is named in the reply (`status: rejected`), counted, and kept for looking up:\n"
        "`GET /v1/rejects?reason=` shows the last 10,000 of each reason as they were sent, and how many there ever\n"
        "were.\n\n"
        f"{table('refused because', reasons.REFUSED)}\n"
        "Accepted, and yet worth telling (`status: accepted` with a reason):\n\n"
        f"{table('note', reasons.NOTED)}\n"
        "`status: duplicate` says that an event with this `message_id` is stored already; the first one counts.\n\n"
        "Files have reasons of their own, for what never becomes an event:\n\n"
        f"{table('refused because', faults.REASONS)}"
    )


def all_routes() -> dict[tuple[str, str], str]:
    """(path, method) of every route there is, with its summary."""
    found: dict[tuple[str, str], str] = {}
    for handler in routes.HANDLERS:
        for path in handler.paths:
            for method in handler.http_methods:
                if method not in ("OPTIONS", "HEAD"):
                    name = path.replace(":str", "").replace(":path", "").replace(":int", "")
                    found[name, str(method)] = handler.summary or _first_line(handler.fn.__doc__) or ""
    for path, item in hot_paths()[0].items():
        for method, operation in item.items():
            found[path, method.upper()] = operation["summary"]
    return found


def routes_page() -> str:
    own = {"/openapi.json": "This interface as an OpenAPI document", "/docs": "The same as a page to read"}
    rows = [
        f"| `{method}` | `{path}` | {summary or own[path]} |"
        for (path, method), summary in sorted(all_routes().items())
    ]
    return (
        f"{NOTE}# Routes\n\n"
        "The server describes them in full at `/openapi.json` and `/docs`. The write key may send events and ask for\n"
        "one user's variant; `/healthz`, `/readyz`, `/openapi.json` and `/docs` need no key; all else needs the\n"
        "secret key.\n\n"
        "| | path | |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _first_line(text: str | None) -> str | None:
    return text.strip().splitlines()[0].strip() if text and text.strip() else None


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.stat().st_size)


def described(path: Path) -> str:
    """The first paragraph of the module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def map_section() -> str:
    lines = []
    for path in modules():
        name = path.relative_to(PACKAGE).as_posix().removesuffix("__init__.py")
        lines.append(f"- `{name or '__init__.py'}`: {described(path)}\n")
    return MAP_BEGIN + "".join(lines) + MAP_END


def contributing_page() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(MAP_BEGIN)
    return before + map_section() + rest.partition(MAP_END)[2]


def decisions_page() -> str:
    pages = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    titles = [path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for path in pages]
    return (
        f"{NOTE}# Decisions\n\n"
        "What was chosen where more than one way was open, and why. One short page each.\n\n"
        + "".join(f"- [{title}]({path.name})\n" for title, path in zip(titles, pages, strict=True))
    )


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "docs/cli.md": cli_page,
    "docs/reject-reasons.md": reject_reasons_page,
    "docs/routes.md": routes_page,
    "docs/decisions/README.md": decisions_page,
    "CONTRIBUTING.md": contributing_page,
}


def main() -> None:
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
