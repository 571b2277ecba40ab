"""What the command line loads before it has work to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from walee_async import client
from walee_async.cli import options

# Written at exit, because a command ends by raising SystemExit.
WATCH = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["fetch", "--help"], ["report", "--help"], ["score", "--help"], ["page", "--help"]],
)
def test_help_is_had_without_what_only_work_needs(arguments: list[str]) -> None:
    """Asking for help or for the version loads neither the HTTP library, longer than all the rest, nor asyncio."""
    code = f"{WATCH}; sys.argv = ['walee', *{arguments}]; from walee_async.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip()
    assert not {"aiohttp", "asyncio"} & set(ended.stderr.split())


def test_the_options_name_the_clients_own_address() -> None:
    """Written once more, because the client's module loads the HTTP library; it is the same gateway."""
    assert options.BASE_URL == client.BASE_URL
