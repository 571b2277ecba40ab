"""The store on the command line: nothing is bought twice, nothing is lost, and what was spent is said."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from walee_async.errors import NoReportError, StoreError
from walee_async.store import Store, StoreReader
from walee_async.testing import Code, Drop, Garble, Gateway, Hang, Maker, RetryLater, Truncate

RATE = ("--rate", "200")
OUT = ("--out", "reports.jsonl")
Lines = Callable[[Path], list[dict[str, Any]]]


@pytest.fixture
def gateway(serve: Callable[..., Gateway]) -> Gateway:
    """A gateway whose reports are of today."""
    return serve(Maker(creators=12, created=datetime.now(UTC)))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


@pytest.fixture
def tool(walee_for: Any) -> Any:
    """The command without a gateway, for what needs none."""
    return walee_for(None)


def said(text: str) -> dict[str, float]:
    """The numbers of a summary."""
    found = re.findall(r"^ *([a-z][a-z ]*?) {2,}([\d,.]+)(?: |$)", text, re.MULTILINE)
    return {name: float(number.replace(",", "")) for name, number in found}


def test_the_same_command_again_buys_nothing(walee: Any, gateway: Gateway) -> None:
    """Every report comes out again, from the store, and the summary tells bought from reused and what was spent."""
    command = ("fetch", *gateway.handles, *RATE, "--price", "0.5")
    first, again = walee(*command), walee(*command)
    assert (first.code, again.code) == (0, 0)
    assert sorted(first.out.splitlines()) == sorted(again.out.splitlines())
    assert gateway.billed == Counter(gateway.handles)
    assert gateway.requests_seen == 12
    for ended, bought, reused in ((first, 12, 0), (again, 0, 12)):
        numbers = said(ended.err)
        assert (numbers["bought"], numbers["reused"], numbers["spent"]) == (bought, reused, bought / 2)
        assert "walee status reports.db" in ended.err


def test_a_file_of_lines_is_an_export_of_the_store(walee: Any, gateway: Gateway, tmp_path: Path, lines: Lines) -> None:
    """What the file lacks, all or some of it, is written to it from the store, without a purchase."""
    file = tmp_path / "reports.jsonl"
    for kept in (0, 0, 5):
        written = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        file.write_bytes(b"".join(written[:kept]))
        ended = walee("fetch", *gateway.handles, *RATE, *OUT)
        assert ended.code == 0
        assert Counter(line["handle"] for line in lines(file)) == Counter(gateway.handles)
    assert gateway.billed == Counter(gateway.handles)


def test_a_budget_is_kept_to_the_report(walee: Any, gateway: Gateway, tmp_path: Path, lines: Lines) -> None:
    """What the budget allows is bought and no more, the rest is accounted for, and the same command goes on."""
    command = ("fetch", *gateway.handles, *RATE, *OUT, "--max-spend", "3.5", "--price", "0.5")
    ended = walee(*command)
    assert ended.code == 6
    assert "the budget of 7 reports is spent" in ended.err
    assert gateway.billed.total() == 7
    assert len(lines(tmp_path / "reports.jsonl")) == 7  # those that the run did not come to are no news there
    assert walee(*command).code == 0
    assert len(lines(tmp_path / "reports.jsonl")) == 12
    assert gateway.billed == Counter(gateway.handles)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--max-reports", "2.6"),
        ("--max-reports", "0.4"),
        ("--max-reports=-1",),
        ("--max-spend", "inf", "--price", "1"),
        ("--max-spend", "1e400", "--price", "1"),
        ("--price", "nan"),
        ("--max-spend", "0.4", "--price", "0.5"),
        ("--max-spend", "5", "--price", "0"),
        ("--resend-ambiguous", "0.6"),
    ],
)
def test_a_limit_that_is_none_is_refused(here: Any, gateway: Gateway, wrong: tuple[str, ...]) -> None:
    """Nothing is rounded where money is limited: one sentence says what is wrong, and nothing is sent."""
    ended = here("fetch", *gateway.handles, *wrong)
    assert ended.code == 2
    assert re.match(r"walee: .*(whole number|at least 0|one report costs 0\.5|it must be above 0)", ended.err)
    assert len(ended.err.splitlines()) == 1
    assert gateway.requests_seen == 0


def test_a_killed_run_names_what_may_have_been_bought(walee: Any, gateway: Gateway, store: Path) -> None:
    """After kill -9 the next run names the handles under way, goes on, and the books agree with the gateway's."""
    doubtful = gateway.handles[3:5]
    for handle in doubtful:
        gateway.plan(handle, Hang())
    command = ("fetch", *gateway.handles, *RATE, *OUT)
    running = walee.start(*command)
    running.until(lambda: set(doubtful) <= set(gateway.requests) and store.exists() and _reports(store) >= 10)
    running.signal(signal.SIGKILL)
    assert running.end().code == -signal.SIGKILL
    ended = walee(*command)
    assert ended.code == 0
    sentence = " ".join(ended.err.split())
    named = re.search(r"2 reports may have been bought when the last run was killed: (\S+), (\S+)\.", sentence)
    assert named is not None
    assert sorted(named.groups()) == sorted(doubtful)
    assert "Of what is to be bought now" not in sentence  # it has just been said
    with StoreReader.open(store) as reader:
        totals = reader.totals()
    assert totals.reports == gateway.billed.total() == 12
    assert sorted(totals.ambiguous) == sorted(doubtful)
    assert totals.under_way == 0


