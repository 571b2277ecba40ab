"""The metrics of a client, read back with the registry of prometheus-client."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from walee_async import ConfigError, NoReportError, Options, RetryPolicy, WaleeClient
from walee_async.errors import RefusedKeyError
from walee_async.events import GateAlone, GateRejoined
from walee_async.integrations.prometheus import Metrics
from walee_async.testing import Drop, Gateway, Revoke, Status
from walee_async.testing.contracts import until

DOCS = Path(__file__).parent.parent.parent / "docs" / "observability.md"
pytestmark = pytest.mark.anyio

KEYS = ["prometheus-key-one-a3f9", "prometheus-key-two-b4e8"]
ONE, TWO = "key 1 (…a3f9)", "key 2 (…b4e8)"


def client(gateway: Gateway, metrics: Metrics, rate: float = 500, store: Path | None = None) -> WaleeClient:
    options = Options(hook=metrics, retry=RetryPolicy(base=0.01, cap=0.02))
    return WaleeClient(gateway.keys, base_url=gateway.base_url, rate=rate, store=store, options=options)


async def test_attempts_are_counted_by_key_charge_and_status() -> None:
    """Every send is counted once, with what it may have cost and the status it drew."""
    registry = CollectorRegistry()
    async with Gateway(creators=5, keys=KEYS[:1]) as gateway, client(gateway, Metrics(registry)) as walee:
        gateway.plan(gateway.handles[0], Status(500), Drop("request"))
        await walee.creator_reports([*gateway.handles, "nobody.here"]).collect()

    def count(charge: str, status: str) -> float | None:
        return registry.get_sample_value("walee_attempts_total", {"key": ONE, "charge": charge, "status": status})

    assert count("billed", "200") == gateway.billed.total() == 5
    assert count("failed", "500") == 1
    assert count("ambiguous", "") == 1
    assert count("failed", "400") == 1
    assert registry.get_sample_value("walee_service_seconds_count", {"key": ONE}) == gateway.requests_seen == 8
    assert registry.get_sample_value("walee_queue_seconds_count", {"key": ONE}) == 8


async def test_waits_and_exchanges_are_measured_in_seconds() -> None:
    """The histograms tell the wait for a turn from the exchange itself."""
    registry = CollectorRegistry()
    gateway = Gateway(creators=4, keys=KEYS[:1], latency=0.06)
    async with gateway, client(gateway, Metrics(registry), rate=10) as walee:
        outcomes = await walee.creator_reports(gateway.handles).collect()
    attempts = [attempt for outcome in outcomes for attempt in outcome.payload.attempts]
    assert registry.get_sample_value("walee_queue_seconds_sum", {"key": ONE}) == pytest.approx(
        sum(attempt.queue_seconds for attempt in attempts)
    )
    assert registry.get_sample_value("walee_service_seconds_sum", {"key": ONE}) == pytest.approx(
        sum(attempt.service_seconds for attempt in attempts)
    )
    assert registry.get_sample_value("walee_service_seconds_bucket", {"key": ONE, "le": "0.05"}) == 0
    assert registry.get_sample_value("walee_queue_seconds_bucket", {"key": ONE, "le": "0.05"}) == sum(
        attempt.queue_seconds <= 0.05 for attempt in attempts
    )


async def test_outcomes_are_counted_by_kind(tmp_path: Path) -> None:
    """Runs and single calls count alike: fetched, reused, or the class of the error; each handle of a run once."""
    registry = CollectorRegistry()
    store = tmp_path / "reports.db"
    async with Gateway(creators=5, keys=KEYS[:1]) as gateway, client(gateway, Metrics(registry), store=store) as walee:
        await walee.creator_reports([*gateway.handles[:3], "nobody.here", "no handle!"]).collect()
        await walee.creator_reports(gateway.handles[:4]).collect()
        await walee.creator_report(gateway.handles[4])
        await walee.creator_report(gateway.handles[4])
        with pytest.raises(NoReportError):
            await walee.creator_report("nobody.there")
    kinds = {"fetched": 5, "reused": 4, "NoReportError": 2, "InvalidHandleError": 1}
    assert {
        sample.labels["outcome"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "walee_outcomes_total"
    } == kinds


async def test_the_gates_are_read_at_each_scrape() -> None:
    """Pace, pause, who waits and who is benched are what the client itself says at that moment."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    def gauge(name: str, key: str) -> float | None:
        return registry.get_sample_value(name, {"key": key})

    async with Gateway(creators=5, keys=KEYS) as gateway, client(gateway, metrics, rate=50) as walee:
        assert gauge("walee_gate_pace_per_second", ONE) is None
        metrics.watch(walee)
        assert gauge("walee_gate_pace_per_second", ONE) == gauge("walee_gate_pace_per_second", TWO) == 50
        assert gauge("walee_gate_paused_seconds", ONE) == gauge("walee_gate_waiting", ONE) == 0
        gateway.plan(gateway.handles[0], Status(429, retry_after=0.2), Revoke())
        await walee.creator_report(gateway.handles[0])
        paces = sorted((gauge("walee_gate_pace_per_second", key) or 0.0) for key in (ONE, TWO))
        assert paces == [pytest.approx(35), 50]
        assert sorted((gauge("walee_key_benched", key) or 0.0) for key in (ONE, TWO)) == [0, 1]
        walee.pause(30)
        assert 29 < (gauge("walee_gate_paused_seconds", ONE) or 0.0) <= 30
    assert gauge("walee_gate_pace_per_second", ONE) is None


