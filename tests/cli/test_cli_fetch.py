"""`walee fetch`: from handles to lines, and the exit codes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walee_async.testing import Code, Gateway, Hang, Maker, Quota, Revoke, Status

FAST = ("--rate", "200")
CONTROL = re.compile(r"\x1b\[")
COLOUR = re.compile(r"\x1b\[[0-9;]*[34]\d[;m]")


@pytest.fixture
def unused_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_every_report_comes_out_as_the_gateway_wrote_it(walee: Any, gateway: Gateway) -> None:
    """One line for each handle with the whole report, byte for byte, and exit code 0."""
    ended = walee("fetch", *gateway.handles, *FAST)
    assert ended.code == 0
    assert {line["handle"] for line in ended.lines} == set(gateway.handles)
    for index, handle in enumerate(gateway.handles):
        (line,) = (line for line in ended.out.splitlines() if json.loads(line)["handle"] == handle)
        body = gateway.maker.body(index)
        assert line.endswith(body[body.index(b'"payload":') + len(b'"payload":') : -1] + b"}")


def test_a_handle_without_report_is_a_line_too(walee: Any, gateway: Gateway) -> None:
    """What failed is said on its own line and in the summary, and the exit code is 3."""
    ended = walee("fetch", gateway.handles[0], "no.such.creator", "not a handle!", *FAST)
    assert ended.code == 3
    errors = {line["handle"]: line["error"] for line in ended.lines if "error" in line}
    assert errors["no.such.creator"]["kind"] == "NoReportError"
    assert errors["no.such.creator"]["status"] == 400
    assert errors["no.such.creator"]["attempts"] == 1
    assert errors["not a handle!"]["kind"] == "InvalidHandleError"
    assert "attempts" not in errors["not a handle!"] or not errors["not a handle!"]["attempts"]
    assert "1 of 3 creators fetched" in ended.err
    assert re.search(r"no report +1 +Check that the account exists", ended.err)
    assert gateway.requests_seen == 2


def test_a_refused_account_ends_the_run(walee: Any, gateway: Gateway) -> None:
    """When the key is refused half way, the rest is accounted for, the reason is said, and the exit code is 4."""
    gateway.plan(gateway.handles[3], Revoke())
    ended = walee("fetch", *gateway.handles, "--rate", "50", "--concurrency", "1")
    assert ended.code == 4
    assert len(ended.lines) == 6
    assert sum("report" in line for line in ended.lines) == 3
    assert "The run ended before its list" in ended.err
    assert re.search(r"key 1 \(\S+\) is refused by the gateway .*and is used no more", " ".join(ended.err.split()))
    assert gateway.requests_seen == 4


def test_a_wrong_address_is_no_refusal(walee_for: Any, gateway: Gateway) -> None:
    """Where the base URL is wrong, nothing is said against the key, and the address is what is to be checked."""
    walee = walee_for(None)
    walee.environment["WALEE_API_KEY"] = gateway.key
    many = [f"creator.{number}" for number in range(12)]
    one_by_one = (*FAST, "--concurrency", "1", "--no-store")
    ended = walee("fetch", *many, *one_by_one, "--base-url", f"{gateway.base_url}/wrong")
    told = " ".join(ended.err.split())
    assert ended.code == 4
    assert re.search(r"Note: Nothing more is sent with key 1 \(\S+\)\.", told)
    assert "check the base URL" in told
    assert "refused" not in told


@pytest.mark.parametrize("command", [["report"], ["fetch"], ["fetch", "second.creator"], ["score", "--buy"]])
def test_a_gateway_that_is_not_there(walee_for: Any, unused_port: int, command: list[str]) -> None:
    """Where no request reached anything, the exit code is 4, however few handles it was tried for."""
    walee = walee_for(None)
    walee.environment["WALEE_API_KEY"] = "wk_test_0123456789"
    ended = walee(*command, "a.creator", "--base-url", f"http://127.0.0.1:{unused_port}/api")
    assert ended.code == 4
    assert "Check the base URL, the network and the proxy." in " ".join(ended.err.split())


def test_a_gateway_that_is_gone_is_told_where_something_was_reused(
    walee: Any, walee_for: Any, gateway: Gateway, unused_port: int
) -> None:
    """A report that was in the store is no sign of the gateway: nothing was reached, and the exit code is 4."""
    assert walee("fetch", gateway.handles[0]).code == 0
    alone = walee_for(None)
    alone.environment["WALEE_API_KEY"] = "wk_test_0123456789"
    nobody = alone("fetch", *gateway.handles[:2], "--base-url", f"http://127.0.0.1:{unused_port}/api")
    assert nobody.code == 4


def test_a_list_that_nobody_answers_is_about_no_rate(walee_for: Any, unused_port: int) -> None:
    """When a run ends because nothing was reached for the whole deadline, the address is doubted, and not the rate."""
    walee = walee_for(None)
    walee.environment["WALEE_API_KEY"] = "wk_test_0123456789"
    address = ("--base-url", f"http://127.0.0.1:{unused_port}/api")
    ended = walee("fetch", *(f"creator.{number}" for number in range(60)), "--deadline", "1", "--no-store", *address)
    assert ended.code == 4
    told = " ".join(ended.err.split())
    assert re.search(r"no answer for 1 s, .*\. Check the base URL, the network and the proxy\.", told)
    assert "Lower the rate" not in told


@pytest.mark.parametrize("command", ["fetch", "report"])
def test_a_strange_answer_is_told_without_the_librarys_words(walee: Any, gateway: Gateway, command: str) -> None:
    """What to do about an answer outside the contract is what somebody at the command line can do."""
    gateway.plan(gateway.handles[0], Status(418))
    told = " ".join(walee(command, gateway.handles[0], "--no-store").err.split())
    assert "Check the base URL and any proxy in between." in told
    assert "exchange" not in told


def test_a_pause_past_the_deadline_ends_the_run(walee: Any, gateway: Gateway) -> None:
    """A wait longer than the deadline is not slept through; it ends the run like a refusal."""
    gateway.plan(gateway.handles[0], Status(429, retry_after=3600))
    ended = walee("fetch", *gateway.handles, "--concurrency", "1", "--deadline", "5")
    assert ended.code == 4
    assert "told to wait 3600 s" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name handles, a file of handles, or - for standard input"),
        (["a.creator", "--rat", "7"], "Unknown option --rat"),
        (["a.creator", "--rate", "fast"], "--rate is 'fast'; it must be a number or auto."),
        (["a.creator", "--price", "0,5"], "--price is '0,5'; it must be a number, with a point and no comma."),
        (["a.creator", "--burst", "two"], "--burst is 'two'; it must be a whole number."),
        (["a.creator", "--fresh=yes please"], "--fresh is 'yes please'; it takes no value."),
        (["a.creator", "--rate"], "--rate lacks its value, N|auto."),
        (["."], ". is a folder, not a list of handles."),
        (["a.creator", "--rate", "0"], "it must be a number of requests per second, at least one a day"),
        (["a.creator", "--concurrency", "0"], "The concurrency is 0"),
        (["a.creator", "--deadline", "0"], "deadline"),
        (["missing.txt"], "there is no file 'missing.txt'"),
        (["missing.xlsm"], "there is no file 'missing.xlsm'"),
        (["missing.numbers"], "there is no file 'missing.numbers'"),
        (["lists/missing"], "there is no file 'lists/missing'"),
        (["a.creator", "--column", "handle"], "there is no list among the arguments"),
        (["a.creator", "--out", "no/such/folder.jsonl"], "No such file or directory"),
        (["a.creator", "--key-file", "missing.key"], "The key file missing.key cannot be read"),
        (["a.creator", "--view", "half"], "Invalid value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_sentence(here: Any, gateway: Gateway, arguments: list[str], said: str) -> None:
    """What is wrong with the command is said in a sentence, nothing is sent, and the exit code is 2."""
    ended = here("fetch", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.startswith("walee: ")
    assert len(ended.err.splitlines()) == 1
    assert ended.out == b""
    assert gateway.requests_seen == 0


def test_a_folder_is_no_handle(here: Any, gateway: Gateway, tmp_path: Path) -> None:
    """A folder that is named without a slash is not bought as a creator; with an @ it is one, whatever lies about."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "@lists").mkdir()
    for command in ("fetch", "plan"):
        ended = here(command, "lists")
        assert ended.code == 2
        assert "lists is a folder, not a list of handles. If it is a handle, put an @ before it." in ended.err
    assert here("plan", "@lists").code == 0
    assert gateway.requests_seen == 0


