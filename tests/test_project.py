"""What the project says of itself is true."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import entry_points, files, metadata
from pathlib import Path

import pytest

import walee_async

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [path for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md") for path in sorted(ROOT.glob(pattern))]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _example(*names: str) -> ast.AsyncFunctionDef:
    """Parse the one Python example of the README that has all the names, as the body of a coroutine."""
    (block,) = (block for block in _blocks("python") if all(name in block for name in names))
    tree = ast.parse("async def example():\n" + "".join(f"    {line}\n" for line in block.splitlines()))
    (function,) = tree.body
    assert isinstance(function, ast.AsyncFunctionDef)
    return function


def test_the_readme_is_short() -> None:
    """A newcomer reads it to the end: at most 150 lines."""
    assert len(README.splitlines()) <= 150


def test_the_readme_has_one_line_for_the_demo_and_one_for_the_tests() -> None:
    """The two lines that the gate takes from the README are there, once each, alone in their blocks."""
    lines = [block.strip() for block in _blocks("sh") if block.startswith("python3 -m venv")]
    assert [line.rpartition("/")[2] for line in lines] == ["walee demo", "pytest"]
    assert not any("\n" in line for line in lines)


def test_the_service_example_has_three_lines() -> None:
    """A service awaits a report with three lines."""
    assert (_example("river.kites").end_lineno or 0) - 1 == 3


def test_the_bulk_example_has_ten_lines() -> None:
    """The main job takes at most ten lines."""
    assert (_example("creator_reports(handles, view").end_lineno or 0) - 1 <= 10


@pytest.mark.parametrize("block", _blocks("python"))
def test_the_examples_use_public_names(block: str) -> None:
    """Every class that an example uses is public, or the testing gateway."""
    used = set(re.findall(r"\b[A-Z][a-z]\w+(?=\()", block)) | set(re.findall(r"view=([A-Z]\w+)", block))
    assert used <= {*walee_async.__all__, "Gateway"}


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)", README))
def test_the_readmes_links_lead_somewhere(target: str) -> None:
    """Every relative link names a file of the project."""
    assert (ROOT / target).is_file()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_documents_links_lead_somewhere(page: Path) -> None:
    """Every relative link of the documents leads to something that is there, or to the page that is generated."""
    text = page.read_text("utf-8")
    named = re.findall(r"\]\(((?!http)[^)#]+)", text)
    missing = [target for target in named if not (page.parent / target).exists()]
    assert {(page.parent / target).resolve() for target in missing} <= {ROOT / "docs" / "reference" / "command-line.md"}


def test_every_decision_is_in_the_index() -> None:
    """The records in docs/adr are numbered without a gap, and the index has each with its title."""
    folder = ROOT / "docs" / "adr"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    index = re.findall(r"^- \[(\d{4})\]\((.+?)\) (.+)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    assert [number for number, *_ in index] == [f"{number:04}" for number in range(1, len(records) + 1)]
    titles = [path.read_text("utf-8").partition("\n")[0] for path in records]
    assert [(name, f"# {number}. {title}") for number, name, title in index] == [
        (path.name, title) for path, title in zip(records, titles, strict=True)
    ]


def test_the_readme_names_the_extras() -> None:
    """The table of extras is that of the metadata."""
    assert re.findall(r"`walee-async\[(\w+)\]`", README) == list(PROJECT["optional-dependencies"])


def test_the_readme_names_the_version_of_python() -> None:
    """The Python it asks for is the one that pip asks for, and the lowest that is tested."""
    (lowest,) = re.findall(r"Needs Python (3\.\d+) or newer", README)
    assert PROJECT["requires-python"] == f">={lowest}"
    tested = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert tested[0] == lowest


def test_the_metadata_is_that_of_the_project() -> None:
    """What is installed is this project, with the version, the licence and the dependencies it declares."""
    installed = metadata("walee-async")
    assert installed["Version"] == PROJECT["version"]
    assert installed["License-Expression"] == "MIT"
    core = [text for text in installed.get_all("Requires-Dist") or [] if "extra ==" not in text]
    assert sorted(core) == sorted(PROJECT["dependencies"])


def test_the_licence_is_shipped() -> None:
    """The licence's text is installed with the package, and those of the JavaScript in it."""
    assert {"LICENSE", "LICENSES.txt"} <= {file.name for file in files("walee-async") or []}


def test_what_the_sdist_takes_is_there() -> None:
    """Every pattern of what is packed matches something; `nox -s dist` tells what git has and the sdist has not."""
    patterns = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern.removeprefix("/")))] == []


def test_the_package_is_typed() -> None:
    """Type checkers read the package's own annotations, because its marker is beside them."""
    assert (Path(walee_async.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(("group", "name"), [("console_scripts", "walee"), ("pytest11", "walee_async")])
def test_the_entry_points_lead_somewhere(group: str, name: str) -> None:
    """The command and the pytest plugin are found where the metadata says."""
    (point,) = entry_points(group=group, name=name)
    assert point.load()


def test_the_changelog_has_one_unreleased_section() -> None:
    """What changed since the last version has its one place, above all versions."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings.count("Unreleased") == 1
