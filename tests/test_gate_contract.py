"""The gate of one process does what every gate must: see `walee_async.testing.contracts`."""

from __future__ import annotations

import pytest

from walee_async.testing.clock import VirtualClockLoop
from walee_async.testing.contracts import GateContract


class TestLocalGate(GateContract):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, object]]:
        return "asyncio", {"loop_factory": VirtualClockLoop}
