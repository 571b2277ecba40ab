"""Build the documentation's site: first what is generated, then the pages with warnings as errors; then examine it.

The site must be whole and load nothing from elsewhere: every address that a browser fetches by itself, and every link
to another page or heading, leads to something in `site/`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from walee_async.cli.app import app
from walee_async.cli.exits import MEANINGS

ROOT: Final = Path(__file__).parent.parent
SITE: Final = ROOT / "site"
COMMANDS: Final = ROOT / "docs" / "reference" / "command-line.md"

PUBLIC: Final = (
    "walee_async",
    "walee_async/export",
    "walee_async/handles",
    "walee_async/integrations/dask",
    "walee_async/integrations/redis",
    "walee_async/models",
    "walee_async/page",
    "walee_async/scoring",
    "walee_async/store",
    "walee_async/testing",
)
"""Whose names are all in the reference."""
LOADED_BY_NAME: Final = {
    "unpkg.com/mermaid": "mermaid",
    "unpkg.com/pyodide": "pyodide",
    "cdn.jsdelivr.net/pyodide": "pyodide",
    "unpkg.com/ace-builds": "pyodide",
    "unpkg.com/glightbox": "glightbox",
    "api.github.com": 'data-md-component="source"',
    "unpkg.com/resize-observer-polyfill": None,
}
"""Addresses in the theme's script, with the mark of the pages that make it load them. The last one is for browsers
from before 2020, which read the pages without it as well."""
NO_LOADS: Final = ("www.w3.org/", "fontawesome.com")
"""Names and notices that look like addresses: XML namespaces, and the licence of the icons."""


def command_page() -> str:
    """The reference of the command line, from the command itself."""
    text = app.generate_docs()
    text = re.sub(r"## Table of Contents.*?(?=\*\*Commands\*\*)", "", text, flags=re.DOTALL)
    text = re.sub(r" \*\[default: (?:False|\(\))\]\*", "", text)
    codes = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    text = text.replace("# walee\n", "# The command line\n", 1).replace("**Commands**:\n\n", "", 1)
    return f"{text.rstrip()}\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"


class Page(HTMLParser):
    """What a page has and where it leads: its ids, its links, and what a browser loads for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.text = path.read_text("utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if "href" in given:
            (self.links if tag == "a" else self.loads).append(given["href"])
        self.loads += [given[name] for name in ("src", "srcset", "poster", "data") if name in given and tag != "a"]


def faults(pages: dict[Path, Page]) -> Iterator[str]:
    """What is wrong with the site, a sentence each."""
    for path, page in pages.items():
        name = path.relative_to(SITE)
        for address in page.loads:
            if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
                yield f"{name} loads {address}"
        for address in (*page.links, *page.loads):
            parts = urlsplit(address)
            if path.name != "404.html" and not parts.scheme and not parts.netloc:
                yield from _dead(path, parts.path, parts.fragment, pages)
    yield from _remote(pages.values())


def _dead(path: Path, target: str, fragment: str, pages: dict[Path, Page]) -> Iterator[str]:
    there = (path.parent / unquote(target)).resolve() if target else path
    if SITE not in there.parents or not there.is_file():
        yield f"{path.relative_to(SITE)} leads to {target}, which is not there"
    elif fragment and there in pages and unquote(fragment) not in pages[there].ids:
        yield f"{path.relative_to(SITE)} leads to {target}#{fragment}, which is not there"


def _remote(pages: Iterable[Page]) -> Iterator[str]:
    """Addresses in scripts and style sheets that would be loaded."""
    html = "".join(page.text for page in pages)
    for path in (*SITE.rglob("*.js"), *SITE.rglob("*.css")):
        for address in re.findall(r"""(?:https?:|["'(])//([\w-]+(?:\.[\w-]+)+/?[\w./@-]*)""", path.read_text("utf-8")):
            if address.startswith(NO_LOADS):
                continue
            marks = [mark for start, mark in LOADED_BY_NAME.items() if address.startswith(start)]
            if not marks or (marks[0] is not None and marks[0] in html):
                yield f"{path.relative_to(SITE)} loads {address}"


def unnamed(pages: Iterable[Page]) -> Iterator[str]:
    """The public names that the reference leaves out. A module is there when something of it is."""
    there = {name.rpartition(".")[2] for page in pages for name in page.ids if name.startswith("walee_async.")}
    there |= {name.split(".")[1] for page in pages for name in page.ids if name.startswith("walee_async.")}
    for room in PUBLIC:
        for node in ast.parse((ROOT / room / "__init__.py").read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                missing = set(ast.literal_eval(node.value)) - there
                yield from (f"{room}: {name} is not in the reference" for name in missing)


def main() -> None:
    """Build the site, and end with what is wrong with it."""
    COMMANDS.write_text(command_page(), "utf-8")
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if built.returncode:
        sys.exit(built.returncode)
    pages = {path: Page(path) for path in sorted(SITE.rglob("*.html"))}
    found = sorted({*faults(pages), *unnamed(pages.values())})
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
