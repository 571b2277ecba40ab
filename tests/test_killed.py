from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from walee_async import Store
from walee_async.testing import Gateway

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="lives are forks, and Windows has none"),
    pytest.mark.long,
]

LIVES = Path(__file__).parent / "crash" / "lives.py"
LONGEST = 0.2
"""Seconds that the first life has at most: a whole run of a hundred handles takes longer."""
AT_ONCE = 8
"""Requests under way in a life: `CONCURRENCY` of the program."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many runs as the command line asks for."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--kill-runs")))


def run_to_its_end(seed: int, path: Path, resend: int) -> tuple[int, bool, Gateway]:
    """Kill one run as often as it takes: how often that was, whether handles failed in the end, and the gateway."""
    with Gateway(creators=100, seed=seed, latency=0.01).in_thread() as gateway:
        given = [gateway.base_url, gateway.key, str(path), str(seed), str(LONGEST), str(resend), *gateway.handles]
        done = subprocess.run(
            [sys.executable, str(LIVES), *given], capture_output=True, text=True, timeout=60, check=True
        )
        lives = json.loads(done.stdout)
        return lives["killed"], lives["exit"] != 0, gateway


def test_a_run_that_is_killed_again_and_again_ends_whole(seed: int, tmp_path: Path) -> None:
    """kill -9 at any moment loses no report, and whatever was bought twice is named in the books.

    Every second run sends again once what is in doubt, as is usual: what two kills caught is then all that is left.
    """
    path, resend = tmp_path / "reports.db", (1_000, 1)[seed % 2]
    killed, failed, gateway = run_to_its_end(seed, path, resend)

    async def books() -> tuple[Counter[str], Counter[str], list[str]]:
        async with Store.open(path) as store:
            versions = Counter([payload.handle async for payload in store.payloads(every=True)])
            wrong = [
                handle
                for index, handle in enumerate(gateway.handles)
                if (payload := await store.latest(handle)) is None or payload.body != gateway.maker.gzip(index)
            ]
            findings = [finding async for finding in store.verify()]
            assert findings == []
            return versions, await store.ambiguous(), wrong

    versions, ambiguous, wrong = asyncio.run(books())
    left = {handle for handle, times in ambiguous.items() if times > resend and handle not in versions}
    assert (set(wrong), set(versions), failed) == (left, set(gateway.handles) - left, bool(left))
    for handle, times in gateway.billed.items():
        assert versions[handle] <= times <= versions[handle] + ambiguous[handle], handle
    again = gateway.billed.total() - len(gateway.billed)
    assert again <= ambiguous.total() <= killed * AT_ONCE
    assert all(times <= resend + 1 for times in ambiguous.values())
    bought, kept, doubts = gateway.billed.total(), versions.total(), ambiguous.total()
    sys.stdout.write(f"{killed} kills, {bought} bought, {kept} kept, {doubts} in doubt, {len(left)} left\n")
