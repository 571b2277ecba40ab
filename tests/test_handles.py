"""What people write for handles, and the lists they keep them in."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from walee_async.errors import ConfigError, InvalidHandleError
from walee_async.handles import (
    COLUMNS,
    Entry,
    entries_from_csv,
    entries_from_jsonl,
    entries_from_text,
    guessed_columns,
    parse_handle,
    read_entries,
    resolve,
)
from walee_async.handles.parse import quoted

HANDLES = st.from_regex(r"[a-z0-9_.]{0,63}[a-z0-9_]", fullmatch=True)


def found(entries: Iterator[Entry]) -> list[tuple[int, str]]:
    """The handles, or a dash for what cannot be one, by line."""
    seen: list[tuple[int, str]] = []
    for entry in entries:
        try:
            seen.append((entry.line, resolve(entry)))
        except InvalidHandleError:
            seen.append((entry.line, "-"))
    return seen


@pytest.mark.parametrize(
    "text",
    [
        "river.kites",
        "@River.Kites",
        " @river.kites\r\n",
        "\ufeffriver.kites",
        "ri\u200bver.kites\u200e",
        "\u00a0\u2003river.kites\u3000",
        "'@river.kites',",
        "\u201criver.kites\u201d",
        "\uff20river.kites",
        "@@river.kites",
        "@ river.kites",
        "@'river.kites'",
        "https://www.tiktok.com/@river.kites",
        "https://somebody@tiktok.com/@river.kites",
        "https://www.tiktok.com/@river.kites?lang=en&_t=1",
        "HTTP://WWW.TIKTOK.COM/@RIVER.KITES/",
        "<https://m.tiktok.com/@river.kites#x>",
        "https://www.tiktok.com:443/%40river.kites/video/7123456789",
        "//tiktok.com/@river.kites",
        "www.tiktok.com/@river.kites",
        "tiktok.com/@river.kites/live",
        "/@river.kites/video/123",
        "@river.kites/video/123",
        "@river.kites?lang=en",
    ],
)
def test_a_handle_is_read_however_it_is_written(text: str) -> None:
    """Signs, addresses, case, quotes and invisible characters do not matter."""
    assert parse_handle(text) == "river.kites"


@pytest.mark.parametrize("handle", ["a", "_", "7", "_.a", ".a", "a" * 64, "tiktok.com", "www.tiktok.com", "123456"])
def test_unusual_handles_are_handles(handle: str) -> None:
    """From 1 to 64 characters, and dots anywhere but at the end."""
    assert parse_handle(handle) == handle


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is no handle: nothing is left of it"),
        (" \u200b@ ", "nothing is left of it"),
        ("two words", "it has a space inside"),
        ("two\tcells", "it has a space inside"),
        ("rivér", r"it has the character '\xe9'"),
        ("\u212aites", r"it has the character '\u212a'"),
        ("river-kites", "it has the character '-'"),
        ("name@example.com", "it has the character '@'"),
        ("river\x00", r"it has the character '\x00'"),
        ("river\ufffd", "is no handle: it is not UTF-8; save the list as UTF-8"),
        ("river.", "is no handle: it ends in a dot"),
        ("a" * 65, "it has 65 characters"),
        ("https://vm.tiktok.com/ZMabc123/", "is a short link"),
        ("vt.tiktok.com/ZSabc/", "is a short link"),
        ("https://www.tiktok.com/t/ZTabc/", "is a short link"),
        ("https://www.instagram.com/river.kites", "another site than TikTok"),
        ("instagram.com/river.kites", "another site than TikTok"),
        ("https://tiktok.com@evil.example/@river", "another site than TikTok"),
        ("https://eviltiktok.com/@river", "another site than TikTok"),
        ("https://www.tiktok.com", "no address of a profile"),
        ("https://www.tiktok.com/tag/kites", "no address of a profile"),
        ("https://www.tiktok.com/@", "nothing is left of it"),
        ("https://www.tiktok.com/@a%2Fb", "it has the character '/'"),
    ],
)
def test_what_is_no_handle_says_why(text: str, sentence: str) -> None:
    """Every kind of mistake has its own sentence, with the text quoted before it."""
    with pytest.raises(InvalidHandleError) as caught:
        parse_handle(text)
    assert sentence in caught.value.detail


@given(st.text())
@example("x" * 500)
@example("\x1b]0;x\x07" * 50)
@example("\ud800'\"")
def test_errors_quote_safely(text: str) -> None:
    """Nothing unprintable and nothing long gets from a list into a message."""
    try:
        parse_handle(text)
    except InvalidHandleError as error:
        message = str(error)
    else:
        return
    assert message.isprintable()
    assert len(message) < 80 + 200


@given(
    st.one_of(st.text(), st.text("@/.:?# ahtpsikocmvwTK_0'\u200b"), HANDLES.map("https://www.tiktok.com/@{}".format))
)
def test_parsing_twice_is_parsing_once(text: str) -> None:
    """What comes out is a handle, and stays as it is."""
    try:
        handle = parse_handle(text)
    except InvalidHandleError:
        return
    assert parse_handle(handle) == parse_handle(f"@{handle}") == handle
    assert 1 <= len(handle) <= 64
    assert set(handle) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.")


@given(HANDLES)
def test_every_handle_is_found_in_its_addresses(handle: str) -> None:
    """Written as an address, in capitals or with a sign, it is the same handle."""
    for written in (handle.upper(), f"@{handle}", f"https://www.tiktok.com/@{handle}?lang=en", f"tiktok.com/@{handle}"):
        assert parse_handle(written) == handle


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 77}…'"),
        ("x" * 999, f"'{'x' * 77}…'"),
        ("\n" * 80, "'" + r"\n" * 38 + "\\…'"),
        ("it's", '"it\'s"'),
    ],
)
def test_what_is_quoted_has_eighty_characters_at_most(text: str, shown: str) -> None:
    """With its quotes, escapes and the sign that it goes on."""
    assert quoted(text) == shown


def test_what_is_no_text_is_no_handle() -> None:
    """Whoever passes a number is told what it was."""
    with pytest.raises(InvalidHandleError, match=r"^'123' is no handle: it is no text but int"):
        parse_handle(123)


def test_a_line_that_fails_is_named() -> None:
    """The sentence begins with the source and the line, for bad handles and for broken lines."""
    with pytest.raises(InvalidHandleError) as bad:
        resolve(Entry("no good", "list.txt", 7))
    assert bad.value.detail == "list.txt, line 7: 'no good' is no handle: it has a space inside"
    with pytest.raises(InvalidHandleError) as broken:
        resolve(Entry("fine", "list.txt", 8, "it is broken"))
    assert broken.value.detail == "list.txt, line 8: it is broken"
    assert resolve(Entry("@Fine", "list.txt", 9)) == resolve("@Fine") == "fine"


def test_a_text_list_skips_blank_lines_and_comments() -> None:
    """What is left keeps its line number; repetition is the reader's to judge."""
    lines = ["\ufeff# creators\n", "@a\n", "\n", "  \t\n", " # b\n", "c d\r\n", "a"]
    assert found(entries_from_text(lines, "x")) == [(2, "a"), (6, "-"), (7, "a")]


