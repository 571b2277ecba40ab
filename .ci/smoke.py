"""What must work where only walee-async is installed: run by `.ci/dist.py` outside of the project's folder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import walee_async
from walee_async import WaleeClient
from walee_async.testing import Gateway


async def fetch() -> str | None:
    """The handle of a creator whose report was bought from a gateway on loopback."""
    async with Gateway(creators=3) as gateway, WaleeClient(gateway.key, base_url=gateway.base_url) as walee:
        report = await walee.creator_report(gateway.handles[0])
        assert report.user_profile is not None
        assert report.user_profile.username == gateway.handles[0]
        return report.user_profile.username


assert Path(walee_async.__file__).is_relative_to(sys.prefix), walee_async.__file__
assert walee_async.__version__ == version("walee-async")
said = subprocess.run(
    [str(Path(sysconfig.get_path("scripts"), "walee")), "--help"], check=False, capture_output=True, text=True
)
assert said.returncode == 2, said
assert "walee-async[cli]" in said.stderr, said
assert "Traceback" not in said.stderr, said
print("walee_async", walee_async.__version__, "fetched", asyncio.run(fetch()))