def _reports(store: Path) -> int:
    try:
        with StoreReader.open(store) as reader:
            return reader.totals().reports
    except StoreError:  # it is being made
        return 0


def test_a_plan_sends_nothing_and_needs_no_key(walee: Any, tool: Any, gateway: Gateway) -> None:
    """Before and after a run the plan says what is left to buy and what it costs, and its parts add up."""
    listed = [*gateway.handles, gateway.handles[0], "no.such.creator", "not a handle!"]
    before = json.loads(tool("plan", *listed, "--price", "0.5", "--json").out)
    assert (before["distinct"], before["invalid"], before["to_buy"], before["cost"]) == (14, 1, 13, 6.5)
    assert list(tool.folder.iterdir()) == []
    gateway.plan(gateway.handles[0], RetryLater(10))
    walee("fetch", *gateway.handles[:6], "no.such.creator", *RATE)
    seen = gateway.requests_seen
    after = json.loads(tool("plan", *listed, "--price", "0.5", "--json").out)
    assert (after["fresh"], after["parked"], after["given_up"], after["to_buy"]) == (5, 1, 1, 6)
    assert (after["cost"], after["seconds"], after["duplicates"]) == (3.0, 0.75, 0)
    capped = tool("plan", *listed, "--max-reports", "2", "--retry-failed")
    assert said(capped.out.decode())["to buy"] == 8
    assert re.search(r"budget +2 ", capped.out.decode())
    assert "1 duplicate left out" in tool("plan", "a.b", "@a.b").out.decode()
    assert gateway.requests_seen == seen


def test_a_plan_names_the_first_lines_that_are_no_handles(tool: Any) -> None:
    """Five of them are named with their line and what is wrong; in JSON they are in `first_invalid`."""
    (tool.folder / "list.txt").write_text("".join(f"good{n}\nbad {n}\n" for n in range(7)), "utf-8")
    told = tool("plan", "list.txt").out.decode()
    assert "The first of those that are no handle:\n  list.txt, line 2: 'bad 0' is no handle: it has a space" in told
    assert "line 10: 'bad 4'" in told
    assert "bad 5" not in told
    planned = json.loads(tool("plan", "list.txt", "--json").out)
    assert (planned["invalid"], len(planned["first_invalid"])) == (7, 5)


def test_what_was_given_up_is_tried_again_when_asked(walee: Any, gateway: Gateway) -> None:
    """A handle without a report is not asked for again, unless --retry-failed says so, for its reason or for all."""
    one, other = gateway.handles[:2]
    gateway.plan(one, Code("account_is_private"))
    for arguments, requests in (
        ([one], 1),
        ([one], 1),
        (["--retry-failed", "being-prepared", one], 1),
        (["--retry-failed", other], 1),
        (["--retry-failed", f"@{other}"], 1),
        ([one, "--retry-failed", "no-report"], 2),
    ):
        ended = walee("fetch", *arguments, *RATE)
        assert gateway.requests[one] == requests
        assert ended.code == (3 if requests == 1 and one in arguments else 0)
    assert gateway.requests[other] == 1


def test_what_may_have_been_bought_and_did_not_come_is_named(
    walee: Any, tool: Any, gateway: Gateway, tmp_path: Path, lines: Lines
) -> None:
    """`walee status` tells doubts for which a report came from those that are left, and every such line says so."""
    came, lost = gateway.handles[:2]
    gateway.plan(came, Drop("request"))
    gateway.plan(lost, *[Drop("request")] * 2)
    command = ("fetch", came, lost, *RATE, *OUT)
    assert walee(*command).code == 3
    assert walee(*command).code == 3  # it is not sent a third time
    assert gateway.requests == {came: 2, lost: 2}
    doubtful = [line for line in lines(tmp_path / "reports.jsonl") if "error" in line]
    assert [(line["handle"], line["error"]["maybe_bought"]) for line in doubtful] == [(lost, True)] * 2
    told = tool("status").out.decode()
    assert re.search(rf"maybe bought +3 .*\n +did not come +1 +{re.escape(lost)} *\n", told)
    picture = json.loads(tool("status", "--json").out)
    assert (picture["ambiguous"], picture["missing"]) == ({came: 1, lost: 2}, [lost])