@pytest.mark.parametrize(
    ("text", "column", "wanted"),
    [
        ("name,handle\nA,@a\n\nB,b\n", None, [(2, "a"), (4, "b")]),
        ("\ufeffUser Name;Country\nA;PK\nb;IN\n", None, [(2, "a"), (3, "b")]),
        ("id\ttiktok-handle\n1\ta\n", None, [(2, "a")]),
        ("tiktok,handle\nwrong,right\n", None, [(2, "right")]),
        ("a\n@b\nhttps://www.tiktok.com/@c\n", None, [(1, "a"), (2, "b"), (3, "c")]),
        ("Handle\na\n", None, [(2, "a")]),
        ('"last, first",handle\n"x, y","@a"\n', None, [(2, "a")]),
        ("a;b,c,handle\nx,y,z\n", "handle", [(2, "z")]),
        ("Konto,Wer\n1,a\n", "wer", [(2, "a")]),
        ("1,a\n2,b\n", "2", [(1, "a"), (2, "b")]),
        ("a,b\nc,d\n", "1", [(1, "a"), (2, "c")]),
        ('"a;b;c",handle\n1,d\n', None, [(2, "d")]),
        ("n,handle\n2,b\n", "2", [(2, "b")]),
        ("x,2\na,b\n", "2", [(2, "b")]),
        ("n,handle\n1,\n2\n3,c\n,\n", None, [(3, "-"), (4, "c")]),
        ('n,handle\n"two\nlines",a\n2,"b\nc"\n3,d\n', None, [(2, "a"), (4, "-"), (6, "d")]),
        ("\n\nn,handle\n1,a\n", None, [(4, "a")]),
        ("", None, []),
        ("\n \n", "handle", []),
    ],
)
def test_a_table_gives_one_column(text: str, column: str | None, wanted: list[tuple[int, str]]) -> None:
    """The column is named, numbered or guessed, and each handle keeps the line its row begins on."""
    lines = io.StringIO(text, newline="")
    assert found(entries_from_csv(lines, "x.csv", column)) == wanted


