"""Lists of handles as text, CSV and JSONL, read line by line: a list may have millions of lines.

What is wrong with one line is an entry with a `problem`, so that it becomes the outcome of that line and of no other.
"""

from __future__ import annotations

import csv
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

from walee_async.errors import ConfigError
from walee_async.handles.parse import Entry, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLUMNS: Final = (
    "handle",
    "handles",
    "tiktok_handle",
    "username",
    "user_name",
    "tiktok_username",
    "unique_id",
    "user",
    "creator",
    "creators",
    "account",
    "tiktok",
    "profile",
    "profile_url",
    "tiktok_url",
)
"""The column or key that holds the handle when none is named: the first of these that there is. In plain text, what is
no handle where it stands first."""

_DELIMITERS: Final = ",;\t"
_KEPT: Final = 200


def entries_from_text(lines: Iterable[str], source: str) -> Iterator[Entry]:
    """The lines of a plain list; blank lines and those that begin with `#` are skipped.

    The first of them is left out too if it is one of `COLUMNS`: a column that was copied out of a table keeps its name.
    """
    first = True
    for number, line in enumerate(lines, 1):
        text = line.lstrip("\ufeff").strip()
        if text and not text.startswith("#"):
            if not first or _normal(text) not in COLUMNS:
                yield Entry(text, source, number)
            first = False


def entries_from_csv(lines: Iterable[str], source: str, column: str | None = None) -> Iterator[Entry]:
    """One column of a table with commas, semicolons or tabs between its cells, whichever its first line has most of.

    `column` is a name in the header, or a number from 1. Without it, the first of `COLUMNS` that the header has, else
    the only column. The first row is a header if it has the named column or one of `COLUMNS`. Rows whose cell is empty
    are skipped; a row too short to have it is an entry with a problem.

    Raises:
        ConfigError: there is no such column, or none to be guessed; the sentence names those there are. Raised when
            the first row is read.
    """
    rows = _rows(lines)
    first = next(rows, None)
    while first is not None and first[2] is not None:
        yield Entry("", source, first[0], first[2])
        first = next(rows, None)
    if first is None:
        return
    index, is_header = _find_column(first[1], source, column)
    for number, row, problem in rows if is_header else chain([first], rows):
        if problem is not None:
            yield Entry("", source, number, problem)
        elif len(row) <= index:
            yield Entry(",".join(row)[:_KEPT], source, number, f"the row has {len(row)} of at least {index + 1} cells")
        elif "\n" in (cell := row[index].strip()):
            yield Entry(
                cell[:_KEPT], source, number, "the cell runs over several lines; a closing quote may be missing"
            )
        elif cell:
            yield Entry(cell, source, number)


def known_columns(lines: Iterable[str]) -> list[str]:
    """The columns of a table that are known to hold handles, as its first row writes them: the one that is read first.

    Empty where the first row is no header.
    """
    first = next(_rows(lines), None)
    names = {_normal(cell): cell.strip() for cell in reversed(first[1])} if first is not None else {}
    return [names[name] for name in COLUMNS if name in names]


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str], str | None]]:
    """The rows that are not blank, by the number of their first line, with what is wrong with them."""
    rest = iter(lines)
    blank = list[str]()
    first = ""
    for line in rest:
        first = line.removeprefix("\ufeff")
        if first.strip():
            break
        blank.append(line)
    bare = re.sub(r'"[^"]*"', "", first)
    reader = csv.reader(chain(blank, [first], rest), delimiter=max(_DELIMITERS, key=bare.count))
    number = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, [], f"the row cannot be read ({error})"
        else:
            if any(cell.strip() for cell in row):
                yield number, row, None
        number = reader.line_num + 1


def _find_column(row: list[str], source: str, column: str | None) -> tuple[int, bool]:
    """The index of the column, and whether the row is a header."""
    names = [_normal(cell) for cell in row]
    known = [names.index(name) for name in COLUMNS if name in names]
    if column is not None and _normal(column) in names:
        return names.index(_normal(column)), True
    if column is not None and column.strip().isdecimal() and 1 <= int(column) <= len(row):
        return int(column) - 1, bool(known)
    if column is None and known:
        return known[0], True
    if column is None and len(row) == 1:
        return 0, False
    there = ", ".join(quoted(cell.strip()) for cell in row[:20])
    wanted = (
        "no column that is known to hold handles; name one (--column)"
        if column is None
        else f"no column {quoted(column)}"
    )
    raise ConfigError(f"{source} has {wanted}; its first row is {there}")


def _normal(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").split())


def entries_from_jsonl(lines: Iterable[str], source: str, column: str | None = None) -> Iterator[Entry]:
    """A list with one JSON value to a line: a string, or an object with the handle under `column` or one of `COLUMNS`.

    Blank lines are skipped. A line that holds no handle is an entry with a problem.
    """
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip()
        if text:
            yield _entry_from_json(text, source, number, column)


def _entry_from_json(text: str, source: str, number: int, column: str | None) -> Entry:
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Entry(text[:_KEPT], source, number, f"the line is not JSON ({error})")
    if isinstance(value, dict):
        names = {_normal(name): name for name in reversed(value)}
        wanted = COLUMNS if column is None else (_normal(column),)
        name = next((names[name] for name in wanted if name in names), None)
        if name is None:
            missing = "no key that is known to hold a handle" if column is None else f"no key {quoted(column)}"
            return Entry(text[:_KEPT], source, number, f"the object has {missing}")
        value = value[name]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a handle of digits alone, written as a number
    if not isinstance(value, str):
        return Entry(text[:_KEPT], source, number, "the line holds no text for a handle")
    return Entry(value, source, number)