def test_starting_over_is_asked_about(walee: Any, gateway: Gateway, store: Path) -> None:
    """Without --yes and somebody to ask, --fresh-store removes nothing and says what would be lost."""
    walee("fetch", *gateway.handles[:3], *RATE)
    refused = walee("fetch", *gateway.handles[:3], *RATE, "--fresh-store")
    assert refused.code == 2
    assert "--fresh-store removes reports.db with 3 reports; --yes says that this is meant" in refused.err
    assert (_reports(store), gateway.billed.total()) == (3, 3)
    meant = walee("fetch", gateway.handles[0], *RATE, "--fresh-store", "--yes")
    assert meant.code == 0
    assert "reports.db was removed with 3 reports" in meant.err
    assert (_reports(store), gateway.billed.total()) == (1, 4)


@pytest.mark.parametrize(("answer", "code", "bought"), [("no", 2, 3), ("yes", 0, 4)])
def test_somebody_at_a_terminal_is_asked(
    walee: Any, gateway: Gateway, store: Path, answer: str, code: int, bought: int
) -> None:
    """On a terminal the question names what would be lost, and only a whole yes removes it."""
    walee("fetch", *gateway.handles[:3], *RATE)
    ours, theirs = pytest.importorskip("pty", reason="Windows has no such terminals").openpty()
    os.write(ours, f"{answer}\n".encode())
    with subprocess.Popen(
        walee.command("fetch", gateway.handles[0], "--fresh-store", *RATE),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=walee.folder,
        env=walee.environment | {"TERM": "dumb"},
    ) as process:
        assert process.wait(20) == code
    drawn = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert "removes reports.db with 3 reports. Is this meant?" in " ".join(drawn.split())
    assert gateway.billed.total() == bought
    assert _reports(store) == (3 if code else 1)


def test_two_runs_do_not_share_a_store(walee: Any, gateway: Gateway, tool: Any) -> None:
    """The second is told who writes, and exits with 5; what is in the store can be read meanwhile."""
    running = walee.start("fetch", "-")
    running.tell(f"{gateway.handles[0]}\n")
    running.line()
    second = walee("fetch", gateway.handles[1])
    assert second.code == 5
    assert f"reports.db is being written to by process {running.process.pid}" in second.err
    assert "Traceback" not in second.err
    assert walee("report", gateway.handles[0]).code == 0
    assert walee("report", gateway.handles[1]).code == 5
    assert json.loads(tool("status", "--json").out)["reports"] == 1
    running.hang_up()
    assert running.end().code == 0
    assert gateway.requests_seen == 1


