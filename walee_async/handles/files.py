"""Lists of handles in files and on standard input, opened when the first entry is asked for."""

from __future__ import annotations

import codecs
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from walee_async.errors import ConfigError
from walee_async.handles.lists import entries_from_csv, entries_from_jsonl, entries_from_text, known_columns
from walee_async.handles.parse import Entry, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

ListFormat = Literal["text", "csv", "jsonl"]
"""How a list is written; tables with tabs or semicolons are csv too."""

_FORMATS: Final[dict[str, ListFormat]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_SPREADSHEETS: Final = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
SUFFIXES: Final = (".txt", *_FORMATS, *_SPREADSHEETS)
"""What the names of lists end in, and those of spreadsheets, which people take for lists."""
_LOOK: Final = 4096
_PATH: Final = 4096
"""Characters of a path that are told: all of them, or nobody would find the file."""


def read_entries(
    path: str | PathLike[str],
    *,
    column: str | None = None,
    format: ListFormat | None = None,  # noqa: A002  (the word users know)
    stdin: Iterable[str] | None = None,
) -> Iterator[Entry]:
    """The entries of a list, lazily: a list may have millions of lines.

    Args:
        path: A file, or `-` for standard input.
        column: For CSV a name in the header or a number from 1, for JSONL a key; None guesses.
        format: None goes by the suffix: .csv and .tsv are tables, .jsonl is JSONL, everything else plain text.
        stdin: What `-` reads; None is the process's own.

    The first line of plain text is left out if it is one of `COLUMNS`, as the header of a table is.

    Text is UTF-8, or UTF-16 with a byte order mark. Bytes that are not become U+FFFD: harmless in the columns beside
    the handle, and a failure of that one line in it.

    Raises:
        ConfigError: the file is missing, no file, a spreadsheet, or a column is asked of plain text: raised at once. It
            cannot be read, is no text, or has no such column: raised when the first entry is asked for.
    """
    if str(path) == "-":
        source, kind = "standard input", format or "text"
        _check_column(source, kind, column)
        lines = _decoded(cast("io.BufferedReader", sys.stdin.buffer), source) if stdin is None else stdin
        return _entries(lines, source, kind, column)
    file = Path(path)
    source, suffix = str(file), file.suffix.lower()
    kind = format or _FORMATS.get(suffix, "text")
    if not file.exists():
        raise ConfigError(f"there is no file {quoted(source, _PATH)}")
    if file.is_dir():
        raise ConfigError(f"{quoted(source, _PATH)} is a folder, not a list of handles")
    if suffix in _SPREADSHEETS:
        raise ConfigError(f"{quoted(source, _PATH)} is a spreadsheet; save its sheet as CSV")
    _check_column(source, kind, column)
    return _entries(_lines(file), source, kind, column)


def guessed_columns(path: str | PathLike[str], format: ListFormat | None = None) -> list[str]:  # noqa: A002
    """The columns of a CSV file that could hold the handles: the one that is read first. Of other lists there are none.

    Raises:
        ConfigError: it cannot be read.
    """
    file = Path(path)
    kind = format or _FORMATS.get(file.suffix.lower(), "text")
    return known_columns(_lines(file)) if kind == "csv" else []


def _check_column(source: str, kind: ListFormat, column: str | None) -> None:
    if kind == "text" and column is not None:
        raise ConfigError(f"{source} is read as plain text, which has no column {quoted(column)}; say its format")


def _entries(lines: Iterable[str], source: str, kind: ListFormat, column: str | None) -> Iterator[Entry]:
    match kind:
        case "csv":
            return entries_from_csv(lines, source, column)
        case "jsonl":
            return entries_from_jsonl(lines, source, column)
        case "text":
            return entries_from_text(lines, source)


def _lines(file: Path) -> Iterator[str]:
    source = quoted(str(file), _PATH)
    try:
        with file.open("rb") as raw:
            yield from _decoded(raw, source)
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from None


def _decoded(raw: io.BufferedReader, source: str) -> Iterator[str]:
    head = raw.peek(_LOOK)[:_LOOK]
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in head and not wide:
        raise ConfigError(f"{source} is no text; a list is UTF-8 text, CSV or JSONL")
    text = io.TextIOWrapper(raw, encoding="utf-16" if wide else "utf-8-sig", errors="replace")
    try:
        # `yield from` would close the wrapper, and the file with it, when the list is left early.
        for line in text:  # noqa: UP028
            yield line
    finally:
        text.detach()  # else the wrapper would close standard input when it is collected
