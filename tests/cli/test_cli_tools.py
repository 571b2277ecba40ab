"""`walee gateway`, `walee demo`, `walee doctor`, and how the command itself begins and ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

import walee_async
from walee_async.cli.entry import run
from walee_async.cli.exits import MEANINGS, Exit
from walee_async.testing import Gateway


def test_a_gateway_serves_the_command(walee_for: Any, tmp_path: Path) -> None:
    """Its first line tells where it is and with which key, its list feeds a run, and its last line counts."""
    walee = walee_for(None)
    running = walee.start("gateway", "--creators", "5", "--small", "--quota", "100/s", "--handles-out", "handles.txt")
    told = json.loads(running.line())
    assert told["creators"] == 5
    walee.environment["WALEE_API_KEY"] = told["keys"][0]
    fetched = walee("fetch", "handles.txt", "--rate", "50", "--base-url", told["base_url"])
    assert fetched.code == 0
    listed = (tmp_path / "handles.txt").read_text("utf-8").split()
    assert listed[:2] == ["river.kites", "amber.anchor"]
    assert len(listed) == 5
    assert sorted(line["handle"] for line in fetched.lines) == sorted(listed)
    running.signal(signal.SIGINT)
    ended = running.end()
    assert ended.code == 0
    counted = json.loads(ended.out)
    assert (counted["requests"], counted["billed"], counted["breaches"]) == (5, 5, 0)
    assert "5 requests, 5 billed for 5 creators, 0 breaches of the quota." in ended.err
    hint = f"export WALEE_BASE_URL={told['base_url']} WALEE_API_KEY={told['keys'][0]}\n  walee fetch handles.txt\n"
    assert hint in ended.err


def test_a_gateway_takes_keys_of_ones_own(walee_for: Any) -> None:
    """Keys may be given to it, for they are made up, and it sells no more than they have credits."""
    walee = walee_for(None)
    running = walee.start("gateway", "--creators", "5", "--key", "mine", "--key", "yours", "--credits", "2")
    told = json.loads(running.line())
    assert told["keys"] == ["mine", "yours"]
    walee.environment["WALEE_API_KEYS"] = "mine yours"
    handles = Gateway(5).handles
    ended = walee("fetch", *handles, "--base-url", told["base_url"], "--rate", "50")
    assert ended.code == 4
    assert sum("report" in line for line in ended.lines) == 4


def test_a_gateway_takes_the_key_that_is_in_the_environment(walee_for: Any) -> None:
    """Whoever develops with it has its key exported, and starts it with the same one again."""
    walee = walee_for(None)
    walee.environment["WALEE_API_KEY"] = "made-up-key-1"
    running = walee.start("gateway", "--creators", "5", "--key", "made-up-key-1")
    line = running.line()
    assert line, running.end().err
    assert json.loads(line)["keys"] == ["made-up-key-1"]
    running.signal(signal.SIGTERM)
    assert running.end().code == 0


def test_a_gateway_overwrites_no_file(walee_for: Any, tmp_path: Path) -> None:
    """A file that is there is left alone without --replace; with it, it is written once the port is taken."""
    kept = tmp_path / "reports.db"
    kept.write_text("paid for", "utf-8")
    walee = walee_for(None)
    refused = walee("gateway", "--handles-out", "reports.db")
    assert (refused.code, refused.out) == (2, b"")
    assert "reports.db is there already; name another file, or add --replace" in refused.err
    with Gateway(1).in_thread() as other:
        port = str(other.port)
        assert walee("gateway", "--handles-out", "reports.db", "--replace", "--port", port).code == 2
    assert kept.read_text("utf-8") == "paid for"
    running = walee.start("gateway", "--creators", "1", "--handles-out", "reports.db", "--replace")
    assert running.line()
    assert kept.read_text("utf-8") == "river.kites\n"
    running.signal(signal.SIGTERM)
    assert running.end().code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--quota", "fast"],
        ["--faults", "200%"],
        ["--creators", "0"],
        ["--handles-out", "no/such/folder"],
        ["--port", "99999"],
        ["--replace"],
        ["--key", "two words"],
    ],
    ids=" ".join,
)
def test_a_gateway_that_cannot_be_is_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """What is wrong with it is said in a sentence."""
    assert run(["gateway", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("walee: ")
    assert len(told.splitlines()) == 1


def test_the_demonstration_needs_nothing(walee_for: Any, tmp_path: Path) -> None:
    """Without key or network it fetches made-up creators, is slowed down once, shows the best, and makes a page."""
    ended = walee_for(None)("demo", "--creators", "16")
    assert ended.code == 0
    assert "all of them made up" in ended.err
    assert re.search(r"1\d of 16 creators fetched", ended.err)
    assert "The ten best by quality score" in ended.err
    scores = [float(score) for score in re.findall(r" (\d+\.\d)  [a-z ]+$", ended.err, re.MULTILINE)]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    requests = re.search(r"requests +(\d+) ", ended.err)
    assert requests is not None
    assert f"The gateway counted {requests[1]} requests" in ended.err
    assert re.search(r"The same list again: 1\d of 16 reports read from the store, 0 bought", ended.err)
    assert re.search(r"Its ledger: \d+ requests \(1\d billed", ended.err)
    assert ended.err.rstrip().endswith((tmp_path / "walee-demo.html").as_uri())
    assert "Women of 18 to 34" in (tmp_path / "walee-demo.html").read_text("utf-8")


def test_a_demonstration_of_nothing_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show without creators."""
    assert run(["demo", "--creators", "0"]) == 2
    assert "it must be at least 1" in capsys.readouterr().err


