"""The documents say what the code does: generated pages are up to date, nothing is left out, links lead somewhere."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from evensplit import settings
from evensplit.errors import EvensplitError
from evensplit.ingest import reasons
from evensplit.transfer import faults
from tests.docs import generated
from tests.docs.generated import PACKAGE, ROOT

PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def error_classes(kind: type[EvensplitError] = EvensplitError) -> set[type[EvensplitError]]:
    return {kind}.union(*(error_classes(below) for below in kind.__subclasses__()))


@cache
def raised_codes() -> set[str]:
    """The codes given where an error is raised: `InvalidReport("invalid_time", ...)`."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "InvalidReport(" in text else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("InvalidReport") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


@pytest.mark.parametrize("name", generated.PAGES)
def test_a_generated_page_is_as_the_code_would_make_it(name: str) -> None:
    assert text_of(name) == generated.PAGES[name](), f"{name} is out of date: run `make docs`"


def test_every_error_code_is_documented_with_its_status() -> None:
    page = text_of("docs/errors.md")
    for kind in error_classes():
        # The command line's errors have no status to speak of.
        row = rf"\| `{kind.code}` \| {kind.status} \|" if f"| `{kind.code}` |" in page else rf"`{kind.code}`"
        assert re.search(row, page), f"{kind.__name__} ({kind.code}, {kind.status}) is not in docs/errors.md"
    assert len(raised_codes()) > 10
    assert not [code for code in sorted(raised_codes()) if f"`{code}`" not in page]


def test_no_error_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", text_of("docs/errors.md"), re.MULTILINE))
    assert documented <= {kind.code for kind in error_classes()} | raised_codes()


def test_reject_reasons_routes_and_settings_are_all_there() -> None:
    page = text_of("docs/reject-reasons.md")
    assert not [code for code in [*reasons.REFUSED, *reasons.NOTED, *faults.REASONS] if f"`{code}`" not in page]
    page = text_of("docs/routes.md")
    assert not [path for path, method in generated.all_routes() if f"| `{method}` | `{path}` |" not in page]
    page = text_of("docs/settings.md")
    assert not [row.name for row in settings.TABLE if row.flag not in page or row.variable not in page]


def test_every_module_is_on_the_map_with_a_line_about_it() -> None:
    page = text_of("CONTRIBUTING.md")
    for path in generated.modules():
        name = path.relative_to(PACKAGE).as_posix().removesuffix("__init__.py") or "__init__.py"
        assert re.search(rf"^- `{re.escape(name)}`: \S", page, re.MULTILINE), f"{name} is not in CONTRIBUTING.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_page_is_linked() -> None:
    readme, index = text_of("README.md"), text_of("docs/decisions/README.md")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme, f"README.md does not lead to {page.name}"
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, f"{page.name} is not in the index"


def test_reports_use_what_the_page_names() -> None:
    """Every measure and operator of the trend stands on its page."""
    from typing import get_args

    from evensplit.model.report import Interval, Operator
    from evensplit.model.report.trend import Measure

    page = text_of("docs/trend.md")
    words = [*get_args(Measure), *get_args(Operator), *get_args(Interval)]
    assert not [word for word in words if f"`{word}`" not in page]