def test_a_full_disk_ends_the_run_and_keeps_what_came(
    serve: Callable[..., Gateway], walee_for: Any, small_files: Any, store: Path
) -> None:
    """When the store cannot grow, nothing more is bought, one sentence says so, the exit code is 5, and all adds up."""
    gateway = serve(Maker(creators=80, created=datetime.now(UTC)))
    walee = walee_for(gateway)
    limit = 500_000
    Store.open(store).close()  # there was room for a reserve
    ended = walee(
        *("fetch", *gateway.handles, "--rate", "100", "--concurrency", "4"),
        **small_files(limit),
    )
    assert ended.code == 5
    assert "The run ended before its list: the disk that holds" in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    delivered = sum("report" in line for line in ended.lines)
    assert len(ended.lines) == 80
    assert gateway.billed.total() < 80
    assert delivered == gateway.billed.total()
    kept = _reports(store)
    assert 0 < kept <= delivered <= kept + 4
    again = walee("fetch", *gateway.handles, "--rate", "300")
    assert again.code == 0
    assert gateway.billed.total() <= 80 + delivered - kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "a.creator", "--store", "."], "is a folder, not a store"),
        (["fetch", "a.creator", "--store", "no/such/folder.db"], "there is no folder"),
        (["fetch", "a.creator", "--store", "notes.txt"], "is no store"),
        (["fetch", "a.creator", "--store", "notes.txt", "--fresh-store", "--yes"], "is no store"),
        (["report", "a.creator", "--store", "."], "is a folder, not a store"),
        (["plan", "a.creator", "--store", "notes.txt"], "is no store"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_store_that_cannot_be_is_one_sentence(
    here: Any, gateway: Gateway, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """What is wrong with the store is said, nothing is sent and nothing changed, and the exit code is 5."""
    (tmp_path / "notes.txt").write_text("my own notes")
    ended = here(*arguments)
    assert ended.code == 5
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    assert (tmp_path / "notes.txt").read_text() == "my own notes"
    assert gateway.requests_seen == 0


@pytest.mark.parametrize("arguments", [["status", "x.db"], ["verify", "x.db"], ["prune", "x.db", "--older-than", "9d"]])
def test_a_store_that_is_not_there_is_not_made(tool: Any, arguments: list[str]) -> None:
    """Looking at a store makes none."""
    ended = tool(*arguments)
    assert ended.code == 5
    assert "there is no store" in ended.err
    assert list(tool.folder.iterdir()) == []


def test_the_options_of_the_store_are_checked(here: Any, gateway: Gateway) -> None:
    """What contradicts itself or means nothing is wrong usage, and leaves no store behind."""
    for arguments, why in (
        (["--no-store", "--retry-failed"], "with --no-store there is none"),
        (["--retry-failed=Rain"], "knows no reason 'Rain'"),
        (["--max-age", "-1"], "it must be at least 0"),
        (["--max-spend", "5"], "needs the price"),
    ):
        ended = here("fetch", "a.creator", *arguments)
        assert ended.code == 2
        assert why in " ".join(ended.err.split())
    assert not Path("reports.db").exists()
    assert gateway.requests_seen == 0


def test_the_status_tells_what_was_bought_and_what_failed(walee: Any, tool: Any, gateway: Gateway) -> None:
    """What is in the store, what it cost, what failed and why, and what is in doubt."""
    gateway.plan(gateway.handles[0], Code("account_is_private"))
    walee("fetch", *gateway.handles, *RATE)
    found = json.loads(tool("status", "--json", "--price", "0.5").out)
    assert (found["reports"], found["bought"], found["spent"]) == (11, 11, 5.5)
    assert found["charges"] == {"billed": 11, "failed": 1}
    assert found["failed"] == {"NoReportError": 1}
    assert [(failure["handle"], failure["code"]) for failure in found["failures"]] == [
        (gateway.handles[0], "account_is_private")
    ]
    assert [run["reason"] for run in found["runs"]] == ["complete"]
    assert found["by_run"] == {"1": [11, 0, 1]}
    text = tool("status", "--price", "0.5").out.decode()
    assert re.search(r"bought +11 +spent 5\.50", text)
    assert re.search(r"complete +\d s, 11 bought for 5\.50, 1 failed", text)
    assert re.search(rf"{re.escape(gateway.handles[0])} +no report +the account is private", text)


def test_a_time_that_no_clock_shows_is_not_known(walee: Any, tool: Any, gateway: Gateway, store: Path) -> None:
    """A store into which somebody brought such a time can still be looked at."""
    walee("fetch", gateway.handles[0], *RATE)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE reports SET received_at = 1e300")
    ended = tool("status")
    assert (ended.code, ended.err) == (0, "")
    assert "not known to not known" in ended.out.decode()


def test_damage_is_found(walee: Any, tool: Any, gateway: Gateway, store: Path) -> None:
    """A whole store is exit code 0, one with an unreadable report 3, one with changed bytes 5."""
    walee("fetch", *gateway.handles[:4], *RATE)
    well = tool("verify")
    assert (well.code, well.out.decode()) == (0, "4 reports examined: all are whole.\n")
    gateway.plan(gateway.handles[4], Garble())
    walee("fetch", gateway.handles[4], *RATE)
    unreadable = tool("verify")
    assert unreadable.code == 3
    assert f"unreadable {gateway.handles[4]}" in unreadable.out.decode()
    data = bytearray(store.read_bytes())
    for body in re.finditer(rb"\x1f\x8b\x08", bytes(data)):
        data[body.start() + 500 : body.start() + 550] = bytes(50)
    store.write_bytes(data)
    damaged = tool("verify")
    assert damaged.code == 5
    assert "damaged" in damaged.out.decode()
    assert "Traceback" not in damaged.err


def test_an_unreadable_report_stays_in_the_store(walee: Any, gateway: Gateway) -> None:
    """`walee report` buys once what it cannot read, and says where it is kept."""
    gateway.plan(gateway.handles[0], Garble())
    for _ in range(2):
        ended = walee("report", gateway.handles[0])
        assert ended.code == 3
        assert "its bytes are kept in reports.db" in ended.err
    assert gateway.requests_seen == 1


def test_a_report_is_bought_once(walee: Any, gateway: Gateway) -> None:
    """The second look is from the store and says so; --fresh buys it again."""
    assert walee("report", gateway.handles[0]).err == ""
    again = walee("report", gateway.handles[0], "--json")
    assert re.match(r"From reports\.db, received 20\d\d-.* UTC; --fresh buys it again\.", again.err)
    assert json.loads(again.out) == gateway.maker.report(0)["payload"]
    assert gateway.requests_seen == 1
    assert walee("report", gateway.handles[0], "--fresh").err == ""
    assert gateway.requests_seen == 2


def test_one_report_is_held_to_what_is_known(walee: Any, gateway: Gateway) -> None:
    """What a run may have bought already is not bought by `walee report` either, which says what would change that."""
    handle = gateway.handles[0]
    gateway.plan(handle, Truncate())
    walee("fetch", handle, "--resend-ambiguous", "0", *OUT)
    refused = walee("report", handle, "--resend-ambiguous", "0")
    assert refused.code == 3
    assert "it may have been bought once already and is not sent again while resend_ambiguous is 0" in refused.err
    assert gateway.billed[handle] == 1
    assert walee("report", handle).code == 0
    assert gateway.billed[handle] == 2


def test_old_reports_can_be_removed(walee: Any, tool: Any, gateway: Gateway, store: Path) -> None:
    """What would go is said, and goes with --yes; the newest of each creator stays unless all versions are meant."""
    for fresh in ([], ["--fresh"]):
        walee("fetch", *gateway.handles[:3], *RATE, *fresh)
    assert tool("prune", "reports.db", "--older-than", "90d").code == 0
    asked = tool("prune", "reports.db", "--older-than", "0h")
    assert asked.code == 2
    assert "This removes 3 reports of" in asked.err
    assert _reports(store) == 6
    assert tool("prune", "reports.db", "--older-than", "0h", "--yes").code == 0
    assert _reports(store) == 3
    assert "3 reports removed" in tool("prune", "reports.db", "--older-than", "0h", "--all-versions", "--yes").err
    assert _reports(store) == 0
    assert tool("prune", "reports.db", "--older-than", "soon").code == 2


def test_reports_move_between_stores(walee: Any, tool: Any, gateway: Gateway, store: Path) -> None:
    """An export brought into another store makes a run over the same list buy nothing; repeating it adds nothing."""
    walee("fetch", *gateway.handles, *RATE)
    assert "12 reports written to all.jsonl.gz" in tool("export", "reports.db", "all.jsonl.gz").err
    assert len(gzip.decompress((store.parent / "all.jsonl.gz").read_bytes()).splitlines()) == 12
    assert tool("export", "reports.db", "reports.db").code == 2
    for added, there in ((12, 0), (0, 12)):
        ended = tool("import", "other.db", "all.jsonl.gz")
        assert ended.code == 0
        assert f"{added} reports brought into other.db, {there} there already" in ended.err
    assert walee("fetch", *gateway.handles, *RATE, "--store", "other.db").code == 0
    assert gateway.billed == Counter(gateway.handles)
    headline = walee("fetch", gateway.handles[0], "--view", "headline", "--store", "other.db")
    (store.parent / "headline.jsonl").write_bytes(headline.out)
    partial = tool("import", "third.db", "headline.jsonl")
    assert partial.code == 3
    assert "the headline of a report only" in " ".join(partial.err.split())
    (store.parent / "notes.jsonl").write_text("no report\n")
    rejected = tool("import", "other.db", "notes.jsonl")
    assert rejected.code == 3
    assert "Line 1 of notes.jsonl holds no report" in rejected.err
    (store.parent / "page.html").write_text("<!DOCTYPE html>\n" * 9)
    rejected = tool("import", "other.db", "page.html")
    assert rejected.code == 3
    assert "page.html is no export and no lines of `walee fetch`, which are JSON." in " ".join(rejected.err.split())
    assert rejected.err.count("holds no report") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "reports.db"),
        ("export", "reports.db", "all.jsonl.gz"),
        ("export", "reports.db", "--tables", "tables", "--format", "csv"),
        ("score", "reports.db"),
        ("score", "reports.db", "--explain", "h0"),
        ("merge", "all.db", "reports.db"),
        ("page", "reports.db", "--out", "page.html"),
    ],
)
def test_what_a_damaged_log_has_lost_is_told(tool: Any, gateway: Gateway, store: Path, command: list[str]) -> None:
    """What precedes the damage is given, a sentence says that commits are missing, and the exit code is 5."""
    report = gateway.maker.report(0)["payload"]
    (store.parent / "some.jsonl").write_text(json.dumps({"handle": "h0", "report": report, "received_at": 7}))
    assert tool("import", "whole.db", "some.jsonl").code == 0
    with Store.open(store.parent / "whole.db") as whole:
        for number in range(9):
            asyncio.run(end(whole, f"h{number}"))
        log = bytearray(whole.path.with_name("whole.db-wal").read_bytes())
        store.write_bytes(whole.path.read_bytes())
    log[len(log) // 2] ^= 1
    store.with_name("reports.db-wal").write_bytes(log)
    ended = tool(*command)
    assert ended.code == 5
    said = " ".join(f"{ended.out.decode()} {ended.err}".split())
    assert re.search(r"reports\.db-wal is damaged: \d+ commits after its frame \d+ cannot be read", said)
    assert store.with_name("reports.db-wal").read_bytes() == log


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("verify", "reports.db"), "note the last commit in {} 1 report examined: all are whole."),
        (("merge", "all.db", "reports.db"), "Note: reports.db: the last commit in {}. 1 report and"),
        (("score", "reports.db"), "Note: the last commit in {}."),
    ],
)
def test_what_a_power_cut_leaves_is_a_note(
    tool: Any, gateway: Gateway, store: Path, command: list[str], said: str
) -> None:
    """A last commit that is incomplete is told of, is no report that was left out, and leaves the exit code at 0."""
    report = gateway.maker.report(0)["payload"]
    (store.parent / "some.jsonl").write_text(json.dumps({"handle": "h0", "report": report, "received_at": 7}))
    assert tool("import", "whole.db", "some.jsonl").code == 0
    with Store.open(store.parent / "whole.db") as whole:
        asyncio.run(end(whole, "h1"))
        asyncio.run(end(whole, "h2"))
        log = bytearray(whole.path.with_name("whole.db-wal").read_bytes())
        store.write_bytes(whole.path.read_bytes())
    log[-9] ^= 1
    store.with_name("reports.db-wal").write_bytes(log)
    ended = tool(*command)
    assert ended.code == 0
    told = " ".join(f"{ended.err} {ended.out.decode()}".split())
    of = "reports.db-wal is incomplete: a power cut leaves this, or the file was damaged"
    assert re.search(re.escape(said).replace(re.escape("{}"), r"\S*" + re.escape(of)), told), told


