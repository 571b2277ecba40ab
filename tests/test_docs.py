"""README and docs do what they show: every block of every page runs, in order, against a gateway.

A page is one story in one folder, which has `handles.txt` and `brief.toml` to begin with. Python blocks share their
names, and find those of `walee_async`, a list `handles` and a `key`; `await` may stand at the top. A block of tests is
run by pytest. A `toml` block is the file that its first line names. A `text` block after a shell block is what the
latter prints, whatever the numbers. `exit code N` in a command's comment is the code that it must end with. In HTML
comments, which readers do not see, a page may say `run first: COMMAND`, or `not run: WHY` above a block that cannot run
as it stands. The names of other hosts are those of what is started here.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _redis import RedisServer, find

import walee_async
from walee_async import read_brief
from walee_async.cli.entry import run
from walee_async.cli.exits import MEANINGS
from walee_async.testing import Gateway, Maker

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "docs" / "reference" / "command-line.md"
PAGES = [ROOT / "README.md", *sorted(set((ROOT / "docs").rglob("*.md")) - {GENERATED})]
PIECE = re.compile(r"^<!-- (?P<said>.*?) -->$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ASKING = {"doctor", "fetch", "plan", "report", "score"}
"""The commands that take a --base-url."""
NAMED = ("river.kites", "amber.anchor")
"""Creators that the pages name."""
INSTALLS = re.compile(r"\bpip install\b|-m venv\b")
"""What `.ci/run` does, and every user before all else."""
LANGUAGES = {"python", "sh", "text", "toml", "promql"}


class Block(NamedTuple):
    """A piece of a page: `not_run` says why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The pieces of a page in their order; a `run first` is a shell block."""
    whole, why = page.read_text("utf-8"), None
    for match in PIECE.finditer(whole):
        line = whole.count("\n", 0, match.start()) + 1
        if match["said"] is not None:
            kind, _, words = match["said"].partition(": ")
            assert kind in ("not run", "run first", "fmt"), match["said"]
            if kind == "run first":
                yield Block(page, line, "sh", words, None)
            elif kind == "not run":
                why = words
        else:
            yield Block(page, line + 1, match["language"], match["text"], why)
            why = None


class Hosts(ast.NodeTransformer):
    """Puts what is here in the place of what the page names: the gateway, and servers by their addresses."""

    def __init__(self, base_url: str, servers: dict[str, str]) -> None:
        self._base_url = ast.Constant(base_url)
        self._servers = servers

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        own = any(keyword.arg == "base_url" for keyword in node.keywords)
        if isinstance(node.func, ast.Name) and node.func.id in {"WaleeClient", "Terms"} and not own:
            node.keywords.append(ast.keyword("base_url", self._base_url))
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(self._servers[node.value]) if node.value in self._servers else node


class Story:
    """One page on its way."""

    def __init__(self, gateway: Gateway, servers: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
        self._gateway = gateway
        self._servers = servers
        self._hosts = Hosts(gateway.base_url, servers)
        self._capfd = capfd
        self._names: dict[str, Any] = {name: getattr(walee_async, name) for name in walee_async.__all__}
        self._names |= {
            "__name__": "docs",
            "key": gateway.key,
            "handles": [*NAMED, *gateway.handles[1:4]],
        }
        self._printed = ""

    def tell(self, block: Block) -> None:
        """Run one block, or compare it with what the one before it printed."""
        if block.language == "text":
            self._compare(block)
            return
        self._capfd.readouterr()
        {"python": self._python, "sh": self._shell, "toml": self._toml}[block.language](block)
        said = self._capfd.readouterr()
        self._printed = said.out + said.err

    def _python(self, block: Block) -> None:
        if re.search(r"^(async )?def test_", block.text, re.MULTILINE):
            Path("test_shown.py").write_text(block.text, "utf-8")
            command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"]
            assert subprocess.run(command, check=False, timeout=60).returncode == 0, (
                f"{block}: {self._capfd.readouterr()}"
            )
            return
        tree = ast.parse("\n" * (block.line - 1) + block.text)
        tree = ast.fix_missing_locations(self._hosts.visit(tree))
        # Without the `annotations` of this module, so that Structs find the names of their fields' types.
        code = compile(tree, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        made = eval(code, self._names)
        if inspect.iscoroutine(made):
            asyncio.run(made)
        if any(isinstance(part, ast.AsyncFunctionDef) and part.name == "main" and part.args.args for part in tree.body):
            asyncio.run(self._names["main"](self._names["handles"]))

    def _toml(self, block: Block) -> None:
        name = re.match(r"# (\S+\.toml)", block.text)
        assert name is not None, f"{block}: the first line should name the file"
        Path(name[1]).write_text(block.text, "utf-8")
        read_brief(name[1])

    def _shell(self, block: Block) -> None:
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            wanted = re.search(r"#.*exit code (\d+)", line)
            if not INSTALLS.search(line) and line.strip() and not line.startswith("#"):
                ended = self._command(line)
                assert ended == int(wanted[1] if wanted else 0), f"{block}: {line}: {self._capfd.readouterr()}"

    def _command(self, line: str) -> int:
        for name, here in self._servers.items():
            line = line.replace(name, here)
        words = shlex.split(line, comments=True)
        if words[:2] == ["walee", "gateway"]:
            return self._served(words[1:])
        if words[0] == "walee" and not re.search(r"[|<>;&$*]", line.partition("#")[0]):
            return run(self._asking(words[1:]))
        # Through a shell, `walee` is the command itself, with the same argument behind it where it takes one.
        own = " ".join(self._asking(["$@"])[1:])
        asks = "|".join(sorted(ASKING))
        walee = (
            f'walee() {{ case $1 in {asks}) set -- "$@" {own};; esac; {sys.executable} -W error -m walee_async "$@"; }}'
        )
        ended = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{walee}\n{line}"], check=False, timeout=60)
        return ended.returncode

    def _asking(self, words: list[str]) -> list[str]:
        return [*words, "--base-url", self._gateway.base_url] if words[0] in {"$@", *ASKING} else words

    @staticmethod
    def _served(words: list[str]) -> int:
        """Start a gateway, and stop it as soon as it serves."""
        command = [sys.executable, "-W", "error", "-m", "walee_async", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert b"base_url" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            process.stdout.read()
        return process.returncode

    def _compare(self, block: Block) -> None:
        def plain(text: str) -> str:
            return " ".join(re.sub(r"[\d.,]*\d", "9", text).split())

        for line in block.text.splitlines():
            assert plain(line) in plain(self._printed), f"{block}: {line!r} is not in {self._printed}"


@contextmanager
def redis() -> Iterator[str]:
    """The address of a Redis."""
    program = find()
    if program is None:
        said = "there is no redis-server here; `apt-get install redis-server` brings it"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    with RedisServer(program) as server:
        yield server.url


@contextmanager
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        yield cluster.scheduler_address


@contextmanager
def bucket() -> Iterator[str]:
    """What stands for files in the cloud."""
    yield str(Path.cwd() / "raw" / "*.jsonl.gz")


SERVERS = {"redis://cache:6379/0": redis, "tcp://host:8786": scheduler, "s3://bucket/raw/*.jsonl.gz": bucket}
"""What pages name, and what stands for it here."""


@pytest.fixture
def story(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Story]:
    """A folder, a gateway that knows the creators of the pages, and its key in the environment."""
    maker = Maker(creators=20)
    gateway = Gateway(maker)
    for place, handle in enumerate(NAMED):
        gateway.plant(maker.creator(place, handle=handle))
    (tmp_path / "handles.txt").write_text("\n".join([*NAMED, *gateway.handles[1:4]]), "utf-8")
    (tmp_path / "brief.toml").write_text('genders = ["female"]\nages = ["18-34"]\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WALEE_API_KEYS", raising=False)
    monkeypatch.setenv("WALEE_API_KEY", gateway.key)
    monkeypatch.setenv("COLUMNS", "120")
    with gateway.in_thread(), ExitStack() as stack:
        named = {name: make for name, make in SERVERS.items() if name in page.read_text("utf-8")}
        yield Story(gateway, {name: stack.enter_context(make()) for name, make in named.items()}, capfd)


def is_told(page: Path) -> bool:
    return any(block.not_run is None for block in blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_of_a_kind_that_is_run(page: Path) -> None:
    """A block says its language; one that is not run says why."""
    for block in blocks(page):
        assert block.language in LANGUAGES, block
        assert block.not_run != "", block
        assert block.language != "promql" or block.not_run, block


@pytest.mark.long
@pytest.mark.parametrize(
    "page", [page for page in PAGES if is_told(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_a_page_does_what_it_shows(page: Path, story: Story) -> None:
    """All blocks of a page run one after the other, each ending as it should."""
    for block in blocks(page):
        if block.not_run is None:
            story.tell(block)


def sentences() -> str:
    """What the package can say, with `…` for what differs, a text on each line."""

    def said(node: ast.expr) -> str | None:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(said(part) or "…" for part in parts)
        return None

    trees = [ast.parse(path.read_text("utf-8")) for path in Path(walee_async.__file__).parent.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    described = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings, which nobody sees
    texts = [said(node) for node in nodes if isinstance(node, ast.expr) and id(node) not in described]
    return "\n".join(text for text in texts if text)


def test_the_sentences_of_troubleshooting_are_the_packages_own() -> None:
    """Every heading that quotes a message has its words, and the exit codes are all there are."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    quoted = re.findall(r"^### (.+)$", page, re.MULTILINE)
    known = re.sub(r"…+", "…", sentences())
    assert len(quoted) > 40
    assert [sentence for sentence in quoted if sentence.removeprefix("… ").removesuffix(" …") not in known] == []
    codes = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
    assert {int(code): meaning for code, meaning in codes} == MEANINGS


def test_getting_started_names_the_extras() -> None:
    """The extras are those of the metadata, and one command installs all that are for users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for name in project["optional-dependencies"] if name != "test"]
    start = (ROOT / "docs" / "start.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", start, re.MULTILINE) == extras
    assert f"'walee-async[{','.join(extras)}]'" in (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")


def test_every_promise_names_a_test_that_is_there() -> None:
    """There are eight promises, and what would fail first is a test of that name in that file."""
    rows = re.findall(r"^\| \*\*(\d)\..*\| (.+) \|$", (ROOT / "docs" / "promises.md").read_text("utf-8"), re.MULTILINE)
    assert [number for number, _ in rows] == list("12345678")
    tests = re.findall(r"`([\w/]+\.py)::(test_\w+)`", "".join(text for _, text in rows))
    assert len(tests) == 7
    for file, name in tests:
        (path,) = (ROOT / "tests").rglob(file)
        assert f"def {name}(" in path.read_text("utf-8")