def test_a_quote_left_open_swallows_no_handle_silently() -> None:
    """What it runs over is a failure by its line, and where the reader finds its feet again, handles are read again."""
    lines = ["n,handle\n", "1,a\n", '2,"b\n', *["x,y\n"] * 70_000, "3,c\n"]
    seen = found(entries_from_csv(lines, "x.csv"))
    assert seen[:2] == [(2, "a"), (3, "-")]
    assert seen[-1] == (70_004, "c")


def test_every_row_that_fails_is_an_entry_with_its_reason() -> None:
    """It keeps its place, the beginning of what stands there, and says what is wrong with it."""
    long = "x" * 140_000
    lines = [f"{long}\n", f"{long}\n", "n,m,handle\n", f"{long}\n", "1,2\n", f'1,2,"{"b" * 300}\nc"\n', "1,2,d\n"]
    unread = "the row cannot be read (field larger than field limit (131072))"
    over = "the cell runs over several lines; a closing quote may be missing"
    assert list(entries_from_csv(lines, "x.csv")) == [
        Entry("", "x.csv", 1, unread),
        Entry("", "x.csv", 2, unread),
        Entry("", "x.csv", 4, unread),
        Entry("1,2", "x.csv", 5, "the row has 2 of at least 3 cells"),
        Entry("b" * 200, "x.csv", 6, over),
        Entry("d", "x.csv", 7),
    ]


def test_a_table_of_which_no_row_can_be_read_has_no_handles() -> None:
    """There is no header to look for, and no other complaint than that of each row."""
    assert [entry.line for entry in entries_from_csv(["x" * 140_000], "x.csv")] == [1]


@pytest.mark.parametrize("column", ["nick", "3", "0", "-1", "²"])
def test_a_missing_column_names_those_there_are(column: str) -> None:
    """A mistake in the column is the caller's, and is told before anything is sent."""
    with pytest.raises(ConfigError, match=r"x\.csv has no column '.+'; its first row is 'name', 'followers'"):
        next(entries_from_csv(["name,followers\n", "a,1\n"], "x.csv", column))


def test_an_unclear_column_is_not_guessed() -> None:
    """Several columns with unknown names need one to be named."""
    with pytest.raises(
        ConfigError,
        match=r"x\.csv has no column that is known to hold handles; name one \(--column\); .* is 'a', 'b'\.",
    ):
        next(entries_from_csv(["a,b\n"], "x.csv"))


def test_a_wide_table_shows_twenty_columns() -> None:
    """More would hide the sentence."""
    with pytest.raises(ConfigError, match=r"'c18', 'c19'\.$"):
        next(entries_from_csv([",".join(f"c{number}" for number in range(30))], "x.csv"))


@pytest.mark.parametrize("name", ["username", " Profile URL", "\ufeffhandles"])
def test_plain_text_may_begin_with_the_name_of_a_column(name: str) -> None:
    """The first line that is no comment is left out if it names a column; further down, or with @, it is a handle."""
    lines = ["# copied\n", "\n", f"{name}\n", "a\n", "username\n"]
    assert [(entry.text, entry.line) for entry in entries_from_text(lines, "x")] == [("a", 4), ("username", 5)]
    assert [entry.text for entry in entries_from_text(["@username\n", "a\n"], "x")] == ["@username", "a"]


def test_the_columns_that_could_be_meant_are_told(tmp_path: Path) -> None:
    """The one that is read comes first; a table without a header, and what is no table, have none."""
    file = tmp_path / "x.csv"
    for text, names in (("User;Mail;Handle\n", ["Handle", "User"]), ("a;b\n", []), ("", [])):
        file.write_text(text, "utf-8")
        assert guessed_columns(file) == names
    assert guessed_columns(file, "text") == []


