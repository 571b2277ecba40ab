"""Whatever is done to a store, in whatever order, it answers like the plainest of models."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from walee_async.errors import NoReportError
from walee_async.outcomes import Attempt, Charge, Payload
from walee_async.store import Intent, Standing, Store

handles = st.sampled_from(["a", "b", "river.kites"])
moments = st.floats(0, 100, width=16)
bodies = st.binary(max_size=300)
NOTHING = Standing(None, None, 0)
encodings = st.sampled_from(["gzip", "identity"])


class StoreMachine(RuleBasedStateMachine):
    """A list of payloads, a set of failures and a count of charges, against the store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.kept: list[Payload] = []
        self.failed: set[str] = set()
        self.ambiguous = 0
        self.open: list[tuple[str, Intent]] = []
        self.store = Store.open(self.folder / "reports.db")

    def teardown(self) -> None:
        self.runner.run(self.store.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(handle=handles, at=moments, body=bodies, encoding=encodings)
    def buy(self, handle: str, at: float, body: bytes, encoding: str) -> None:
        async def bought() -> None:
            intent = self.store.intend(handle, 1, "key 1")
            await intent
            await self.store.settle(intent, self.attempt(handle, Charge.BILLED), payload)

        payload = Payload(handle=handle, body=body, encoding=encoding, key="key 1", received_at=at)
        self.runner.run(bought())
        if not any((one.handle, one.received_at, one.body) == (handle, at, body) for one in self.kept):
            self.kept.append(payload)
            self.failed.discard(handle)

    @rule(handle=handles)
    def fail(self, handle: str) -> None:
        async def failed() -> None:
            await self.store.record_failure(handle, NoReportError("none"))

        self.runner.run(failed())
        self.failed.add(handle)

    @rule(handle=handles)
    def intend(self, handle: str) -> None:
        async def intended() -> Intent:
            intent = self.store.intend(handle, 1, "key 1")
            await intent
            return intent

        self.open.append((handle, self.runner.run(intended())))

    @precondition(lambda self: self.open)
    @rule(charge=st.sampled_from([Charge.FAILED, Charge.AMBIGUOUS]))
    def settle(self, charge: Charge) -> None:
        handle, intent = self.open.pop()

        async def settled() -> None:
            await self.store.settle(intent, self.attempt(handle, charge))

        self.runner.run(settled())
        self.ambiguous += charge is Charge.AMBIGUOUS

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.store.aclose())
        self.store = Store.open(self.folder / "reports.db")
        assert self.store.orphans == tuple(handle for handle, _ in self.open)
        self.ambiguous += len(self.open)
        self.open.clear()

    @rule(handle=handles, at=moments)
    def prune(self, handle: str, at: float) -> None:
        newest = {one.handle: one for one in sorted(self.kept, key=lambda one: one.received_at)}

        async def pruned() -> int:
            # The moment between two that are possible, whatever the clock does meanwhile.
            return (await self.store.prune(time.time() - int(at) - 0.5)).reports

        stay = [one for one in self.kept if one.received_at > int(at) + 0.5 or one is newest[one.handle]]
        if all(abs(one.received_at - int(at) - 0.5) > 0.2 for one in self.kept):
            assert self.runner.run(pruned()) == len(self.kept) - len(stay)
            self.kept = stay

    @invariant()
    def it_answers_like_the_model(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        for handle in ("a", "b", "river.kites"):
            mine = [one for one in self.kept if one.handle == handle]
            newest = max(reversed(mine), key=lambda one: one.received_at, default=None)
            assert await self.store.latest(handle) == newest
            assert len(await self.store.history(handle)) == len(mine)
        assert [one async for one in self.store.payloads(every=True)] == self.kept
        assert set(await self.store.failed(["a", "b", "river.kites"])) == self.failed
        standing = await self.store.standing(["a", "b", "river.kites"])
        assert not [handle for handle, one in standing.items() if self.store.is_new(handle) and one != NOTHING]
        totals = await self.store.totals()
        assert (totals.reports, totals.under_way) == (len(self.kept), len(self.open))
        assert totals.ambiguous.total() == self.ambiguous

    @staticmethod
    def attempt(handle: str, charge: Charge) -> Attempt:
        return Attempt(handle=handle, number=1, key="key 1", charge=charge)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
