# ruff: noqa: E402  (nothing of it is imported before Dask is known to be there)
"""Gates and budgets that are shared through a Dask scheduler."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from _dask import needs_dask

needs_dask()

from distributed import Client, Scheduler

from walee_async.integrations.dask.scheduler import Keeper, SchedulerGate
from walee_async.interfaces import MakeTurns
from walee_async.testing.contracts import SharedGateContract


@pytest.fixture
async def scheduler() -> AsyncIterator[Any]:
    """A client's way to a scheduler with a keeper."""
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        await client.register_plugin(Keeper())
        yield client.scheduler


class TestDaskGate(SharedGateContract):
    @pytest.fixture
    async def turns(self, scheduler: Any) -> MakeTurns:
        return SchedulerGate(scheduler).turns(secrets.token_hex())
