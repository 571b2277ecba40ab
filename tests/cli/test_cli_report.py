"""`walee report`: one creator, readably or as JSON."""

from __future__ import annotations

import gzip
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from walee_async.testing import Code, Drop, Garble, Gateway, Hang, Maker, Status, WrongType


def test_a_creator_can_be_read(serve: Callable[..., Gateway], walee_for: Any) -> None:
    """The numbers, the growth, the audience, the quality and the posts of a creator are there."""
    gateway = serve(30)
    reports = (gateway.maker.report(index)["payload"] for index in range(30))
    whole = next(
        r for r in reports if r.get("cqs") and r["audience_followers"]["success"] and r["user_profile"].get("geo")
    )
    profile = whole["user_profile"]
    ended = walee_for(gateway)("report", f"https://www.tiktok.com/@{profile['username']}")
    assert ended.code == 0
    text = ended.out.decode()
    assert f"@{profile['username']}" in text
    assert profile["geo"]["country"]["name"] in text
    assert f"{whole['cqs']['cqs_value']:g} of 100" in text
    for heading in ("Numbers", "Growth", "Quality", "Audience", "Where they are", "Recent posts"):
        assert re.search(rf"^{heading}", text, re.MULTILINE)
    assert f"{profile['engagement_rate'] * 100:.2f} %" in text
    assert ended.err == ""


