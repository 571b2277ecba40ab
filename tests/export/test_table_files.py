"""Tables as files: what is in a cell, what a spreadsheet does with it, and that no half a file is ever there."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walee_async.errors import ConfigError
from walee_async.export import Column, Kind, Row, Table, Unfit, open_table, uncover
from walee_async.export.as_csv import Csv

KINDS = Table("kinds", tuple(Column(kind.value, kind) for kind in Kind))
TEXTS = Table("texts", (Column("one"), Column("two")))
FORMATS = [".csv", ".jsonl"]
NOON = datetime(2026, 1, 15, 12, 0, 0, 250_000, UTC)
Rows = Callable[[Path, Table], list[Row]]


def cells_of(*texts: str | None, bom: bool = False) -> list[str]:
    """The cells of a column of text, as a spreadsheet finds them."""
    file = io.BytesIO()
    Csv(file, Table("texts", (Column("text"), Column("end", Kind.INTEGER))), bom=bom).write([texts, [1] * len(texts)])
    rows = list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))
    return [cell for cell, _ in rows[1:]]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_kind_of_cell_comes_back(tmp_path: Path, rows_of: Rows, suffix: str) -> None:
    """Texts, integers, numbers, truths and times are read as they were written; unknown is none of them."""
    rows: list[Row] = [("a", -(2**63), -0.5, True, NOON), ("b", 2**63 - 1, 3, False, NOON), (None,) * 5]
    path = tmp_path / f"kinds{suffix}"
    with open_table(path, KINDS) as file:
        file.write(rows[:1])
        file.write([])
        file.write(rows[1:])
    assert rows_of(path, KINDS) == rows
    assert file.rows == 3
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_times_are_written_in_utc(tmp_path: Path, suffix: str) -> None:
    """A time of any zone, or in Unix seconds, is one moment, with a Z behind it."""
    east = NOON.astimezone(timezone(timedelta(hours=5)))
    with open_table(tmp_path / f"t{suffix}", Table("t", (Column("at", Kind.TIME),))) as file:
        file.write([(east,), (NOON.timestamp(),)])
    assert (tmp_path / f"t{suffix}").read_text().count("2026-01-15T12:00:00.250000Z") == 2


@pytest.mark.parametrize("opened", ["'", "=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
@pytest.mark.parametrize("before", ["", " ", "  \u00a0", "\ufeff", "\0"])
def test_no_text_is_a_formula(before: str, opened: str) -> None:
    """What a spreadsheet could run, blanks before it or not, has an apostrophe before it, and it comes off again."""
    text = f"{before}{opened}cmd|' /C calc'!A0"
    (cell,) = cells_of(text)
    if before and opened in "'\t\r\n":
        assert cell == text
    else:
        assert cell == f"'{text}"
        assert uncover(cell) == text


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    """A negative number in a column of numbers is no formula."""
    with open_table(tmp_path / "n.csv", KINDS) as file:
        file.write([("-1", -1, -1.5, None, None)])
    assert (tmp_path / "n.csv").read_bytes() == b"text,integer,number,truth,time\r\n'-1,-1,-1.5,,\r\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none()))
@pytest.mark.parametrize("bom", [False, True])
def test_any_text_comes_back_from_csv(bom: bool, texts: list[str | None]) -> None:
    """Whatever is in a text, its cell is one cell, is no formula, and holds that text; nothing is lost."""
    cells = cells_of(*texts, bom=bom)
    assert [uncover(cell) for cell in cells] == [text or "" for text in texts]
    assert not [cell for cell in cells if cell.lstrip("\ufeff\0 ")[:1] in tuple("=+-@\t\r\n")]


@pytest.mark.parametrize("text", ["6512345678901234567", "0012", "4123e8", "65E12", "1.5e9", " 6512345678901234567"])
def test_ids_survive_a_spreadsheet_and_a_program(text: str) -> None:
    """With a byte order mark, a text that Excel would change into a number is kept one; without, it stays as it is."""
    assert cells_of(text, bom=True) == [f"'{text}"]
    assert cells_of(text) == [text]


@pytest.mark.parametrize("text", ["river.kites", "r12e4", "18-24", "2026-01", "0", "123456789012345", "7e"])
def test_other_texts_are_left_alone(text: str) -> None:
    """Handles, ages, months and short numbers are as they were in a file for spreadsheets too."""
    assert cells_of(text, bom=True) == [text]


def test_a_byte_order_mark_is_there_when_asked_for(tmp_path: Path) -> None:
    """Excel reads UTF-8 right only behind that mark; programs are spared it, and other formats have none."""
    for bom in (True, False):
        with open_table(tmp_path / "t.csv", TEXTS, bom=bom, replace=True) as file:
            file.write([("é", "x")])
        assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbf") is bom
    with pytest.raises(ConfigError, match=r"t\.jsonl can have no byte order mark"):
        open_table(tmp_path / "t.jsonl", TEXTS, bom=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_hostile_texts_are_one_cell(tmp_path: Path, rows_of: Rows, suffix: str) -> None:
    """NUL, line breaks, quotes, bidi controls and 100 KB come back whole; half a surrogate is replaced by a mark."""
    texts = ["a\0b", 'x"y,\r\nz', "\u202eevil\u202c", "n" * 100_000, "\u2028", "🪁\u200d"]
    path = tmp_path / f"t{suffix}"
    with open_table(path, TEXTS) as file:
        file.write([(text, "end") for text in texts])
        file.write([("a\ud83e", "\udc00b")])
    assert rows_of(path, TEXTS) == [*((text, "end") for text in texts), ("a\ufffd", "\ufffdb")]


UNFIT = [
    (Kind.INTEGER, 2**63),
    (Kind.INTEGER, -(2**63) - 1),
    (Kind.NUMBER, 10**400),
    (Kind.NUMBER, float("inf")),
    (Kind.NUMBER, float("nan")),
    (Kind.TIME, 1e30),
    (Kind.TIME, float("nan")),
    (Kind.TIME, datetime.min.replace(tzinfo=timezone(timedelta(hours=23)))),
]


@pytest.mark.parametrize(("kind", "value"), UNFIT)
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_no_table_can_hold_is_told(tmp_path: Path, rows_of: Rows, suffix: str, kind: Kind, value: Any) -> None:
    """A value past 64 bits, or without end, leaves its cell empty and is told; when nobody listens, it is raised."""
    table = Table("t", (Column("handle"), Column("much", kind)))
    told: list[Unfit] = []
    with open_table(tmp_path / f"t{suffix}", table, on_unfit=told.append) as file:
        file.write([("a", value), ("b", None)])
    assert [(unfit.column, unfit.row[0]) for unfit in told] == [("much", "a")]
    assert rows_of(tmp_path / f"t{suffix}", table) == [("a", None), ("b", None)]
    with (
        pytest.raises(ConfigError, match=r"^A row of t cannot be written: its much is past what a table can hold"),
        open_table(tmp_path / f"other{suffix}", table) as file,
    ):
        file.write([("a", value)])
    assert [path.name for path in tmp_path.iterdir()] == [f"t{suffix}"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_is_whole_or_not_there(tmp_path: Path, suffix: str) -> None:
    """Until it is closed nothing has its name; an error leaves nothing, and a good file that was there stays."""
    path = tmp_path / f"t{suffix}"
    file = open_table(path, TEXTS)
    file.write([("a", "b")])
    assert not path.exists()
    file.close()
    good = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), open_table(path, TEXTS, replace=True) as file:
        file.write([("c", "d")])
        raise KeyboardInterrupt
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_only_when_told(tmp_path: Path) -> None:
    """What is there stays there, unless `replace` says otherwise."""
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"t\.csv is there already; name another file, or have it replaced"):
        open_table(path, TEXTS)
    assert path.read_text() == "mine"
    open_table(path, TEXTS, replace=True).close()
    assert path.read_text() == "one,two\n"


@pytest.mark.parametrize("name", ["table", "table.xlsx", "table.csv.gz"])
def test_the_suffix_names_the_format(tmp_path: Path, name: str) -> None:
    """A name of no format is refused, with those there are."""
    with pytest.raises(ConfigError, match=r"names no format; a table is \.parquet, \.csv or \.jsonl"):
        open_table(tmp_path / name, TEXTS)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Where no file can be made, the sentence names the file and the reason."""
    with pytest.raises(ConfigError, match=r"t\.csv cannot be written: No such file or directory"):
        open_table(tmp_path / "none" / "t.csv", TEXTS)


def test_rows_of_another_table_are_a_mistake(tmp_path: Path) -> None:
    """A row with too many or too few cells is an error of the program, and is raised."""
    for row in [("a",), ("a", "b", "c")]:
        with pytest.raises(ValueError, match="2 columns"), open_table(tmp_path / "t.csv", TEXTS) as file:
            file.write([row])
    with pytest.raises(ValueError, match="two columns of t have the same name"):
        Table("t", (Column("a"), Column("a")))
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    """Where the extra is missing, the error names it and the way without; nothing is left behind."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from walee_async.export import Column, Table, open_table\n"
        "open_table('t.parquet', Table('t', (Column('a'),)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "ConfigError: Parquet needs pyarrow: pip install 'walee-async[parquet]', or" in ended.stderr
    assert list(tmp_path.iterdir()) == []
