"""The pytest plugin that comes with this package: the fixture `walee_gateway` and the marker of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from walee_async.testing.gateway import Gateway

CREATORS = 20


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "walee_gateway(*args, **options): what walee_async.testing.Gateway is made with")


@pytest.fixture
def walee_gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """A Walee gateway on loopback of this test's own, with twenty made-up creators.

    It runs in a thread, so it serves plain tests and those of any async plugin. Mark the test with
    `@pytest.mark.walee_gateway(creators=100, quota=Quota(5))` to make it otherwise.
    """
    from walee_async.testing.gateway import Gateway

    marker = request.node.get_closest_marker("walee_gateway")
    given, options = (marker.args, marker.kwargs) if marker is not None else ((), {})
    usual = {} if given else {"creators": CREATORS}
    with Gateway(*given, **{**usual, **options}).in_thread() as gateway:
        yield gateway
