"""Runs one fetch again and again, and kills it in the middle each time, until it comes to its end by itself.

A program of its own, without threads, so that each life can be a fork: it starts in milliseconds, and the moment of
its death falls on every stage of a run alike. Arguments: base URL, key, store, seed, the longest life in seconds, how
often what is in doubt is sent again, then the handles. Prints JSON: the lives it took and how many were killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys

from walee_async import Failed, Options, RetryPolicy, WaleeClient

CONCURRENCY = 8


async def live(base_url: str, key: str, store: str, resend: int, handles: list[str]) -> int:
    """One whole run; the number of handles that failed."""
    options = Options(retry=RetryPolicy(base=0.01, cap=0.02, resend_ambiguous=resend))
    client = WaleeClient(key, rate=400.0, base_url=base_url, store=store, max_age=1e12, options=options)
    failed = 0
    async with client as walee, walee.creator_reports(handles, concurrency=CONCURRENCY) as run:
        async for outcome in run:
            failed += isinstance(outcome, Failed)
    return failed


def main() -> None:
    """Live until a life ends by itself."""
    base_url, key, store, seed, longest, resend, *handles = sys.argv[1:]
    dice = random.Random(seed)
    killed = 0
    while True:
        child = os.fork()
        if child == 0:
            os._exit(asyncio.run(live(base_url, key, store, int(resend), handles)) and 1)
        # A little longer each time: on a busy machine a life could end before it has done anything, for ever.
        select.select([], [], [], dice.uniform(0, float(longest)) * 1.02**killed)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.stdout.write(json.dumps({"lives": killed + 1, "killed": killed, "exit": os.WEXITSTATUS(status)}))
            return
        killed += 1


if __name__ == "__main__":
    main()