PAGE = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>A list</title>\n'


@pytest.mark.parametrize(
    ("name", "text", "first"),
    [
        ("page.txt", PAGE, "page.txt, line 1: '<!DOCTYPE html>' is no handle"),
        ("names.csv", "user\n" + "Some Body\n" * 5, "names.csv, line 2: 'Some Body' is no handle"),
        ("notes.jsonl", "no json\n" * 5, "notes.jsonl, line 1: the line is not JSON"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    here: Any, gateway: Gateway, tmp_path: Path, name: str, text: str, first: str
) -> None:
    """When most of its first lines can be no handles, the first of them is shown, and the rest is not bought."""
    (tmp_path / name).write_text(text, "utf-8")
    for command in ("fetch", "plan"):
        ended = here(command, name)
        assert ended.code == 2
        assert first in ended.err
        assert "so this is no list of them: that has a handle or a profile address on each line" in ended.err
    assert gateway.requests_seen == 0


def test_a_list_with_wrong_lines_is_a_list(here: Any, walee: Any, tmp_path: Path) -> None:
    """Four lines are too few to judge, half of them may be wrong, and standard input is taken as it comes."""
    (tmp_path / "few.txt").write_text("a b\n" * 4, "utf-8")
    (tmp_path / "half.txt").write_text("a.creator\nno handle\n" * 3, "utf-8")
    assert here("plan", "few.txt").code == 0
    assert "is no handle: it has 300 characters" in here("plan", "a" * 300).out.decode()
    assert here("plan", "half.txt").code == 0
    assert walee("plan", "-", stdin=PAGE).code == 0


def test_an_empty_list_is_said(here: Any, walee: Any, tmp_path: Path) -> None:
    """Nothing was wrong and nothing was done: that the list is empty is the reason."""
    (tmp_path / "empty.txt").write_text("# nobody yet\n", "utf-8")
    assert here("plan", "empty.txt").err.endswith("The list is empty.\n")
    for ended in (here("fetch", "empty.txt"), walee("fetch", "-", stdin="")):
        assert ended.code == 0
        assert ended.err.endswith("The list is empty.\n")


def test_a_column_that_was_chosen_is_named(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """Where a table has several columns that could hold handles, it is said which is read, and how to name another."""
    (tmp_path / "table.csv").write_text(f"Creator,Handle,mail\nSomebody,{gateway.handles[0]},x\n", "utf-8")
    chosen = "The handles of table.csv are read from its column 'Handle', and not from Creator; --column names another."
    for command in ("plan", "fetch"):
        assert chosen in " ".join(walee(command, "table.csv", *FAST).err.split())
    assert "are read from" not in walee("plan", "table.csv", "--column", "Handle").err


def test_the_output_may_be_named_shortly(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """-o is --out, as in the other commands."""
    assert walee("fetch", gateway.handles[0], "-o", "reports.jsonl").out == b""
    assert (tmp_path / "reports.jsonl").exists()
    assert len(walee("fetch", gateway.handles[0], "-o", "-").lines) == 1


def test_a_plain_http_address_is_refused(walee_for: Any) -> None:
    """The key is not sent in the open: plain http is for loopback only."""
    walee = walee_for(None)
    walee.environment["WALEE_API_KEY"] = "wk_test_0123456789"
    ended = walee("fetch", "a.creator", "--base-url", "http://gateway.example/api")
    assert ended.code == 2
    assert "plain http" in ended.err


def test_handles_files_and_standard_input_mix(walee: Any, gateway: Gateway) -> None:
    """Handles, a table, a plain list and standard input are one list, in which duplicates count once."""
    one, two, three, four, *_ = gateway.handles
    (walee.folder / "table.csv").write_text(f"name,creator\nSomebody,@{two}\nAgain,{one}\n", "utf-8")
    ended = walee(
        "fetch", one, "table.csv", "-", *FAST, stdin=f"# a comment\n\nhttps://www.tiktok.com/@{three}\n{four}\n"
    )
    assert ended.code == 0
    assert sorted(line["handle"] for line in ended.lines) == sorted([one, two, three, four])
    assert gateway.requests_seen == 4


def test_a_column_can_be_named(walee: Any, gateway: Gateway) -> None:
    """Handles are taken from the column that is asked for, also of standard input."""
    one, two, *_ = gateway.handles
    text = f"who;mine\n{two};{one}\n"
    ended = walee("fetch", "-", "--format", "csv", "--column", "mine", *FAST, stdin=text)
    assert [line["handle"] for line in ended.lines] == [one]
    missing = walee("fetch", "-", "--format", "csv", "--column", "yours", *FAST, stdin=text)
    assert missing.code == 2
    assert "no column 'yours'" in missing.err


def test_a_headline_is_small(walee: Any, gateway: Gateway) -> None:
    """The headline view has who, how big and how good, and no posts."""
    ended = walee("fetch", gateway.handles[0], "--view", "headline")
    (line,) = ended.lines
    assert line["view"] == "headline"
    assert line["report"]["user_profile"]["username"] == gateway.handles[0]
    assert "recent_posts" not in line["report"]["user_profile"]
    assert len(ended.out) < 2000


def test_lines_can_be_in_order(walee: Any, gateway: Gateway) -> None:
    """With --ordered the lines are in the order of the list, though the first answer comes last."""
    gateway.plan(gateway.handles[0], Hang(0.5))
    ended = walee("fetch", *gateway.handles, *FAST, "--ordered")
    assert [line["handle"] for line in ended.lines] == gateway.handles


def test_a_pipe_is_read_as_it_comes(walee: Any, gateway: Gateway) -> None:
    """Reports come out while the list is still being written: its end is not waited for."""
    running = walee.start("fetch", "-")
    for handle in gateway.handles[:2]:
        running.tell(f"{handle}\n")
        assert json.loads(running.line())["handle"] == handle
    running.hang_up()
    assert running.end().code == 0


def test_an_endless_pipe_does_not_outlive_the_account(walee: Any, gateway: Gateway) -> None:
    """When the account is refused, the run ends although the list has not."""
    gateway.plan(gateway.handles[1], Revoke())
    running = walee.start("fetch", "-", "--concurrency", "2", "--no-store")
    running.tell("".join(f"{handle}\n" for handle in gateway.handles))
    assert [json.loads(running.line())["handle"] for _ in range(2)] == gateway.handles[:2]
    running.tell("one.more\n")
    assert running.process.wait(20) == 4


def test_a_log_has_no_control_characters(walee: Any, gateway: Gateway) -> None:
    """Where standard error is no terminal, nothing is drawn or coloured."""
    ended = walee("fetch", *gateway.handles, "no.such.creator", *FAST)
    assert "6 of 7 creators fetched" in ended.err
    assert not CONTROL.search(ended.err)


def _on_terminal(walee: Any, *arguments: str, kind: str = "xterm-256color") -> str:
    """Run the command with a terminal as its standard error; return what it drew."""
    ours, theirs = pytest.importorskip("pty", reason="Windows has no such terminals").openpty()
    with subprocess.Popen(
        walee.command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=walee.folder,
        env={**walee.environment, "TERM": kind},
    ) as process:
        os.close(theirs)
        drawn = b""
        while chunk := _read(ours):
            drawn += chunk
        os.close(ours)
        assert process.wait(20) == 0
    return drawn.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed
        return b""


def test_a_terminal_has_a_bar(serve: Callable[..., Gateway], walee_for: Any) -> None:
    """The bar counts, tells the rate against the limit and why it is paused, and leaves the cursor visible."""
    gateway = serve(Maker(creators=20, small=True), quota=Quota(10, retry_after=1))
    drawn = _on_terminal(walee_for(gateway), "fetch", *gateway.handles, "--rate", "30")
    assert "20 of 20" in drawn
    assert re.search(r"\d+\.\d/s, slowed to \d+", drawn)
    assert "paused 1 s: the gateway said too fast" in drawn
    assert COLOUR.search(drawn)
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")
    assert "20 of 20 creators fetched" in drawn


def test_no_color_is_respected(walee: Any, gateway: Gateway) -> None:
    """With NO_COLOR the bar is drawn without colours."""
    walee.environment["NO_COLOR"] = "1"
    drawn = _on_terminal(walee, "fetch", *gateway.handles)
    assert "6 of 6" in drawn
    assert not COLOUR.search(drawn)


def test_a_dumb_terminal_gets_plain_lines(walee: Any, gateway: Gateway) -> None:
    """A terminal that cannot redraw is written to like a log."""
    drawn = _on_terminal(walee, "fetch", *gateway.handles, *FAST, kind="dumb")
    assert "6 of 6 creators fetched" in drawn
    assert not CONTROL.search(drawn)


def test_a_reader_that_goes_away_is_no_error(walee: Any, gateway: Gateway) -> None:
    """When whoever reads the lines has enough, the run ends quietly, and says what it bought."""
    running = walee.start("fetch", "-", "--rate", "100", "--concurrency", "1")
    running.tell(f"{gateway.handles[0]}\n")
    assert running.line()
    running.process.stdout.close()
    running.process.stdout = None
    running.tell("".join(f"{handle}\n" for handle in gateway.handles[1:3]))
    ended = running.end()
    assert ended.code == 141
    assert "Traceback" not in ended.err
    assert re.search(rf"bought +{gateway.billed.total()}", ended.err)
    assert gateway.billed.total() in {2, 3}  # the third may have been under way, and was let come


def test_only_what_failed_for_good_is_not_retried(walee: Any, gateway: Gateway) -> None:
    """A failure of the gateway's is tried again and leaves no trace but a request."""
    gateway.plan(gateway.handles[0], Status(500))
    ended = walee("fetch", *gateway.handles[:2], "--rate", "50")
    assert ended.code == 0
    assert re.search(r"requests +3 ", ended.err)
    assert gateway.requests_seen == 3


def test_hostile_texts_give_the_terminal_no_orders(walee: Any, gateway: Gateway) -> None:
    """Control characters in handles and messages are made visible on the screen, and are JSON in the lines."""
    gateway.plan(gateway.handles[0], Code("bad\x1b]0;owned\x07\u202e[bold]x", valid=True))
    ended = walee("fetch", gateway.handles[0], "\x1b[31mred\u202e[bold]!", *FAST)
    assert ended.code == 3
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", ended.err)
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", ended.out)
    assert len(ended.lines) == 2


def test_a_list_can_be_a_pipe_with_a_name(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """A named pipe, such as `<(command)` makes, is read like standard input."""
    pipe = tmp_path / "handles.pipe"
    os.mkfifo(pipe)
    running = walee.start("fetch", str(pipe))
    with pipe.open("w") as writer:
        writer.write(f"{gateway.handles[0]}\n")
    ended = running.end()
    assert ended.code == 0
    assert [line["handle"] for line in ended.lines] == [gateway.handles[0]]