async def end(store: Store, handle: str) -> None:
    await store.record_failure(handle, NoReportError("none"))


@pytest.mark.parametrize("name", ["reports.db", "reports.db-wal", "reports.db.views"])
@pytest.mark.parametrize("command", ["fetch", "score"])
def test_the_output_is_no_file_of_the_store(here: Any, gateway: Gateway, store: Path, command: str, name: str) -> None:
    """What would spoil the store is refused before anything is sent or made."""
    Store.open(store).close()
    arguments = {"fetch": ["a.creator"], "score": ["--replace"]}[command]
    ended = here(command, *arguments, "--store", "reports.db", "--out", name)
    assert ended.code == 2
    assert f"{name} belongs to the store reports.db, which would be spoilt; name another file." in ended.err
    assert gateway.requests_seen == 0
    assert not store.with_name("reports.db-wal").exists()


def test_a_folder_is_not_brought_in(tool: Any) -> None:
    """A folder is said to be one, and no store is made for it."""
    ended = tool("import", "new.db", ".")
    assert (ended.code, ended.err) == (2, "walee: . is a folder; name a file.\n")
    assert not list(tool.folder.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_a_pipe_is_not_brought_in(tool: Any) -> None:
    """It is said to be one, at once, though nobody writes to it; and no store is made for it."""
    os.mkfifo(tool.folder / "pipe")
    ended = tool("import", "new.db", "pipe")
    said = "walee: pipe is a pipe, no ordinary file; write what it gives to a file first."
    assert (ended.code, " ".join(ended.err.split())) == (2, said)
    assert [found.name for found in tool.folder.iterdir()] == ["pipe"]


def test_a_cut_export_is_brought_in_as_far_as_it_goes(scored: Path, tool: Any) -> None:
    """Of a gzipped file that breaks off, what came before is brought in and told of, and the exit code is 3."""
    lines = (scored / "reports.jsonl").read_bytes()
    (tool.folder / "cut.jsonl.gz").write_bytes(gzip.compress(lines)[:-9])
    ended = tool("import", "new.db", "cut.jsonl.gz")
    brought = _reports(tool.folder / "new.db")
    assert 0 < brought <= 12
    assert ended.code == 3
    assert "Note: cut.jsonl.gz cannot be read: Compressed file ended before" in ended.err
    assert ended.err.endswith(
        f"{brought} reports brought into new.db, 0 there already, up to where the file breaks off.\n"
    )
    again = tool("import", "new.db", "cut.jsonl.gz")
    assert again.code == 3
    assert again.err.endswith(
        f"0 reports brought into new.db, {brought} there already, up to where the file breaks off.\n"
    )
    (tool.folder / "short.jsonl.gz").write_bytes(gzip.compress(lines)[:99])
    none = tool("import", "other.db", "short.jsonl.gz")
    assert none.code == 2
    assert none.err.startswith("walee: short.jsonl.gz cannot be read: Compressed file ended before")


@pytest.mark.parametrize("name", ["reports.csv", "reports.jsonl", "reports"])
def test_an_export_has_the_name_of_what_it_is(tool: Any, name: str) -> None:
    """Gzipped lines are not written under the name of something else; the way to tables is told."""
    ended = tool("export", "reports.db", name)
    assert ended.code == 2
    assert "so name it .jsonl.gz; tables are made by `walee export STORE --tables DIR --format csv`" in " ".join(
        ended.err.split()
    )
    assert not (tool.folder / name).exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_upkeep_can_be_interrupted(tool: Any, gateway: Gateway, tmp_path: Path, number: int, code: int) -> None:
    """An import and an export end within two seconds, leave nothing half, and say how far they came."""
    report = gateway.maker.report(0)["payload"]
    file, target = tmp_path / "many.jsonl", tmp_path / "out.gz"
    with file.open("w") as lines:
        lines.writelines(
            json.dumps({"handle": f"h{n}", "report": report, "received_at": 7}) + "\n" for n in range(1600)
        )
    (tmp_path / "out.gz.part").write_text("mine")
    ends = {}
    for arguments in (["import", "some.db", "many.jsonl"], ["export", "some.db", "out.gz"]):
        running = tool.start(*arguments)
        running.until(lambda: (tmp_path / "some.db").exists() and _reports(tmp_path / "some.db") >= 600)
        if arguments[0] == "export":
            running.until(lambda: bool(list(tmp_path.glob(".*.part"))))
        began = time.monotonic()
        running.signal(number)
        ends[arguments[0]] = running.end()
        assert time.monotonic() - began < 2
    assert [ended.code for ended in ends.values()] == [code, code]
    kept = _reports(tmp_path / "some.db")
    assert 600 <= kept < 1600
    assert f"Interrupted: {kept:,} reports brought into some.db; the same command again goes on." in ends["import"].err
    assert "Interrupted: out.gz was not written." in ends["export"].err
    assert not target.exists()
    assert [file.name for file in tmp_path.iterdir() if ".part" in file.name] == ["out.gz.part"]
    assert (tmp_path / "out.gz.part").read_text() == "mine"


def test_what_was_removed_is_said_although_the_file_cannot_shrink(
    walee: Any, tool: Any, small_files: Any, gateway: Gateway, store: Path
) -> None:
    """To shrink a file takes room; where there is none, the reports are gone all the same, and that is said first."""
    for fresh in ([], ["--fresh"]):
        walee("fetch", *gateway.handles, *RATE, *fresh)
    limit = 350_000
    ended = tool(
        *("prune", "reports.db", "--older-than", "0h", "--yes"),
        **small_files(limit),
    )
    assert ended.code == 5
    assert "12 reports removed from reports.db." in ended.err
    assert "refused" in ended.err
    assert _reports(store) == 12


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_has_stored_what_it_delivered(
    walee: Any, gateway: Gateway, store: Path, tmp_path: Path, lines: Lines, number: int, code: int
) -> None:
    """Every line that was written is a report in a whole store, and what was given up is in its books."""
    gateway.plan(gateway.handles[5], Hang())
    running = walee.start("fetch", *gateway.handles, "--rate", "50", *OUT)
    running.until(lambda: bool(gateway.requests[gateway.handles[5]]))
    running.signal(number)
    assert running.end().code == code
    written = {line["handle"] for line in lines(tmp_path / "reports.jsonl") if "report" in line}
    with Store.open(store) as opened, StoreReader.open(store) as reader:
        assert opened.orphans == ()
        assert {payload.handle for payload in reader.payloads()} == written
        assert set(reader.ambiguous()) == {gateway.handles[5]}


def test_a_reader_that_goes_away_costs_nothing_that_was_sent(
    serve: Callable[..., Gateway], walee_for: Any, store: Path
) -> None:
    """When standard output is closed, requests under way are still answered, and their reports kept."""
    gateway = serve(Maker(creators=40, created=datetime.now(UTC)), latency=0.3)
    walee = walee_for(gateway)
    running = walee.start("fetch", *gateway.handles, "--rate", "100", "--store", str(store))
    assert running.process.stdout is not None
    running.process.stdout.read(10)
    running.process.stdout.close()
    assert running.process.wait(20) == 141
    with StoreReader.open(store) as reader:
        assert reader.totals().reports == gateway.billed.total()
        assert reader.ambiguous() == {}


@pytest.mark.parametrize(
    "wrong", [("--out", "no/such/folder/x.jsonl"), ("--concurrency", "0"), ("--burst", "0"), ("--max-spend", "inf")]
)
def test_starting_over_comes_last(here: Any, gateway: Gateway, store: Path, wrong: tuple[str, str]) -> None:
    """A command that cannot be carried out does not remove what was bought first."""
    here("fetch", *gateway.handles[:3], *OUT)
    ended = here("fetch", *gateway.handles[:3], "--fresh-store", "--yes", *wrong)
    assert ended.code == 2
    assert "was removed" not in ended.err
    with StoreReader.open(store) as reader:
        assert reader.totals().reports == 3


def test_a_new_store_is_told_of(walee: Any, gateway: Gateway) -> None:
    """Whoever runs it in another folder by mistake sees that nothing will be reused."""
    first, second = (walee("fetch", *gateway.handles[:2], *OUT).err for _ in range(2))
    assert "reports.db is new, so there is nothing in it to be reused." in first
    assert "is new" not in second


def test_fresh_does_not_claim_to_go_on(here: Any, gateway: Gateway) -> None:
    """With --fresh the same command buys everything anew, and says so; into a file, what is not in it."""
    command = ("fetch", *gateway.handles[:3], "--fresh", "--max-reports", "2")
    for more, told, bought in (
        ((), "With --fresh the same command buys everything anew; without it, what is not in reports.db either.", 2),
        ((), "With --fresh the same command buys everything anew", 4),
        (OUT, "With --fresh the same command buys what is not in reports.jsonl; without it, what is not", 6),
        (OUT, "reports.jsonl has 2 reports already; they are not bought again, not with --fresh either", 7),
    ):
        assert told in " ".join(here(*command, *more).err.split())
        assert gateway.billed.total() == bought
    bare = here("fetch", *gateway.handles[:3], "--fresh", "--max-reports", "2", "--no-store")
    assert "With --out FILE, it could go on from here." in " ".join(bare.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--retry-failed", "no_report"], "--retry-failed no_report: did you mean no-report?"),
        (["--retry-failed", "acount_is_private"], "did you mean account_is_private?"),
        (["--retry-failed=no_report"], "knows no reason 'no_report'; did you mean no-report?"),
        (
            ["--retry-failed=zzz"],
            "it knows being-prepared, broken-off, no-report, and the gateway's codes",
        ),
        (["--retry-failed", "timeout"], "knows no reason 'timeout'; it knows being-prepared, "),
        (["--retry-failed", "timeout"], "and the gateway's codes. If it is a handle, put an @ before it."),
    ],
)
def test_a_mistyped_reason_is_not_bought(here: Any, gateway: Gateway, arguments: list[str], said: str) -> None:
    """It is neither a handle nor everything; nothing is sent."""
    ended = here("fetch", gateway.handles[0], *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())
    assert gateway.requests_seen == 0