@pytest.mark.parametrize("name", COLUMNS)
def test_known_columns_are_known_in_tables_and_objects(name: str) -> None:
    """The same names are known in both."""
    assert found(entries_from_csv([f"x,{name}\n", "1,a\n"], "x")) == [(2, "a")]
    assert found(entries_from_jsonl([f'{{"x":1,"{name.upper()}":"a"}}'], "x")) == [(1, "a")]


def test_a_json_list_fails_line_by_line() -> None:
    """A broken line is the failure of that line, with its reason."""
    lines = [
        '\ufeff"@a"\n',
        "\n",
        '{"handle": "b", "username": "wrong"}\n',
        '{"handle": 12345}\n',
        '{"handle": "c"\n',
        '{"name": "d"}\n',
        '{"handle": null}\n',
        '["e"]\n',
        "true\n",
        "[" * 100_000 + "\n",
        '"f"',
    ]
    entries = list(entries_from_jsonl(lines, "x.jsonl"))
    expected = [(1, "a"), (3, "b"), (4, "12345"), *((line, "-") for line in range(5, 11)), (11, "f")]
    assert found(iter(entries)) == expected
    textless = "the line holds no text for a handle"
    assert [entry for entry in entries if entry.problem][:-1] == [
        Entry('{"handle": "c"', "x.jsonl", 5, "the line is not JSON (Input data was truncated)"),
        Entry('{"name": "d"}', "x.jsonl", 6, "the object has no key that is known to hold a handle"),
        Entry('{"handle": null}', "x.jsonl", 7, textless),
        Entry('["e"]', "x.jsonl", 8, textless),
        Entry("true", "x.jsonl", 9, textless),
    ]
    assert all(len(entry.text) <= 200 for entry in entries)


def test_a_json_key_can_be_named() -> None:
    """Then no other is looked at."""
    lines = ['{"nick": "a", "handle": "wrong"}', '{"handle": "wrong"}']
    entries = list(entries_from_jsonl(lines, "x", "nick"))
    assert found(iter(entries)) == [(1, "a"), (2, "-")]
    assert entries[1].problem == "the object has no key 'nick'"


@pytest.mark.parametrize("read", [entries_from_text, entries_from_csv, entries_from_jsonl])
def test_lists_are_read_lazily(read: Callable[..., Iterator[Entry]]) -> None:
    """The first entries of an endless list are there at once, and no more lines are taken than that needs."""
    taken = count()
    lines = (f'"a{next(taken)}"\n' for _ in iter(int, 1))
    assert [text for _, text in found(islice(read(lines, "x"), 3))] == ["a0", "a1", "a2"]
    assert next(taken) <= 4


@given(st.lists(st.text()), st.one_of(st.none(), st.text(max_size=5)))
def test_no_list_crashes_its_reader(lines: list[str], column: str | None) -> None:
    """Any lines at all are entries, or a sentence about the column."""
    found(entries_from_text(lines, "x"))
    found(entries_from_jsonl(lines, "x", column))
    with contextlib.suppress(ConfigError):
        found(entries_from_csv(lines, "x", column))


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("list.txt", b"a\n\n#x\n@b", [(1, "a"), (4, "b")]),
        ("list", b"\xef\xbb\xbfa\r\nb\r", [(1, "a"), (2, "b")]),
        ("old-mac.txt", b"a\rb", [(1, "a"), (2, "b")]),
        ("wide.txt", "\ufeffa\nb".encode("utf-16-le"), [(1, "a"), (2, "b")]),
        ("wide.csv", "handle\tn\na\t1".encode("utf-16"), [(2, "a")]),
        ("wide-cut.txt", "a\nbc".encode("utf-16")[:-1], [(1, "a"), (2, "-")]),
        ("list.csv", b"handle,n\na,1", [(2, "a")]),
        ("latin.csv", b"name,handle\nJos\xe9,jose\nx,jos\xe9\n", [(2, "jose"), (3, "-")]),
        ("list.TSV", b"handle\tn\na\t1", [(2, "a")]),
        ("list.jsonl", b'"a"\n{"handle":"b"}', [(1, "a"), (2, "b")]),
        ("list.ndjson", b'"a"', [(1, "a")]),
        ("cells.csv", b'handle,n\r\n"a\r\nb",1\r\nc,2\r\n', [(2, "-"), (4, "c")]),
        ("empty.csv", b"", []),
    ],
)
def test_files_are_read_by_their_suffix(tmp_path: Path, name: str, data: bytes, wanted: list[tuple[int, str]]) -> None:
    """Plain text, tables and JSONL, in UTF-8 or UTF-16; stray bytes cost at most their own line."""
    file = tmp_path / name
    file.write_bytes(data)
    entries = list(read_entries(file))
    assert found(iter(entries)) == wanted
    assert {entry.source for entry in entries} <= {str(file)}
    for entry in entries:
        json.dumps(entry.text).encode()