def test_the_doctor_finds_all_well(walee: Any, gateway: Gateway) -> None:
    """It names the key by its label and where it came from, reaches the gateway, and asks nothing of it."""
    ended = walee("doctor")
    text = ended.out.decode()
    assert ended.code == 0
    assert f"key 1 (…{gateway.key[-4:]}), from WALEE_API_KEY" in text
    assert gateway.key not in text
    assert "takes connections" in text
    assert gateway.requests_seen == 0
    for package in ("aiohttp", "msgspec", "cyclopts"):
        assert re.search(rf"{package} +\d", text)


def test_the_doctor_tells_of_every_extra(walee_for: Any) -> None:
    """Each that a user may want is installed or has the line that installs it; those of the metadata, no others."""
    text = walee_for(None)("doctor").out.decode()
    told = dict(re.findall(r"^ +extra (\w+) +(.+?) *$", text, re.MULTILINE))
    assert set(told) == set(metadata("walee-async").get_all("Provides-Extra") or ()) - {"cli", "test"}
    assert {said for extra, said in told.items()} <= {
        "installed",
        *(f"pip install 'walee-async[{extra}]'" for extra in told),
    }
    assert told["page"] == "installed"


def test_the_gateway_may_be_named_in_the_environment(walee_for: Any, gateway: Gateway) -> None:
    """WALEE_BASE_URL is where the command asks; the option goes before it, and the doctor tells which it was."""
    walee = walee_for(None)
    walee.environment |= {"WALEE_BASE_URL": gateway.base_url, "WALEE_API_KEY": gateway.key}
    assert walee("report", gateway.handles[0]).code == 0
    assert gateway.billed.total() == 1
    said = " ".join(walee("doctor").out.decode().split())
    assert "takes connections; nothing was asked of it (from WALEE_BASE_URL)" in said
    said = " ".join(walee("doctor", "--base-url", "http://127.0.0.1:1/api").out.decode().split())
    assert "Connection refused (from --base-url)" in said


@pytest.mark.parametrize("address", ["http://gateway.example/api", "https://me:secret@gateway.example", ""])
def test_an_address_in_the_environment_is_checked_as_the_option_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    """No key goes to where --base-url would not let it go, and the sentence is the same."""
    monkeypatch.setenv("WALEE_API_KEY", "made-up-key")
    assert run(["fetch", "a.creator", "--base-url", address, "--no-store"]) == Exit.USAGE
    told = capsys.readouterr().err
    monkeypatch.setenv("WALEE_BASE_URL", address)
    assert run(["fetch", "a.creator", "--no-store"]) == Exit.USAGE
    assert capsys.readouterr().err == told
    assert "secret" not in told


def test_the_doctor_finds_what_is_wrong(walee_for: Any) -> None:
    """A missing key and a closed port are each told of, and the exit code is 2."""
    ended = walee_for(None)("doctor", "--base-url", "http://127.0.0.1:1/api")
    text = ended.out.decode()
    assert ended.code == 2
    assert re.search(r"no +API key +There is no API key", text)
    assert re.search(r"no +gateway +no connection to 127.0.0.1:1: Connection refused", text)


def test_the_version_is_told(walee_for: Any) -> None:
    """`walee --version` says which version it is."""
    ended = walee_for(None)("--version")
    assert (ended.code, ended.out.decode()) == (0, f"walee_async {walee_async.__version__}\n")


