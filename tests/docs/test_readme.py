"""The README's commands, run in order against a server that was started for them, give the replies it shows."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.docs.generated import ROOT

WRITE, SECRET = "es_w_" + "r" * 32, "es_s_" + "r" * 32
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Step(msgspec.Struct, frozen=True):
    """A command of the README, and the reply that it shows for it."""

    command: str
    reply: object | None


def steps(text: str) -> list[Step]:
    blocks = BLOCK.findall(text)
    found = []
    for position, (kind, body) in enumerate(blocks):
        if kind == "sh":
            following = blocks[position + 1] if position + 1 < len(blocks) else ("", "")
            found.append(Step(body, msgspec.json.decode(following[1]) if following[0] == "json" else None))
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a free port, with keys fixed beforehand."""
    directory = tmp_path_factory.mktemp("readme")
    fixed = {"EVENSPLIT_WRITE_KEY": WRITE, "EVENSPLIT_SECRET_KEY": SECRET, "PYTHONPATH": str(ROOT / "src")}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("EVENSPLIT_")}
    said = directory / "said"
    with said.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "evensplit", "serve", "--data", str(directory / "data"), "--port", "0"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=kept | fixed,
        )
        try:
            yield _address(server, said)
        finally:
            server.terminate()
            assert server.wait(30) == 0


def _address(server: "subprocess.Popen[bytes]", said: Path) -> str:
    for _ in range(600):
        found = re.search(r"listens on (http://\S+)", said.read_text())
        if found:
            return found[1]
        assert server.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {said.read_text()}")


def curl(command: str, variables: dict[str, str]) -> httpx.Response:
    """What curl would do with the few options that the README uses."""
    words = iter(shlex.split(re.sub(r"\$([A-Z]+)", lambda name: variables[name[1]], command)))
    assert next(words) == "curl"
    method, address, headers, body = "GET", "", {}, None
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(words)
        elif word == "-d":
            method, body = "POST", next(words).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        else:
            assert not word.startswith("-"), f"the README uses an option of curl that this test does not know: {word}"
            address = word
    return httpx.request(method, address, headers=headers, content=body, timeout=30)


def shows(shown: object, given: object, where: str = "reply") -> None:
    """`given` holds all that is shown; `...` stands for any text."""
    if isinstance(shown, dict):
        assert isinstance(given, dict), where
        for name, value in shown.items():
            assert name in given, f"{where} has no {name!r}: {given}"
            shows(value, given[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert isinstance(given, list), where
        assert len(given) == len(shown), f"{where}: {given}"
        for position, value in enumerate(shown):
            shows(value, given[position], f"{where}[{position}]")
    elif shown == "...":
        assert isinstance(given, str), where
    else:
        assert given == shown, f"{where} is {given!r}, the README shows {shown!r}"


def test_the_readme_does_what_it_says(url: str) -> None:
    variables = {"URL": url, "WRITE": WRITE, "SECRET": SECRET}
    ran = 0
    for step in steps((ROOT / "README.md").read_text(encoding="utf-8")):
        if step.command.startswith("export "):
            names = re.findall(r"^export ([A-Z]+)=", step.command, re.MULTILINE)
            assert set(names) == set(variables)
            continue
        reply = curl(step.command, variables)
        assert reply.is_success, f"{step.command}\n{reply.text}"
        if step.reply is not None:
            shows(step.reply, reply.json())
        ran += 1
    assert ran >= 5


def test_the_two_commands_of_the_first_screen_are_in_the_makefile() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("serve", "demo"):
        assert any(line.startswith(f"make {command}") for line in first_screen)
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
