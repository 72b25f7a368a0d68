"""The command lines of the documents run as they stand, on files like those they speak of."""

import csv
import gzip
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evensplit.cli import root
from evensplit.errors import EvensplitError
from evensplit.storage.migrate import migrate
from tests.docs.generated import ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def command_lines(page: str) -> Iterator[str]:
    """Those that need no server."""
    for _, block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("evensplit ") and "--url" not in line:
                yield line.partition(" > ")[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("files")
    (directory / "events.ndjson").write_text('{"event_type": "purchase", "user_id": "ann"}\n' * 3)
    (directory / "access.tsv").write_text("host\tmethod\ttime\turl\nalpha\tGET\t807256800\t/\n")
    (directory / "visits.csv.gz").write_bytes(gzip.compress(b"when,page\n2026-07-01 12:00:00,/\n"))
    with (directory / "cookie_cats.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userid", "version", "sum_game_rounds", "retention_1", "retention_7"])
        writer.writerows([n, f"gate_{30 + n % 2 * 10}", n % 70, n % 9 < 4, n % 5 == 0] for n in range(1, 1001))
    return directory


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory whose record is there: its writer starts sooner."""
    migrate(tmp_path / "analytics.db")
    return tmp_path


def run(line: str, data: Path) -> Result:
    return CliRunner(env={"EVENSPLIT_DATA": str(data)}).invoke(root, shlex.split(line)[1:])


@pytest.mark.parametrize("page", ["docs/files.md", "docs/experiments.md", "docs/sql.md"])
def test_the_command_lines_of_a_page(page: str, files: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    lines = list(command_lines(page))
    assert len(lines) >= 2
    for line in lines:
        done = run(line, data)
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
        if "results" in line:
            assert "gate_40 against gate_30: difference" in done.output
            assert "sum_game_rounds (primary, mean per user)" in done.output
        if "access.tsv" in line:
            assert "1 events" in done.output


def test_a_command_that_cannot_be_done_says_why(data: Path) -> None:
    done = run("evensplit experiment results nothing", data)
    assert isinstance(done.exception, EvensplitError)
    assert "'nothing'" in done.exception.message
    assert run("evensplit import", data).exit_code == 2
