"""What every test has: one kind of event loop, a gateway of its own, and property tests that CI can repeat."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from walee_async.testing import Gateway

# No deadline per example: a busy machine stalls for longer than any that would be worth having. A gate must not go red
# by the luck of the draw, so CI draws the same examples every time; elsewhere each run looks somewhere new.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a nox session kill more runs than there is time for in the suite."""
    parser.addoption(
        "--kill-runs", type=int, default=2, help="runs that tests/test_killed.py kills until they are whole"
    )


@pytest.fixture
def anyio_backend() -> str:
    """The library runs on asyncio, because aiohttp does."""
    return "asyncio"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway of this test's own, with twenty creators and no faults but those it plans."""
    from walee_async.testing import Gateway

    async with Gateway(creators=20) as gateway:
        yield gateway
