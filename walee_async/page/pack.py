"""Data and scripts as they stand in the file, and the hashes by which the page permits them."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from walee_async.page.creator import Sheet

CHUNK: Final = 50
"""Sheets that are unpacked together: 100 KB of JSON, a few milliseconds in a browser."""

STYLES: Final = ("base", "overview", "table", "sheet", "print")
SCRIPTS: Final = (
    "text",
    "data",
    "brief",
    "select",
    "tip",
    "table",
    "filters",
    "csv",
    "charts",
    "scatter",
    "sheet",
    "dialogs",
    "compare",
    "printing",
    "main",
)
"""One script in this order: the names of a file are known in those after it."""
LIBRARIES: Final = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js")


class Inline(Struct, frozen=True):
    """A script or a style sheet, and the source by which a Content-Security-Policy permits it."""

    text: str
    source: str


def packed(value: object) -> str:
    """The value as JSON, deflated, in base64: nothing in it can end the element that it stands in."""
    return b64encode(zlib.compress(msgspec.json.encode(value), 9)).decode()


def packed_sheets(sheets: Iterable[Sheet]) -> Iterator[str]:
    """The sheets, some at a time, so that a browser unpacks only those it shows."""
    some: list[Sheet] = []
    for sheet in sheets:
        some.append(sheet)
        if len(some) == CHUNK:
            yield packed(some)
            some = []
    if some:
        yield packed(some)


@cache
def styles() -> Inline:
    """The page's style sheet."""
    return _inline("\n".join(read(f"files/{name}.css") for name in STYLES))


@cache
def script() -> Inline:
    """The page's own script."""
    return _inline("\n".join(['"use strict";', *(read(f"files/{name}.js") for name in SCRIPTS)]))


@cache
def libraries() -> Inline:
    """The scripts of others, unchanged but for what vendor/manifest.json says."""
    return _inline("\n".join(read(f"vendor/{name}") for name in LIBRARIES))


def read(name: str) -> str:
    """A file of this package."""
    return files("walee_async.page").joinpath(name).read_text("utf-8")


def _inline(text: str) -> Inline:
    # A browser hashes the text after it made all line ends one character; ours have no other.
    assert "\r" not in text
    assert "</script" not in text.lower()
    return Inline(text, f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