@pytest.mark.parametrize("first", [True, False])
async def test_clients_that_have_one_key_are_told_as_one(first: bool) -> None:
    """Of two clients whose keys have one label paces and waits add up, and the longest pause and any bench are told."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    def gauges() -> list[float | None]:
        names = ("gate_pace_per_second", "gate_paused_seconds", "gate_waiting", "key_benched")
        return [registry.get_sample_value(f"walee_{name}", {"key": ONE}) for name in names]

    gateway = Gateway(creators=5, keys=KEYS[:1])
    async with gateway, client(gateway, metrics, rate=50) as one, client(gateway, metrics, rate=20) as other:
        metrics.watch(one)
        metrics.watch(other)
        assert gauges() == [70, 0, 0, 0]
        paused, free = (one, other) if first else (other, one)
        paused.pause(30)
        waiting = [asyncio.create_task(paused.fetch(handle)) for handle in gateway.handles[:2]]
        await until(lambda: paused.statistics()[0].gate.waiting == 2)
        assert gauges() == [70, pytest.approx(30, abs=5), 2, 0]
        gateway.plan(None, Revoke())
        with pytest.raises(RefusedKeyError):
            await free.fetch(gateway.handles[0])
        assert gauges()[3] == 1
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_the_exposition_can_be_read_and_names_no_handle_and_no_key() -> None:
    """What a scrape gets is well formed and as documented, names each series once, and holds labels of keys only."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    gateway = Gateway(creators=5, keys=KEYS[:1])
    async with gateway, client(gateway, metrics) as walee, client(gateway, metrics) as other:
        metrics.watch(walee)
        metrics.watch(other)
        await walee.creator_reports([*gateway.handles, "nobody.here"]).collect()
        await other.fetch(gateway.handles[0])
        text = generate_latest(registry).decode()
    families = list(text_string_to_metric_families(text))
    series = [(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples]
    assert len(series) == len(set(series))
    named = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    named = {name for name in named if not name.endswith("_created")}  # the library's own, for each of ours
    assert named == set(re.findall(r"^\| `(walee_\w+)` \|", DOCS.read_text("utf-8"), re.MULTILINE))
    assert not [handle for handle in (*gateway.handles, "nobody.here", KEYS[0]) if handle in text]


async def test_a_refused_key_is_seen() -> None:
    """When the only key is refused, calls fail by that class and the key is benched."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    async with Gateway(creators=1, keys=KEYS[:1]) as gateway, client(gateway, metrics) as walee:
        metrics.watch(walee)
        gateway.plan(gateway.handles[0], Revoke())
        with pytest.raises(RefusedKeyError):
            await walee.creator_report(gateway.handles[0])
        assert registry.get_sample_value("walee_key_benched", {"key": ONE}) == 1
        assert registry.get_sample_value("walee_outcomes_total", {"outcome": "RefusedKeyError"}) == 1


def test_a_gate_that_is_on_its_own_is_seen() -> None:
    """While a shared gate has lost the others the gauge says so, and no longer once it has found them."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    seen = []
    for event in (GateAlone(ONE, 12.5, "no answer"), GateRejoined(ONE, 3.0)):
        metrics(event)
        seen.append(registry.get_sample_value("walee_gate_alone", {"key": ONE}))
    assert seen == [1, 0]


def test_a_registry_takes_the_metrics_once() -> None:
    """A second set of metrics for one registry is refused in words that say what to do."""
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(ConfigError, match="make one Metrics for all clients"):
        Metrics(registry)


def test_without_the_extra_the_sentence_says_what_to_do() -> None:
    """Where the extra is missing, importing the module names it."""
    code = "import sys; sys.modules['prometheus_client'] = None; import walee_async.integrations.prometheus"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith("ConfigError: Metrics need an extra: pip install 'walee-async[prometheus]'.\n")