def test_a_list_is_not_the_name_of_a_creator(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """What `walee fetch` reads as a list is sent to it and not to the gateway; with an @ before it, it is a handle."""
    for name in ("handles.txt", "creators"):
        (tmp_path / name).write_text(f"{gateway.handles[0]}\n")
        ended = walee("report", name)
        assert (ended.code, gateway.requests_seen) == (2, 0)
        assert f"{name} is a list of handles, and this is about one creator; use `walee fetch`" in ended.err
    assert walee("report", "@creators").code == 3
    assert gateway.requests.keys() == {"creators"}


def test_a_store_is_not_the_name_of_a_creator(walee: Any, gateway: Gateway) -> None:
    """Nor is it a list: it is told what it is, and how it is named."""
    assert walee("report", gateway.handles[0]).code == 0
    before = gateway.requests_seen
    ended = walee("report", "reports.db")
    assert (ended.code, gateway.requests_seen) == (2, before)
    assert "reports.db is a store, and this is about one creator; name a handle, and --store reports.db" in ended.err


def test_months_go_forward(serve: Callable[..., Gateway], walee_for: Any) -> None:
    """In whatever order a report has them, followers that have grown have grown."""
    gateway = serve(3)
    months = [{"month": f"2026-0{number}", "followers": 1000 * number} for number in (3, 2, 1)]
    gateway.plan(gateway.handles[0], WrongType("user_profile.stat_history", months))
    ended = walee_for(gateway)("report", gateway.handles[0])
    assert re.search(r"\+200(\.0)? ?%", ended.out.decode())


def test_the_unknown_is_not_zero(serve: Callable[..., Gateway], walee_for: Any) -> None:
    """What a report does not say is "not known" on the screen."""
    gateway = serve(3)
    gateway.plan(gateway.handles[0], WrongType("user_profile", {"username": gateway.handles[0]}))
    ended = walee_for(gateway)("report", gateway.handles[0])
    assert ended.code == 0
    text = ended.out.decode()
    assert re.search(r"followers +not known", text)
    assert re.search(r"engagement +not known", text)
    assert not re.search(r"(followers|engagement|likes a post) +0", text)


def test_a_report_that_says_nothing_is_no_crash(serve: Callable[..., Gateway], walee_for: Any) -> None:
    """A report without a profile, an audience or a score is shown as such."""
    gateway = serve(3)
    gateway.plan(gateway.handles[0], WrongType("user_profile", None))
    ended = walee_for(gateway)("report", gateway.handles[0])
    assert ended.code == 0
    assert "profile is not known" in ended.out.decode()


@pytest.mark.parametrize(
    ("count", "rate"), [(10**300, 1e308), (-(10**300), -1e308), (-1, -1.0), (10**30, 1e30)], ids=[*"abcd"]
)
def test_a_number_that_cannot_be_is_not_known(
    serve: Callable[..., Gateway], walee_for: Any, count: int, rate: float
) -> None:
    """A count, rate or share past all reason is shown as not known, as scores take it, and breaks no column."""
    gateway = serve(3)
    report = msgspec.json.decode(msgspec.json.encode(gateway.maker.report(0)["payload"]))

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spoilt(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoilt(inner) for inner in value]
        return value if isinstance(value, bool) else {int: count, float: rate}.get(type(value), value)

    gateway.plan(gateway.handles[0], WrongType("user_profile", spoilt(report["user_profile"])))
    ended = walee_for(gateway)("report", gateway.handles[0])
    assert ended.code == 0, ended.err
    text = ended.out.decode()
    assert re.search(r"followers +not known", text)
    assert "inf" not in text
    assert max(map(cell_len, text.splitlines())) <= 100


def test_what_is_in_the_store_needs_no_key(walee: Any, walee_for: Any, gateway: Gateway) -> None:
    """A stored report is shown to who has no key; for one that is not, the missing key is named."""
    walee("report", gateway.handles[0], "--json")
    keyless = walee_for(None)
    keyless.environment.pop("WALEE_API_KEY", None)
    stored = keyless("report", gateway.handles[0], "--json")
    assert (stored.code, json.loads(stored.out)) == (0, gateway.maker.report(0)["payload"])
    missing = keyless("report", gateway.handles[1])
    assert (missing.code, "There is no API key" in missing.err) == (2, True)
    assert gateway.requests_seen == 1


def test_json_is_the_report_as_it_came(walee: Any, gateway: Gateway) -> None:
    """With --json standard output has the whole report and nothing else."""
    ended = walee("report", gateway.handles[0], "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == gateway.maker.report(0)["payload"]


HOSTILE = "\x1b]0;owned\x07\x1b[2J[bold red]x[/]\u202e\u2066evil\r\n\x9b31m\x00"


@pytest.mark.parametrize(
    "path",
    [
        "user_profile",
        "audience_followers.data",
        "cqs",
    ],
)
def test_strangers_give_the_terminal_no_orders(serve: Callable[..., Gateway], walee_for: Any, path: str) -> None:
    """Control characters, bidi overrides and markup in a report's texts do nothing."""
    gateway = serve(Maker(creators=1), faults=None)
    value: Any = {
        "user_profile": {
            "fullname": HOSTILE,
            "username": HOSTILE,
            "description": HOSTILE,
            "geo": {"country": {"name": HOSTILE, "code": HOSTILE}},
            "language": {"name": HOSTILE},
            "stat_history": [{"month": HOSTILE, "followers": 1}, {"month": HOSTILE, "followers": 2}],
            "recent_posts": [{"text": HOSTILE, "created": HOSTILE}],
        },
        "audience_followers.data": {
            "audience_ages": [{"code": HOSTILE, "weight": 0.5}],
            "audience_geo": {"countries": [{"name": HOSTILE, "code": HOSTILE, "weight": 0.5}]},
        },
        "cqs": {"cqs_value": 5, "mark": HOSTILE, "value_description": {"likes_growth_score": {"mark": HOSTILE}}},
    }[path]
    gateway.plan(gateway.handles[0], WrongType(path, value))
    ended = walee_for(gateway)("report", gateway.handles[0])
    assert ended.code == 0
    text = ended.out.decode()
    assert "␛]0;owned␇␛[2J" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Code("account_is_private"), 3, "private"),
        (Code("no_tokens_remaining"), 4, "Top the account up"),
        (Status(401), 4, "Check the key"),
        (Status(429, retry_after=1000), 4, "told to wait 1000 s, longer than 300 s"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_report_is_one_sentence(walee: Any, gateway: Gateway, fault: Any, code: int, said: str) -> None:
    """Why there is no report is said in a sentence, and the exit code says whose fault it is."""
    gateway.plan(gateway.handles[0], fault)
    ended = walee("report", gateway.handles[0])
    assert ended.code == code
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == b""


def test_an_unreadable_report_is_not_lost(walee: Any, gateway: Gateway, tmp_path: Path) -> None:
    """A report that was bought and cannot be read is kept in a file, and a second one does not replace it."""
    for name in (f"{gateway.handles[0]}.json.gz", f"{gateway.handles[0]}.1.json.gz"):
        gateway.plan(gateway.handles[0], Garble())
        ended = walee("report", gateway.handles[0], "--no-store")
        assert ended.code == 3
        assert f"its bytes are kept in {name}" in ended.err
        assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b'{"success":true')


def test_a_purchase_in_doubt_is_said(walee: Any, gateway: Gateway) -> None:
    """When the connection broke after the request, the report may have been bought without coming."""
    gateway.plan(gateway.handles[0], Drop(), Drop(), Drop())
    ended = walee("report", gateway.handles[0])
    assert ended.code == 3
    assert f"it may have been bought: {gateway.handles[0]}" in ended.err


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["readable", "json"])
def test_a_reader_that_goes_away_is_no_error(walee: Any, gateway: Gateway, arguments: list[str]) -> None:
    """When nobody reads the report, the command ends quietly."""
    gateway.plan(gateway.handles[0], Hang(0.3))
    running = walee.start("report", gateway.handles[0], *arguments)
    running.process.stdout.close()
    running.process.stdout = None
    ended = running.end()
    assert (ended.code, ended.err) == (141, "")


def test_ctrl_c_is_quiet(walee: Any, gateway: Gateway) -> None:
    """An interrupted report says what may have been bought, and no traceback."""
    gateway.plan(gateway.handles[0], Hang())
    running = walee.start("report", gateway.handles[0])
    running.until(lambda: gateway.requests_seen > 0)
    running.signal(signal.SIGINT)
    ended = running.end()
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert "it may have been bought" in ended.err