def test_what_was_cut_off_is_named_before_it_is_bought_again(walee: Any, tool: Any, gateway: Gateway) -> None:
    """Requests that an orderly end left open are doubts: the plan and the next run over them name them first."""
    gateway.plan(gateway.handles[0], Truncate())
    walee("fetch", gateway.handles[0], "--resend-ambiguous", "0", *OUT)
    planned = tool("plan", *gateway.handles[:2])
    assert f"1 of them may have been bought already: {gateway.handles[0]}" in " ".join(planned.out.decode().split())
    assert json.loads(tool("plan", *gateway.handles[1:], "--json").out)["in_doubt"] == []
    said = f"1 report may have been bought already and did not come: {gateway.handles[0]}."
    assert "may have been bought" not in walee("fetch", gateway.handles[2], *OUT).err
    assert f"Note: {said}" in walee("fetch", "-", *OUT, stdin=gateway.handles[2]).err
    ended = walee("fetch", *gateway.handles[:2], *OUT)
    assert f"Of what is to be bought now, {said}" in ended.err
    assert "may have been bought already" not in walee("fetch", *gateway.handles[:2], *OUT).err


def test_what_is_bought_again_for_its_age_is_said_first(here: Any, gateway: Gateway) -> None:
    """Reports that are too old to be used are counted before they are bought again; nobody need be surprised."""
    assert "too old" not in here("fetch", *gateway.handles[:3]).err
    assert "too old" not in here("fetch", *gateway.handles[:3]).err
    again = here("fetch", *gateway.handles[:5], "--max-age", "0")
    assert "In reports.db 3 reports are too old by --max-age, to be bought again." in again.err
    assert "too old" not in here("fetch", *gateway.handles[:5], "--fresh").err
    assert gateway.billed.total() == 3 + 5 + 5
