"""The file of `walee fetch --out`: what was paid for is kept, continued, and not paid for again."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walee_async.testing import Garble, Gateway, Maker, WrongType
from walee_async.testing.encoding import Piece

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
FAST = ("--rate", "200", "--out", "reports.jsonl")
Lines = Callable[[Path], list[dict[str, Any]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reports.jsonl"


def test_without_a_store_the_file_is_continued(walee: Any, gateway: Gateway, file: Path, lines: Lines) -> None:
    """A second run with a longer list asks for what is new and for what failed, and says what it skipped."""
    first = walee("fetch", *gateway.handles[:3], "no.such.creator", *FAST, "--no-store")
    assert first.code == 3
    assert "The same command again tries only those that failed" in first.err
    again = walee("fetch", *gateway.handles, "no.such.creator", *FAST, "--no-store")
    assert sorted(path.name for path in file.parent.iterdir()) == ["reports.jsonl"]
    assert "reports.jsonl has 3 reports already; they are not bought again" in again.err
    assert "skipped" in again.err
    assert set(gateway.billed.values()) == {1}
    assert gateway.requests["no.such.creator"] == 2
    assert sorted(line["handle"] for line in lines(file) if "report" in line) == sorted(gateway.handles)
    assert again.out == b""


def test_a_cut_line_is_taken_out(walee: Any, gateway: Gateway, file: Path, lines: Lines) -> None:
    """Wherever a kill cut the last line, it goes, its handle is fetched again, and all other lines stay."""
    walee("fetch", *gateway.handles[:2], *FAST)
    whole = file.read_bytes()
    first, second = whole.splitlines(keepends=True)
    for length in (1, 5, 20, len(second) // 2, len(second) - 2):
        file.write_bytes(first + second[:length])
        ended = walee("fetch", *gateway.handles[:2], *FAST)
        assert ended.code == 0
        assert "The last line of reports.jsonl was cut off" in ended.err
        assert file.read_bytes() == whole


def test_a_line_without_its_end_is_whole(walee: Any, gateway: Gateway, file: Path) -> None:
    """A last line that lacks only its line end was paid for and stays."""
    walee("fetch", *gateway.handles[:2], *FAST)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    ended = walee("fetch", *gateway.handles[:2], *FAST)
    assert ended.code == 0
    assert file.read_bytes() == whole
    assert gateway.billed.total() == 2


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"my own notes\n",
            b'{"handle": 5}\n',
            b'{"name": "x"}\n',
            b'{"handle": "a"}\n',
            b"notes, no line end",
            b"\xff\n",
        ),
        b'{"handle": "a", "report": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n",
    ],
    ids=["text", "number", "name", "handle", "no line end", "no UTF-8", "deep"],
)
def test_a_file_of_something_else_is_left_alone(here: Any, gateway: Gateway, file: Path, content: bytes) -> None:
    """A file that walee did not write is not added to and not changed."""
    file.write_bytes(content)
    ended = here("fetch", gateway.handles[0], *FAST)
    assert ended.code == 2
    assert "Line 1 of reports.jsonl was not written by walee fetch" in ended.err
    assert file.read_bytes() == content
    assert gateway.requests_seen == 0


def test_views_are_not_mixed(walee: Any, gateway: Gateway, file: Path) -> None:
    """A file of headlines is not continued with whole reports: its handles would seem to be there."""
    walee("fetch", gateway.handles[0], "--view", "headline", *FAST)
    before = file.read_bytes()
    ended = walee("fetch", *gateway.handles, *FAST)
    assert ended.code == 2
    assert "holds reports of another view than full" in ended.err
    assert file.read_bytes() == before


def test_two_runs_do_not_share_a_file(walee: Any, gateway: Gateway, file: Path) -> None:
    """While one run writes to a file, another one is refused: both would buy the same reports."""
    running = walee.start("fetch", "-", *FAST)
    running.tell(f"{gateway.handles[0]}\n")
    while not file.exists() or not file.read_bytes().endswith(b"\n"):
        assert running.process.poll() is None
    ended = walee("fetch", gateway.handles[1], *FAST)
    assert ended.code == 2
    assert "Another walee writes to reports.jsonl" in ended.err
    running.hang_up()
    assert running.end().code == 0
    assert gateway.requests_seen == 1


def test_an_unreadable_report_is_kept(walee: Any, gateway: Gateway, file: Path, lines: Lines) -> None:
    """A report that was bought and is no JSON is kept with its bytes, and is not bought again."""
    gateway.plan(gateway.handles[0], Garble())
    ended = walee("fetch", gateway.handles[0], *FAST)
    assert ended.code == 3
    (line,) = lines(file)
    assert line["error"]["kind"] == "DecodeError"
    assert gzip.decompress(base64.b64decode(line["payload"]["body"])).startswith(b'{"success":true')
    again = walee("fetch", gateway.handles[0], *FAST)
    assert "1 report in reports.jsonl cannot be read" in again.err
    assert gateway.billed.total() == 1


def test_a_whole_report_need_not_fit_our_types(walee: Any, gateway: Gateway, file: Path, lines: Lines) -> None:
    """The full view passes on what the gateway wrote, also where a value is of another type than documented."""
    gateway.plan(gateway.handles[0], WrongType("user_profile.followers", "many"))
    assert walee("fetch", gateway.handles[0], *FAST).code == 0
    (line,) = lines(file)
    assert line["report"]["user_profile"]["followers"] == "many"


def test_a_full_disk_stops_the_run(
    serve: Callable[..., Gateway], walee_for: Any, small_files: Any, file: Path, lines: Lines
) -> None:
    """When no more can be written, nothing more is bought, the file ends with a whole line, and the exit code is 74."""
    gateway = serve(40)
    ended = walee_for(gateway)(
        "fetch",
        *gateway.handles,
        "--rate",
        "50",
        "--no-store",
        "--out",
        "reports.jsonl",
        **small_files(300_000),
    )
    assert ended.code == 74
    assert "reports.jsonl cannot be written: File too large" in ended.err
    assert 0 < len(lines(file)) <= gateway.billed.total() < 40


@pytest.mark.parametrize("page", [["--help"], ["fetch", "--help"], ["--version"]])
def test_a_reader_of_a_help_page_may_go_away(walee_for: Any, page: list[str]) -> None:
    """Whoever reads no more of a help page than `head` does is the same exit code as everywhere."""
    running = walee_for(None).start(*page)
    running.process.stdout.close()
    running.process.stdout = None
    ended = running.end()
    assert (ended.code, ended.err) == (141, "")


@pytest.mark.parametrize("columns", ["0", "2", "5"])
def test_a_help_page_is_no_narrower_than_its_words(walee_for: Any, columns: str) -> None:
    """However few columns there are said to be, help comes to its end and has words in its tables."""
    walee = walee_for(None)
    walee.environment["COLUMNS"] = columns
    ended = walee("fetch", "--help")
    assert ended.code == 0
    assert b" --rate " in ended.out


@FULL
def test_a_device_without_room_is_told_of(walee: Any, gateway: Gateway) -> None:
    """A device named as the file is written to as it is, and what goes wrong with it is said."""
    ended = walee("fetch", gateway.handles[0], "--out", "/dev/full")
    assert ended.code == 74
    assert "/dev/full cannot be written: No space left on device" in ended.err


@FULL
@pytest.mark.parametrize("command", [["brief"], ["--help"], ["score", "--json"], ["score"], ["plan", "somebody"]])
@pytest.mark.parametrize(
    ("redirect", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_a_standard_output_that_refuses_is_told_of(scored: Path, command: list[str], redirect: str, why: str) -> None:
    """A full or closed standard output is the exit code 74 and one sentence, whatever was to be printed."""
    walee = shlex.join([sys.executable, "-m", "walee_async", *command])
    shell = ["sh", "-c", f"{walee} {redirect}"]
    ended = subprocess.run(shell, cwd=scored, capture_output=True, text=True, check=False)
    assert ended.returncode == 74
    assert ended.stderr.endswith(f"walee: Standard output cannot be written: {why}.\n")
    assert ended.stderr.count("walee:") == 1


@FULL
@pytest.mark.parametrize("redirect", [">/dev/full", ">&-"])
def test_a_standard_output_that_is_not_needed_may_refuse(scored: Path, tmp_path: Path, redirect: str) -> None:
    """What goes to a file needs no standard output."""
    walee = shlex.join([sys.executable, "-m", "walee_async", "score", "-o", str(tmp_path / "best.csv")])
    shell = ["sh", "-c", f"{walee} {redirect}"]
    ended = subprocess.run(shell, cwd=scored, capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert (tmp_path / "best.csv").read_bytes().count(b"\n") == 1 + 12


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_data_is_utf_8_and_the_rest_is_told_as_well_as_it_goes(
    walee: Any, walee_for: Any, gateway: Gateway, tmp_path: Path, encoding: str
) -> None:
    """Where the terminal's encoding lacks letters, as on Windows, a brief is read back, and no table is an error."""
    for one in (walee, alone := walee_for(None)):
        one.environment |= {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    assert walee("fetch", *gateway.handles, "no.such.creator", *FAST).code == 3
    brief = alone("brief").out
    assert "Women 18–34" in brief.decode("utf-8")
    (tmp_path / "brief.toml").write_bytes(brief)
    ranked = alone("score", "reports.db", "--brief", "brief.toml")
    assert (ranked.code, gateway.handles[0] in ranked.out.decode(encoding)) == (0, True)
    assert walee("report", gateway.handles[0]).code == 0
    assert alone("status", "reports.db").code == 0


def test_a_folder_is_no_file(here: Any, gateway: Gateway) -> None:
    """A folder is refused in a sentence before anything is sent."""
    ended = here("fetch", gateway.handles[0], "--out", ".")
    assert ended.code == 2
    assert ended.err.startswith("walee: . cannot be written")
    assert gateway.requests_seen == 0


def test_lines_stay_lines_whatever_the_gateway_sends(serve: Callable[..., Gateway], walee_for: Any, file: Path) -> None:
    """A report with line breaks between its values is still one line."""

    class Spacious(Maker):
        def pieces(self, who: Any, **traits: Any) -> list[Piece]:
            answer = json.loads(b"".join(piece.raw for piece in super().pieces(who, **traits)))
            return [Piece(json.dumps(answer, indent=2).encode())]

    gateway = serve(Spacious(creators=2))
    assert walee_for(gateway)("fetch", *gateway.handles, *FAST).code == 0
    assert [json.loads(line)["report"]["success"] for line in file.read_bytes().splitlines()] == [True, True]
