"""Metrics for Prometheus (the extra `prometheus`): counted from the events, and read off the gates at each scrape.

Importing this raises ConfigError where the extra is not installed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from walee_async.errors import ConfigError
from walee_async.events import AttemptEnded, Event, GateAlone, GateRejoined, OutcomeReached, ReportEnded
from walee_async.outcomes import Charge

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
    from prometheus_client.metrics_core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError:
    raise ConfigError("Metrics need an extra: pip install 'walee-async[prometheus]'") from None

if TYPE_CHECKING:
    from collections.abc import Iterator

    from walee_async.client import WaleeClient
    from walee_async.outcomes import Attempt
    from walee_async.pool import KeyStatistics

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds: from a report that the gateway has at hand, past the longest silence that is waited for (60 s), to the
deadline of a single call (300 s)."""


class Metrics(Collector):
    """A hook that counts, and a collector of what the gates say: `Options(hook=metrics)`, then `metrics.watch(walee)`.

    One may serve several clients. No label holds a handle or a key; keys are told apart by their labels.

    Args:
        registry: Where the metrics are registered; left out, the global one.

    Raises:
        ConfigError: the registry has them already.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._clients: WeakSet[WaleeClient] = WeakSet()
        try:
            self._attempts = Counter(
                "walee_attempts_total",
                "Attempts by the label of the key, what they may have cost, and HTTP status (empty: no answer).",
                ("key", "charge", "status"),
                registry=registry,
            )
        except ValueError:
            raise ConfigError("This registry has these metrics already; make one Metrics for all clients") from None
        self._outcomes = Counter(
            "walee_outcomes_total",
            "What handles came to: fetched, reused (from the store), or the class of the error.",
            ("outcome",),
            registry=registry,
        )
        self._queue = _seconds("walee_queue_seconds", "Waits for a turn to send.", registry)
        self._service = _seconds("walee_service_seconds", "Exchanges with the gateway.", registry)
        self._alone = Gauge(
            "walee_gate_alone",
            "1 while the gate that the key's processes share is out of reach, and this one keeps to its share.",
            ("key",),
            registry=registry,
        )
        registry.register(self)

    def watch(self, client: WaleeClient) -> None:
        """Read the gates of this client at each scrape, for as long as it is open."""
        self._clients.add(client)

    def __call__(self, event: Event) -> None:
        """Count one event."""
        match event:
            case AttemptEnded(attempt=attempt):
                self._attempt(attempt)
            case OutcomeReached() | ReportEnded(run=None):  # a run says so itself; a single call has no other outcome
                self._outcomes.labels(event.error or ("reused" if event.reused else "fetched")).inc()
            case GateAlone() | GateRejoined():
                self._alone.labels(event.key).set(isinstance(event, GateAlone))
            case _:
                return

    def _attempt(self, attempt: Attempt) -> None:
        status = "" if attempt.status is None else str(attempt.status)
        self._attempts.labels(attempt.key, attempt.charge.value, status).inc()
        self._queue.labels(attempt.key).observe(attempt.queue_seconds)
        if attempt.charge is not Charge.NOT_SENT:
            self._service.labels(attempt.key).observe(attempt.service_seconds)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gates of the open clients at this moment; may be called in any thread."""
        pace = _gauge("walee_gate_pace_per_second", "Requests a second that the gate of the key lets through now.")
        paused = _gauge("walee_gate_paused_seconds", "What is left of the pause of the key's gate; 0 when it is open.")
        waiting = _gauge("walee_gate_waiting", "Who waits for a turn to send with the key.")
        benched = _gauge("walee_key_benched", "1 when the gateway refuses the key, so that it is used no more.")
        for label, keys in self._keys().items():
            pace.add_metric([label], sum(key.gate.pace for key in keys))
            paused.add_metric([label], max(key.gate.paused for key in keys))
            waiting.add_metric([label], sum(key.gate.waiting for key in keys))
            benched.add_metric([label], any(key.benched is not None for key in keys))
        yield from (pace, paused, waiting, benched)

    def _keys(self) -> dict[str, list[KeyStatistics]]:
        """Each label once, with the keys of all clients that go by it: a scrape that names one twice is refused."""
        keys: dict[str, list[KeyStatistics]] = {}
        for client in list(self._clients):
            with suppress(ConfigError):  # it is closed
                for key in client.statistics():
                    keys.setdefault(key.label, []).append(key)
        return keys


def _seconds(name: str, text: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, text, ("key",), registry=registry, buckets=BUCKETS)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("key",))