def test_a_format_outranks_the_suffix(tmp_path: Path) -> None:
    """A list may be named as it likes."""
    file = tmp_path / "list.txt"
    file.write_text("nick,handle\na,b\n")
    assert found(read_entries(file, format="csv")) == [(2, "b")]
    assert found(read_entries(str(file), format="csv", column="nick")) == [(2, "a")]


def test_files_that_cannot_be_lists_say_so_at_once(tmp_path: Path) -> None:
    """A missing file, a folder, a spreadsheet and a column of plain text are told before the first entry."""
    for name in ("book.xlsx", "list.txt"):
        (tmp_path / name).write_bytes(b"PK\x03\x04\x00")
    with pytest.raises(ConfigError, match=r"there is no file '.*nowhere\.txt'"):
        read_entries(tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="is a folder"):
        read_entries(tmp_path)
    with pytest.raises(ConfigError, match="is a spreadsheet; save its sheet as CSV"):
        read_entries(tmp_path / "book.xlsx")
    with pytest.raises(
        ConfigError, match=r"list\.txt is read as plain text, which has no column 'handle'; say its format"
    ):
        read_entries(tmp_path / "list.txt", column="handle")
    with pytest.raises(ConfigError, match="standard input is read as plain text, which has no column 'handle'"):
        read_entries("-", column="handle", stdin=[])
    with pytest.raises(ConfigError, match=r"list\.txt' is no text; a list is UTF-8 text, CSV or JSONL"):
        next(read_entries(tmp_path / "list.txt"))


def test_a_path_is_told_whole(tmp_path: Path) -> None:
    """However long it is, or nobody would find the file; other texts are cut."""
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    for name, said in (("none.txt", "there is no file"), ("book.xlsx", "is a spreadsheet"), ("sub", "is a folder")):
        if name == "sub":
            (folder / name).mkdir()
        elif name == "book.xlsx":
            (folder / name).touch()
        with pytest.raises(ConfigError, match=said) as caught:
            read_entries(folder / name)
        assert f"'{folder / name}'" in caught.value.detail


def test_a_file_that_goes_away_is_a_config_error(tmp_path: Path) -> None:
    """It is opened when the first entry is asked for, and what the system says of it is told."""
    file = tmp_path / f"{'x' * 200}.txt"
    file.write_text("a\n")
    entries = read_entries(file)
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        next(entries)
    assert caught.value.detail.startswith(f"'{file}' ")


def test_a_dash_reads_the_stream_given() -> None:
    """Standard input can be stood in for, in any format."""
    assert found(read_entries("-", stdin=io.StringIO("a\n@b\n"))) == [(1, "a"), (2, "b")]
    assert found(read_entries("-", format="jsonl", stdin=['"a"'])) == [(1, "a")]
    named = read_entries("-", column="nick", format="jsonl", stdin=['{"nick": "a", "handle": "wrong"}'])
    assert found(named) == [(1, "a")]
    assert next(read_entries("-", stdin=["a"])).source == "standard input"


def test_a_dash_reads_standard_input_whatever_its_locale() -> None:
    """Bytes that are no text in the process's locale cost their own line, and the stream stays open."""
    script = (
        "import sys; from walee_async.handles import read_entries; "
        "print([(e.line, ascii(e.text)) for e in read_entries('-')], sys.stdin.buffer.closed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"\xef\xbb\xbfa\njos\xe9\n", capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == r"""[(1, "'a'"), (2, "'jos\\ufffd'")] False"""
    done = subprocess.run([sys.executable, "-c", script], input=b"PK\x03\x04\x00", capture_output=True, check=False)
    assert b"standard input is no text; a list is UTF-8 text, CSV or JSONL" in done.stderr
