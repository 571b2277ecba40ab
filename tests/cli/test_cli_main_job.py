"""The main job: two thousand handles from a file, against a gateway in another process that misbehaves."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long


def test_the_main_job_adds_up(walee_for: Any, tmp_path: Path) -> None:
    """Every handle has one outcome, no quota is broken, and what the summary says is what the gateway counted."""
    walee = walee_for(None)
    serving = walee.start(
        *("gateway", "--creators", "2000", "--small", "--quota", "200/s", "--faults", "3%"),
        *("--handles-out", "handles.txt"),
    )
    told = json.loads(serving.line())
    walee.environment["WALEE_API_KEY"] = told["keys"][0]
    # A tenth below the quota: the gateway dates requests when it gets to them, and a stall of its own bunches them.
    command = ("fetch", "handles.txt", "--rate", "180", "--out", "reports.jsonl", "--base-url", told["base_url"])
    ended = walee(*command)
    serving.signal(signal.SIGINT)
    counted = json.loads(serving.end().out)

    assert ended.code == 0
    lines = [json.loads(line) for line in (tmp_path / "reports.jsonl").read_bytes().splitlines()]
    handles = (tmp_path / "handles.txt").read_text("utf-8").split()
    assert Counter(line["handle"] for line in lines) == Counter(handles)
    assert all(line["report"]["user_profile"]["username"] == line["handle"] for line in lines)

    said = {
        name: int(number.replace(",", ""))
        for name, number in re.findall(r"^  (\w+) +([\d,]+) ", ended.err, re.MULTILINE)
    }
    assert (said["fetched"], said["failed"]) == (2000, 0)
    assert said["requests"] == counted["requests"] > 2000
    assert said["bought"] == counted["billed"] == counted["billed_handles"] == 2000
    assert counted["breaches"] == 0
    assert counted["keys"][0]["busiest_second"] <= 201
    assert sum(counted["faults"].values()) == counted["requests"] - 2000 + counted["faults"].get("Slow", 0)
    assert re.search(r"^[\d,]+ of 2,000 done, .*\d/s of 180/s", ended.err, re.MULTILINE)
