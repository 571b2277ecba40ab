"""A service that asks for one report after another for as long as the soak lasts, on a store of its own.

Arguments: base URL, store, seed, requests a second, callers, the address of a Redis or `-`, then the handles. The key
is in the environment. Each line on standard input is a question: `tick` removes the versions that the store does not
need, `end` closes all. Both are answered with a line of JSON: the calls so far, the errors by class, what was raised
that should not have been, the tasks.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections import Counter
from random import Random
from typing import Any

from walee_async import CreatorReport, Headline, Options, RetryPolicy, WaleeClient, WaleeError
from walee_async.scoring import ScoreView


class Service:
    """What is counted, and the callers."""

    def __init__(self, walee: WaleeClient, handles: list[str], dice: Random) -> None:
        self.walee, self.handles, self.dice = walee, handles, dice
        self.calls = 0
        self.errors: Counter[str] = Counter()
        self.bugs: list[str] = []

    async def call(self) -> None:
        """Ask for one report, and hold its name against what was asked for."""
        handle, view = self.dice.choice(self.handles), self.dice.choice([CreatorReport, Headline, ScoreView, dict])
        try:
            report: Any = await self.walee.creator_report(handle, view=view, fresh=self.dice.random() < 0.7)
            profile = report["user_profile"] if isinstance(report, dict) else report.user_profile
            name = profile["username"] if isinstance(profile, dict) else profile.username
            if name != handle:
                self.bugs.append(f"asked for {handle}, and got {name}")
        except WaleeError as error:
            self.errors[type(error).__name__] += 1
        except Exception:  # noqa: BLE001 - all others are bugs, to be told of
            self.bugs.append(traceback.format_exc())
        self.calls += 1

    async def caller(self) -> None:
        """Call for ever."""
        while True:
            await self.call()

    def told(self) -> str:
        """The counts, as a line."""
        tasks = len(asyncio.all_tasks())
        return json.dumps({"calls": self.calls, "errors": self.errors, "bugs": self.bugs, "tasks": tasks}) + "\n"


async def main() -> None:
    """Serve until told to end."""
    base_url, store, seed, rate, callers, redis, *handles = sys.argv[1:]
    sharing = None
    if redis != "-":
        from walee_async.integrations.redis import SharedGate

        sharing = SharedGate(redis)
    options = Options(retry=RetryPolicy(deadline=30.0), sharing=sharing)
    loop = asyncio.get_running_loop()
    async with WaleeClient(rate=float(rate), base_url=base_url, store=store, max_age=1e12, options=options) as walee:
        service = Service(walee, handles, Random(seed))
        calling = [asyncio.create_task(service.caller()) for _ in range(int(callers))]
        asked = ""
        while asked != "end":
            asked = (await loop.run_in_executor(None, sys.stdin.readline)).strip() or "end"
            if asked == "tick":
                assert walee.store is not None
                await walee.store.prune(0.0)
                sys.stdout.write(service.told())
                sys.stdout.flush()
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)
    sys.stdout.write(service.told())


if __name__ == "__main__":
    asyncio.run(main())
