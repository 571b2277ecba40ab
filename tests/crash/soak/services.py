"""The services of a soak: two that share one key's limit through a Redis, for as long as the soak lasts."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import IO, Any

from books import account_of, added, damage, differences
from process import MARK, descriptors, memory
from rounds import Tally
from world import COSTLY, SPOILT, TRANSIENT, World

from walee_async.testing import Mix, Quota

PROGRAM = Path(__file__).parent / "service.py"
HANDLES = 300
"""Few, so that most are asked for again and again."""
RATE = 8.0
"""Requests a second of all together; what else goes on needs the processors."""
CALLERS = 4
WARM = 3
"""Rounds until a service has met all it will meet, and its memory is what it stays at."""
GROWTH = 1.15
"""How much more memory and descriptors it may then have."""
STUCK = 4
"""Rounds without a call that has ended, the shortest of which take a second: no pause and no deadline is that long."""
PATIENCE = 60.0
"""Seconds for an answer; pruning is in it."""


class Service:
    """One service process and the one that takes its place when it is killed."""

    def __init__(self, arguments: list[str], store: Path, environment: dict[str, str]) -> None:
        self.store = store
        self.calls = 0
        self._arguments = arguments
        self._environment = environment
        self._err = store.with_suffix(".err").open("ab")
        self._start()

    def _start(self) -> None:
        base_url, *rest = self._arguments
        line = [sys.executable, str(PROGRAM), base_url, str(self.store), *rest]
        self._process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._err,
            env=self._environment,
            cwd=self.store.parent,
        )
        self._told: dict[str, Any] = {"calls": 0, "bugs": []}
        self._used: list[tuple[int, int]] = []
        self._still = 0

    def kill(self) -> None:
        """Kill it, and start another in its place."""
        self._process.send_signal(signal.SIGKILL)
        self._stop()
        self._start()

    def tick(self) -> Iterator[str]:
        """Ask how it is; what is not as it should be."""
        yield from self._ask("tick")
        self._used.append((memory(self._process.pid)[0], descriptors(self._process.pid)))
        if len(self._used) > WARM:
            for name, first, last in zip(("memory", "files"), self._used[WARM - 1], self._used[-1], strict=True):
                if last > GROWTH * first + 4:
                    yield f"{self.store.name}: from {first:,} to {last:,} {name} in {len(self._used)} rounds"

    @property
    def grown(self) -> str:
        """Its memory once it was warm and at the last, of this life."""
        used = [one[0] / 2**20 for one in self._used[WARM - 1 :]] or [0.0]
        return f"{used[0]:.1f} to {used[-1]:.1f} in {len(self._used)} rounds"

    def end(self) -> Iterator[str]:
        """Let it end in order."""
        yield from self._ask("end")
        if self._stop() != 0:
            yield f"{self.store.name}: it ended with {self._process.returncode}"
        self._err.close()
        said = self.store.with_suffix(".err").read_text("utf-8", errors="replace")
        if "Traceback" in said:  # that it goes on without Redis for a while is no fault
            yield f"{self.store.name}: it said {said[-1500:]}"

    def _ask(self, question: str) -> Iterator[str]:
        stdin, stdout = self._pipes()
        stdin.write(question.encode() + b"\n")
        stdin.flush()
        if not select.select([stdout], [], [], PATIENCE)[0] or not (line := stdout.readline()):
            yield f"{self.store.name}: no answer to {question} in {PATIENCE:g} s"
            return
        before, self._told = self._told, json.loads(line)
        self._still = self._still + 1 if self._told["calls"] == before["calls"] else 0
        if self._still == STUCK:
            yield f"{self.store.name}: no call came to its end in {STUCK} rounds"
        self.calls += self._told["calls"] - before["calls"]
        yield from (f"{self.store.name}: {bug}" for bug in self._told["bugs"][len(before["bugs"]) :])

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _stop(self) -> int:
        code = self._process.wait(PATIENCE)
        for pipe in self._pipes():
            pipe.close()
        return code


class Services:
    """Both of them, on a gateway of their own."""

    def __init__(self, world: World, folder: Path, mark: str, redis: str | None, dice: Random) -> None:
        self._world, self._dice = world, dice
        self._handles = [world.maker.handle(index) for index in range(HANDLES)]
        self._key = f"wk_soak_services_{mark}"
        self._folder = folder / "services"
        self._folder.mkdir()
        world.ask("key", self._key, Quota(RATE * 1.5, 2.0))
        faults = (*TRANSIENT, *COSTLY, *SPOILT)
        world.ask("sky", self._handles, Mix(0.08, faults, seed=dice.getrandbits(32)))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WALEE_")}
        environment |= {"WALEE_API_KEY": self._key, MARK: mark, "PYTHONWARNINGS": "error"}
        # Without a Redis there is one, which has the limit for itself.
        self.all = [
            Service(
                [world.base_url, f"{number}", f"{RATE:g}", f"{CALLERS}", redis or "-", *self._handles],
                self._folder / f"service-{number}.db",
                environment,
            )
            for number in range(2 if redis else 1)
        ]

    def tick(self, tally: Tally) -> list[str]:
        """Ask both how they are; now and then one of them is killed."""
        wrong = [text for service in self.all for text in service.tick()]
        if self._dice.random() < 0.1:
            self._dice.choice(self.all).kill()
            tally.counts["services killed"] += 1
        return wrong

    def end(self, tally: Tally) -> list[str]:
        """Let them end, and hold their books together against the gateway's."""
        wrong = [text for service in self.all for text in service.end()]
        seen = self._world.ask("seen", self._handles)
        accounts = [account_of(service.store) for service in self.all]
        wrong += differences(added(accounts), seen, pruned=True)
        for service in self.all:
            wrong += damage(service.store, self._handles, seen, self._world.maker, 0)
        if breaches := self._world.ask("forget", self._key):
            wrong.append(f"{breaches} requests over the quota that they share")
        secret = self._key.encode()
        wrong += [f"the key is in {path.name}" for path in self._folder.iterdir() if secret in path.read_bytes()]
        told = added(accounts)
        tally.counts["service calls"] += sum(service.calls for service in self.all)
        tally.counts["service requests"] += seen.requests.total()
        tally.counts["service reports billed"] += seen.billed.total()
        tally.counts["service reports bought"] += told.billed.total()
        tally.counts["service reports in doubt"] += told.doubts.total()
        return [f"services: {text}" for text in wrong]
