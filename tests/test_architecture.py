"""The house rules that a program can hold, read from the source with `ast`.

Every module has a floor, and imports go down. A new module gets its floor in `FLOORS`, a new dependency its place in
`THIRD_PARTY`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "walee_async"

# Rooms by floor, lowest first: a room is a module, or a folder with all that is in it. Where rooms of one floor build
# on each other, the floor has steps; rooms of one step do not know each other.
FLOORS: list[tuple[int, set[str]]] = [
    (0, {"errors", "interfaces", "models", "outcomes"}),
    (0, {"events"}),
    (1, {"breaker", "checks", "inflate"}),
    (1, {"pacing", "retry"}),
    (1, {"decode", "handles", "ledger", "scoring", "wire"}),
    (2, {"bucket", "budget", "checkpoint", "keys", "store", "waiting", "workers"}),
    (2, {"gate"}),
    (3, {"transport"}),
    (3, {"http"}),
    (3, {"sending"}),
    (3, {"session"}),
    (4, {"feed", "flights", "options", "pool", "progress", "reuse", "watched"}),
    (4, {"bulk", "plan", "rescoring"}),
    (4, {"scores"}),
    (5, {"client"}),
    (6, {"fielddocs"}),
    (6, {"export", "page", "testing"}),
    (6, {"integrations"}),
    (7, {"cli"}),
    (8, {"__init__", "__main__"}),
]
STEP = {room: step for step, (_, rooms) in enumerate(FLOORS) for room in rooms}
FLOOR = {room: floor for floor, rooms in FLOORS for room in rooms}

EVERYWHERE = {"msgspec"}
THIRD_PARTY = {
    "aiohttp": {"http", "session", "testing", "transport"},
    "aiolimiter": {"bucket"},
    "anyio": {"bulk", "cli", "feed", "integrations", "waiting"},
    "backports": {"inflate"},
    "compression": {"inflate"},  # of the standard library from Python 3.14 on
    "cyclopts": {"cli"},
    "deflate": {"inflate"},
    "distributed": {"integrations"},
    "fsspec": {"integrations"},
    "jinja2": {"page"},
    "opentelemetry": {"integrations"},
    "prometheus_client": {"integrations"},
    "pyarrow": {"export"},
    "pytest": {"testing"},
    "redis": {"integrations"},
    "rich": {"cli"},
    "yarl": {"http", "testing"},
}
STANDARD = {"sqlite3": {"store"}}
# The two lowest floors are functions of values: no waiting, no network, no disk, no clock, no dice.
WORLD = {"asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "ssl", "subprocess", "threading", "time"}
# Lists of handles are read where handles are understood, and briefs where briefs are.
READS_FILES = {PACKAGE / "handles" / "files.py", PACKAGE / "scoring" / "files.py"}


class Import(NamedTuple):
    """One import of one module: `typed_only` when it stands under `if TYPE_CHECKING`."""

    module: str
    line: int
    typed_only: bool

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


class Module(NamedTuple):
    """One file of the package, parsed."""

    path: Path
    room: str
    tree: ast.Module

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(ROOT)}:{line}"


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _parse(path: Path) -> Module:
    return Module(path, _room(path), ast.parse(path.read_text("utf-8")))


MODULES = [_parse(path) for path in sorted(PACKAGE.rglob("*.py"))]


def _imports(node: ast.AST, typed_only: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, typed_only) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            source = child.module or ""
            whole = source == "walee_async"  # from walee_async import errors: the names are modules
            names = [f"{source}.{alias.name}" for alias in child.names] if whole else [source]
            yield from (Import(name, child.lineno, typed_only) for name in names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), typed_only=True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), typed_only)
        else:
            yield from _imports(child, typed_only)


def _inner(module: Module) -> Iterator[tuple[Import, str]]:
    for found in _imports(module.tree):
        if found.package == "walee_async":
            yield found, (*found.module.split("."), "__init__")[1]


def _functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return sum(name.arg not in {"self", "cls"} for name in names)


def test_every_room_has_a_floor() -> None:
    """A new module must be given its floor, and a floor names only rooms that exist."""
    assert {module.room for module in MODULES} == set(STEP)


def _is_downward(module: Module, found: Import, target: str) -> bool:
    if target == module.room or (module.room == "__init__" and found.typed_only):
        return True
    return FLOOR[target] <= FLOOR[module.room] if found.typed_only else STEP[target] < STEP[module.room]


def test_imports_go_down() -> None:
    """A room imports only from below; for its types alone also from its own floor."""
    wrong = [
        f"{module.at(found.line)} imports {found.module}"
        for module in MODULES
        for found, target in _inner(module)
        if target not in STEP or not _is_downward(module, found, target)
    ]
    assert wrong == []


def test_third_parties_stay_in_their_rooms() -> None:
    """A third-party package is imported only where it has its place, so that it can be replaced there."""
    free = sys.stdlib_module_names | EVERYWHERE | {"walee_async"}
    wrong = [
        f"{module.at(found.line)} imports {found.module}"
        for module in MODULES
        for found in _imports(module.tree)
        if found.package not in free and module.room not in THIRD_PARTY.get(found.package, set())
    ]
    assert wrong == []


def test_the_database_stays_in_its_room() -> None:
    """Of the standard library, SQLite is for the store alone."""
    wrong = [
        f"{module.at(found.line)} imports {found.module}"
        for module in MODULES
        for found in _imports(module.tree)
        if module.room not in STANDARD.get(found.package, {module.room})
    ]
    assert wrong == []


def test_the_lowest_floors_do_not_touch_the_world() -> None:
    """Words and rules are functions of values."""
    wrong = [
        f"{module.at(found.line)} imports {found.module}"
        for module in MODULES
        if FLOOR.get(module.room, 0) <= 1
        for found in _imports(module.tree)
        if found.package in WORLD and not found.typed_only
        if found.package != "pathlib" or module.path not in READS_FILES
    ]
    assert wrong == []


def test_modules_are_short() -> None:
    """A module has at most 300 lines; a longer one is two."""
    lines = {str(m.path.relative_to(ROOT)): len(m.path.read_text("utf-8").splitlines()) for m in MODULES}
    assert {path: count for path, count in lines.items() if count > 300} == {}


def test_functions_are_short() -> None:
    """A function has at most 30 lines besides its docstring."""
    long = {f"{m.at(f.lineno)} {f.name}": _length(f) for m in MODULES for f in _functions(m) if _length(f) > 30}
    assert long == {}


def test_functions_take_few_parameters() -> None:
    """A function takes at most 7 parameters besides self; more of them are a Struct."""
    many = {f"{m.at(f.lineno)} {f.name}": _parameters(f) for m in MODULES for f in _functions(m) if _parameters(f) > 7}
    assert many == {}


def test_only_the_command_line_prints() -> None:
    """A library writes nothing to its user's terminal."""
    wrong = [
        f"{module.at(node.lineno)} {ast.unparse(node)}"
        for module in MODULES
        if module.room != "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.stdout.write", "sys.stderr.write"}
    ]
    assert wrong == []


