"""How the code is laid out: what import-linter cannot say (it checks the order of the layers in `make check`)."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "evensplit"
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    "duckdb",
    "litestar",
    "sqlalchemy",
    "scipy",
    "plotly",
    "pyarrow",
    "alembic",
    "numpy",
    "uvicorn",
    "httpx",
    "rich",
    "jinja2",
    "argon2",
)
CORE = ("evensplit.model.event", "evensplit.stats.moments", "evensplit.query.plan", "evensplit.experiments.assign")

# Which rooms know which technology. A room is a path under src/evensplit, with or without what lies below it.
ROOMS: dict[str, tuple[str, ...]] = {
    "duckdb": ("storage/",),
    "sqlite3": ("storage/",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "litestar": ("api/", "web/", "app.py", "app/"),
    "uvicorn": ("app.py", "web/protocol.py"),
    "uvloop": ("app.py", "app/"),
    "scipy": ("stats/distributions.py",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "httpx": ("cli/", "notebook.py"),
    "clickhouse_connect": ("storage/clickhouse/",),
    "plotly": ("charts.py",),
    "pyarrow": ("api/tables.py",),
    "jinja2": ("ui/rendering.py",),
    "argon2": ("web/passwords.py",),
}
VAGUE = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "misc",
    "v2",
    "core",
}
CHANCE = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "os.urandom"}
CHANCES = {name.rpartition(".")[2] for name in CHANCE}

MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS, MAX_METHODS = 400, 50, 6, 15


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Everything in a file."""
    return list(ast.walk(tree(path)))


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file names, wherever it imports them."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return frozenset(found)


def sized(path: Path) -> list[str]:
    """What is too big in a file."""
    faults = []
    text = path.read_text(encoding="utf-8")
    if text.count("\n") > MAX_FILE:
        faults.append(f"{room(path)} has more than {MAX_FILE} lines")
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION:
                faults.append(f"{room(path)}:{node.lineno} {node.name} has {lines} lines")
            given = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in given if name not in ("self", "cls")]) > MAX_PARAMETERS:
                faults.append(f"{room(path)}:{node.lineno} {node.name} takes more than {MAX_PARAMETERS} parameters")
        elif isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            if len([m for m in methods if not m.name.startswith("_")]) > MAX_METHODS:
                faults.append(f"{room(path)}:{node.lineno} {node.name} has more than {MAX_METHODS} public methods")
    return faults


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")}
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("technology", ROOMS)
def test_one_place_knows_each_technology(technology: str) -> None:
    strangers = [
        room(path)
        for path in SOURCES
        if any(name.split(".")[0] == technology for name in imported(path))
        and not any(room(path) == allowed or room(path).startswith(allowed) for allowed in ROOMS[technology])
    ]
    assert strangers == []


def test_the_environment_is_read_in_settings_only() -> None:
    readers = set()
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
                readers.add(room(path))
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                assert not {"environ", "environb", "getenv"} & {alias.name for alias in node.names}, room(path)
    assert readers == {"settings.py"}


def test_time_and_chance_come_from_the_clock_only() -> None:
    """So that a test that fixes the clock fixes everything."""
    allowed = {"clock.py"}
    for path in SOURCES:
        names = imported(path)
        if room(path) not in allowed:
            assert "secrets" not in names, f"{room(path)} takes chance from somewhere else than clock"
            calls = {
                ast.unparse(node.func)
                for node in nodes(path)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANCES
            }
            assert not calls & CHANCE, room(path)


def test_rooms_are_small() -> None:
    assert [fault for path in SOURCES for fault in sized(path)] == []


@pytest.mark.parametrize("path", SOURCES, ids=room)
def test_a_file_has_a_plain_name_and_says_what_is_in_it(path: Path) -> None:
    parts = {*path.relative_to(PACKAGE).with_suffix("").parts}
    assert not parts & VAGUE
    if "versions" not in parts and path.stat().st_size:
        assert ast.get_docstring(tree(path)), f"{room(path)} has no module docstring"


@pytest.mark.parametrize("layer", ["model", "stats", "query"])
def test_nothing_is_typed_as_any(layer: str) -> None:
    for path in sorted((PACKAGE / layer).rglob("*.py")):
        names = {node.id for node in nodes(path) if isinstance(node, ast.Name)}
        assert "Any" not in names, room(path)


def test_no_relative_imports() -> None:
    for path in SOURCES:
        assert not [n for n in nodes(path) if isinstance(n, ast.ImportFrom) and n.level], room(path)
