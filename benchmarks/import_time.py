"""How long `import walee_async` and `walee --help` take, each in fresh processes.

Prints medians of wall-clock milliseconds, an empty interpreter's beside them, and whether aiohttp came along.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 7
CASES = {
    "an empty interpreter": "pass",
    "import walee_async": "import walee_async",
    "walee --help": "import sys; sys.argv = ['walee', '--help']; from walee_async.cli import main; main()",
    "from walee_async import WaleeClient": "from walee_async import WaleeClient",
}
# Runs however the case ends, because a command ends by raising SystemExit.
_WATCH = "import atexit, sys; atexit.register(lambda: print('aiohttp' in sys.modules, file=sys.stderr))\n"


def measure(code: str) -> tuple[float, bool]:
    """Run `code` in a fresh interpreter: its wall-clock seconds, and whether it imported aiohttp."""
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", _WATCH + code], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"{code!r} failed:\n{ended.stderr}")
    return seconds, ended.stderr.split()[-1] == "True"


def main() -> None:
    """Print one line for each case."""
    print(f"{'':38}{'median ms':>10}  aiohttp imported")
    for name, code in CASES.items():
        runs = [measure(code) for _ in range(RUNS)]
        milliseconds = statistics.median(seconds for seconds, _ in runs) * 1000
        print(f"{name:38}{milliseconds:10.0f}  {'yes' if runs[0][1] else 'no'}")


if __name__ == "__main__":
    main()