def test_names_carry_no_async_prefix() -> None:
    """Everything is async, so no name says so."""
    names = [f"{m.at(f.lineno)} {f.name}" for m in MODULES for f in _functions(m) if f.name.startswith("async_")]
    assert names == []


SOURCES = sorted(
    path
    for pattern in (
        "walee_async/**/*.py",
        "tests/**/*.py",
        "benchmarks/*",
        "examples/*",
        ".ci/*.py",
        "*.py",
        "*.md",
        "docs/**/*.md",
        "*.toml",
        ".ci/run",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)
# A path of one machine, rather than one of a web address or one below the project.
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(?:home|mnt|opt|root|srv|tmp|Users|work)/\w")
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("pattern", [MACHINE_PATH, UNFINISHED], ids=["machine path", "unfinished"])
def test_sources_are_of_no_machine_and_finished(path: Path, pattern: re.Pattern[str]) -> None:
    """No file depends on the layout of one machine, and none is left half done."""
    lines = path.read_text("utf-8").splitlines()
    assert [f"{number}: {line}" for number, line in enumerate(lines, 1) if pattern.search(line)] == []


TESTS = [(path, ast.parse(path.read_text("utf-8"))) for path in sorted((ROOT / "tests").rglob("*.py"))]


def _offences(tree: ast.Module, is_offence: Callable[[ast.AST], bool]) -> list[str]:
    return [f"{getattr(node, 'lineno', 0)}: {ast.unparse(node)[:80]}" for node in ast.walk(tree) if is_offence(node)]


def _is_undescribed_test(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
        return False
    return not (ast.get_docstring(node) or "").endswith(".")


def _is_patching(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
        return any("mock" in module for module in modules)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "monkeypatch":
        return node.attr not in {"setenv", "delenv", "chdir"}
    return isinstance(node, ast.arg) and node.arg == "mocker"


def _is_avoidance(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) in {
        "pytest.mark.flaky",
        "pytest.mark.skip",
        "pytest.mark.xfail",
        "time.sleep",
    }


@pytest.mark.parametrize("offence", [_is_undescribed_test, _is_patching, _is_avoidance], ids=lambda f: f.__name__[4:])
@pytest.mark.parametrize(("path", "tree"), TESTS, ids=[str(path.relative_to(ROOT)) for path, _ in TESTS])
def test_tests_are_honest(path: Path, tree: ast.Module, offence: Callable[[ast.AST], bool]) -> None:
    """A test says what it shows; nothing is patched but the environment, skipped, or waited for by sleeping."""
    assert _offences(tree, offence) == []
