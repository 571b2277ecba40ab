from __future__ import annotations

import logging

import pytest

from walee_async.events import Emitter, Event, GatePaused


def test_a_hook_is_told_of_every_event_in_order() -> None:
    """Events reach the hook as they happen."""
    events: list[Event] = []
    emitter = Emitter(events.append)
    told = [GatePaused("key 1", float(seconds), "test") for seconds in range(5)]
    for event in told:
        emitter.emit(event)
    assert events == told


def test_a_hook_that_raises_is_logged_once_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Telling never costs a report: a broken hook is heard of once and then left alone."""
    calls = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise RuntimeError("the dashboard is down")

    emitter = Emitter(broken)
    with caplog.at_level(logging.ERROR, logger="walee_async"):
        for _ in range(3):
            emitter.emit(GatePaused("key 1", 1.0, "test"))
    assert len(calls) == 1
    assert len(caplog.records) == 1
    assert "told of nothing more" in caplog.text
    assert not emitter.listening