def test_the_exit_codes_are_in_the_help(walee_for: Any) -> None:
    """`walee --help` lists the commands and every exit code with its meaning."""
    ended = walee_for(None)("--help")
    text = " ".join(ended.out.decode().split())
    assert ended.code == 0
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in text
    for command in (
        *("fetch", "plan", "report", "status", "verify", "prune", "export", "import"),
        *("score", "page", "compare", "brief", "demo", "gateway", "doctor"),
    ):
        assert f"│ {command} " in ended.out.decode()


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [(["import", "lines.jsonl"], "second argument, FILE"), (["report"], "first argument, HANDLE")],
)
def test_an_argument_that_is_missing_is_named_by_its_place(
    capsys: pytest.CaptureFixture[str], arguments: list[str], lacking: str
) -> None:
    """What stands by its place is not asked for as an option, which nobody would look for."""
    assert run(arguments) == Exit.USAGE
    assert f"walee {arguments[0]} lacks its {lacking}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("report a b", "'b' is one argument too many for walee report."),
        ("doctor x", "'x' is one argument too many for walee doctor."),
        ("status --store", "--store lacks its value, STORE."),
        ("page -o -", "-o takes FILE.html, and - is none."),
        ("prune reports.db", "walee prune lacks the option --older-than TIME."),
        ("help", "help is an option and no command: `walee --help`."),
        ("version", "version is an option and no command: `walee --version`."),
        (
            "score a.creator --max-reports 3 --rate 5",
            "--rate, --max-reports: about buying, and nothing is bought without --buy",
        ),
    ],
)
def test_wrong_arguments_are_told_in_plain_words(capsys: pytest.CaptureFixture[str], arguments: str, said: str) -> None:
    """What is too many, missing or no command is named as it was written."""
    assert run(arguments.split()) == Exit.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        "fetch missing.txt --concurrency 2.5",
        "fetch missing.txt --burst 1.5",
        "score missing.db --top 2.6",
        "score missing.db --jobs 1.5",
        "page missing.db --top 2.6",
        "demo --seed 0 --creators 0.4",
        "demo --creators 0 --seed 0.4",
        "gateway --port 99999 --creators 5.5",
        "gateway --port 99999 --seed 5.5",
        "gateway --port 99999 --credits 5.5",
        "gateway --port 99999.4",
    ],
)
def test_a_fraction_is_no_whole_number(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    """Nothing is rounded: where a number of things is asked for, a part of one is refused by the option's name."""
    *_, option, value = arguments.split()
    assert run(arguments.split()) == Exit.USAGE
    assert f"walee: {option} is '{value}'; it must be a whole number." in capsys.readouterr().err


def test_a_gateway_sells_no_less_than_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys that can buy less than no report are refused."""
    assert run(["gateway", "--port", "99999", "--credits", "-1"]) == Exit.USAGE
    assert "--credits is -1; it must be at least 0." in capsys.readouterr().err


def test_the_help_fits_a_narrow_terminal(walee_for: Any) -> None:
    """At 80 columns what goes over a line stands below its beginning; prune names the years it takes."""
    walee = walee_for(None)
    walee.environment["COLUMNS"] = "80"
    codes = walee("--help").out.decode().partition("Exit codes:\n\n")[2].splitlines()
    assert all(re.match(r" +\d+  \S| {7}\S", line) for line in codes)
    assert "90d, 8w, 12h or 1y" in walee("prune", "--help").out.decode()


def test_an_unknown_command_is_wrong_usage(walee_for: Any) -> None:
    """What is not a command is named, and the way to help."""
    ended = walee_for(None)("fetsch")
    assert ended.code == 2
    assert "fetsch" in ended.err
    assert "`walee --help`" in ended.err


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


BUG = """
from walee_async.cli.app import app
from walee_async.cli.entry import run

@app.command
def crash():
    raise LookupError("of a secret kind")

raise SystemExit(run(["crash"]))
"""


def test_a_bug_is_one_sentence() -> None:
    """What nobody expected is called a bug, with the way to its traceback, and the exit code is 70."""
    ended = _run(BUG)
    assert ended.returncode == 70
    assert ended.stderr == (
        "walee: This is a bug in walee (LookupError). WALEE_DEBUG=1 in the environment shows where it is.\n"
    )
    assert "of a secret kind" in _run(BUG, WALEE_DEBUG="1").stderr


def test_without_the_extra_the_command_says_what_it_lacks() -> None:
    """Where cyclopts is not installed, one sentence tells what to install, and the exit code is 2."""
    ended = _run("import sys; sys.modules['cyclopts'] = None; from walee_async.cli import main; main()")
    assert ended.returncode == 2
    assert "pip install 'walee-async[cli]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_gateways_counters_can_be_asked_for(walee_for: Any) -> None:
    """While it runs, a gateway tells its counters to whoever asks."""
    running = walee_for(None).start("gateway", "--creators", "1")
    told = json.loads(running.line())
    address = told["base_url"].removesuffix("/api") + "/_gateway/statistics"
    with urllib.request.urlopen(address) as answer:
        assert json.load(answer)["requests"] == 0
    running.signal(signal.SIGTERM)
    assert running.end().code == 0
