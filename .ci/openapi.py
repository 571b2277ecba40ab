"""Hold the test gateway against docs/openapi.json with schemathesis; `--write` makes that file anew.

Three gateways are asked: one that is well, one that gives every refusal in turn, and one that sends a wrong type, with
which the check must fail.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from walee_async.testing import Code, Fault, Gateway, Html, Quota, RetryLater, Status, Unsuccessful, WrongType
from walee_async.testing.openapi import describe
from walee_async.wire.request import REPORT_PATH
from walee_async.wire.verdict import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

DESCRIPTION = Path(__file__).parent.parent / "docs" / "openapi.json"
ASKED = 24
"""Handles asked for by name."""
GENERATED = 50
"""Requests that schemathesis makes up beside those, right and wrong ones."""
# The gateway knows few of the handles that are made up, and the second one fails on purpose.
NOT_MEANT = "positive_data_acceptance,not_a_server_error"

REFUSALS: tuple[Fault, ...] = (
    *(Code(code) for code in CODES),
    Code("subscription_inactive"),
    Code("internal_server_error", status=500),
    RetryLater(7),
    Unsuccessful("account_not_found"),
    Unsuccessful("account_is_private", inner=True),
    Status(403),
    Status(420, retry_after=2),
    Status(429, retry_after=2),
    Status(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
    Status(504),
    Html(502),
)


def text() -> bytes:
    """The file as it should be."""
    return msgspec.json.format(msgspec.json.encode(describe()), indent=2) + b"\n"


def fits(gateway: Gateway, phases: str, handles: Iterable[str]) -> bool:
    """Whether schemathesis finds that a gateway is as described. It asks for these handles, and makes up others."""
    with gateway.in_thread(), TemporaryDirectory() as folder:
        said = json.loads(DESCRIPTION.read_bytes())
        (parameter,) = said["paths"][REPORT_PATH]["get"]["parameters"]
        parameter["examples"] = {handle: {"value": handle} for handle in handles}
        path = Path(folder, "openapi.json")
        path.write_text(json.dumps(said), "utf-8")
        command = ["schemathesis", "run", str(path), "--url", gateway.base_url, "--header", f"x-api-key: {gateway.key}"]
        command += ["--phases", phases, "--max-examples", str(GENERATED), "--seed", "1", "--no-color"]
        command += ["--checks", "all", "--exclude-checks", NOT_MEANT, "--continue-on-failure"]
        ended = subprocess.run(command, check=False, cwd=folder)
        print("answers:", dict(gateway.answers), "faults:", dict(gateway.faults), flush=True)
    return ended.returncode == 0


def check() -> str | None:
    """What is wrong, or None."""
    if DESCRIPTION.read_bytes() != text():
        return "docs/openapi.json is not what the Structs come to: nox -s openapi -- --write"
    subprocess.run(["openapi-spec-validator", str(DESCRIPTION)], check=True)
    well = Gateway(ASKED, quota=Quota(1000, 1.0, advertise="ratelimit"))
    if not fits(well, "examples,coverage,fuzzing", well.handles):
        return "the gateway's answers do not fit docs/openapi.json"
    ill = Gateway(len(REFUSALS))
    for handle, fault in zip(ill.handles, REFUSALS, strict=True):
        ill.plan(handle, *[fault] * 3)
    if not fits(ill, "examples", ill.handles):
        return "the gateway's refusals do not fit docs/openapi.json"
    if not ill.faults.total() >= len(REFUSALS):
        return "not every refusal was asked for"
    wrong = Gateway(2)
    wrong.plan(None, *[WrongType("user_profile.followers", "many")] * 100)
    if fits(wrong, "examples", wrong.handles):
        return "a wrong type went unnoticed"
    return None


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write docs/openapi.json")
    if arguments.parse_args().write:
        DESCRIPTION.write_bytes(text())
    else:
        # schemathesis tries what no request may hold, and the server would tell of each.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        sys.exit(check())
