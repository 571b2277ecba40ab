from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from walee_async import CreatorReport, Headline, WaleeClient
from walee_async.errors import ConfigError

if TYPE_CHECKING:
    from walee_async.testing import Gateway

pytestmark = pytest.mark.anyio


class Mine(msgspec.Struct):
    """A view of a caller's own."""

    version: str | None = None
    user_profile: dict[str, Any] | None = None


async def test_a_report_is_three_lines_away(gateway: Gateway) -> None:
    """With the key in the environment's place a service opens a client, awaits a report and reads it."""
    async with WaleeClient(gateway.key, base_url=gateway.base_url) as walee:
        report = await walee.creator_report(gateway.handles[0])
    assert isinstance(report, CreatorReport)
    assert report.user_profile is not None
    assert report.user_profile.username == gateway.handles[0]


async def test_any_struct_or_dict_is_a_view(gateway: Gateway) -> None:
    """The same bytes decode into what the caller asks for."""
    async with WaleeClient(gateway.key, base_url=gateway.base_url, rate=100) as walee:
        head = await walee.creator_report(gateway.handles[0], view=Headline)
        mine = await walee.creator_report(gateway.handles[0], view=Mine)
        plain = await walee.creator_report(gateway.handles[0], view=dict)
    assert head.user_profile is not None
    assert mine.user_profile is not None
    assert head.user_profile.followers == mine.user_profile["followers"] == plain["user_profile"]["followers"]


async def test_a_view_that_is_none_costs_nothing(gateway: Gateway) -> None:
    """A type that no report decodes into is refused before anything is bought."""
    async with WaleeClient(gateway.key, base_url=gateway.base_url) as walee:
        with pytest.raises(ConfigError):
            await walee.creator_report(gateway.handles[0], view=int)
        with pytest.raises(ConfigError):
            walee.creator_reports(gateway.handles, view=set[int])
    assert gateway.requests_seen == 0


@pytest.mark.parametrize(
    ("name", "value", "labels"),
    [
        ("WALEE_API_KEY", "a-made-up-key-0001", ["key 1 (…0001)"]),
        ("WALEE_API_KEYS", "a-made-up-key-0001, a-made-up-key-0002", ["key 1 (…0001)", "key 2 (…0002)"]),
        ("WALEE_API_KEYS", "a-made-up-key-0001\na-made-up-key-0001", ["key 1 (…0001)"]),
    ],
)
async def test_keys_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, labels: list[str]
) -> None:
    """One key or several, separated by commas or white space; the same key twice is one key."""
    monkeypatch.setenv(name, value)
    async with WaleeClient() as walee:
        assert [key.label for key in walee.statistics()] == labels
        assert "a-made-up" not in repr(walee)


async def test_no_key_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgot the key is told where it belongs."""
    monkeypatch.delenv("WALEE_API_KEY", raising=False)
    monkeypatch.delenv("WALEE_API_KEYS", raising=False)
    with pytest.raises(ConfigError, match="set WALEE_API_KEY"):
        WaleeClient()
    with pytest.raises(ConfigError, match="empty"):
        WaleeClient([])


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), True, "fast"])
def test_a_rate_that_cannot_be_is_refused_when_the_client_is_made(rate: Any) -> None:
    """Not when the first request is sent."""
    with pytest.raises(ConfigError, match="The rate is"):
        WaleeClient("a-made-up-key-0001", rate=rate)


async def test_a_closed_client_says_so(gateway: Gateway) -> None:
    """Before and after its block a client sends nothing, and the error says how to open it."""
    walee = WaleeClient(gateway.key, base_url=gateway.base_url)
    with pytest.raises(ConfigError, match="async with"):
        await walee.creator_report(gateway.handles[0])
    async with walee:
        with pytest.raises(ConfigError, match="open already"):
            await walee.__aenter__()
    with pytest.raises(ConfigError, match="async with"):
        walee.creator_reports(gateway.handles)
    await walee.aclose()
    assert gateway.requests_seen == 0


async def test_a_client_can_be_opened_again(gateway: Gateway) -> None:
    """Opening, closing and opening again works, as a service that restarts its lifespan does."""
    walee = WaleeClient(gateway.key, base_url=gateway.base_url)
    for _ in range(2):
        async with walee:
            await walee.fetch(gateway.handles[0])
    assert walee.ledger.bought == 2
