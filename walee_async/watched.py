"""Tells the hook when a report is asked for and when it has come: a source around a source."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from walee_async.events import ReportEnded, ReportStarted
from walee_async.ledger import ACCOUNT, REPORT

if TYPE_CHECKING:
    from walee_async.events import Emitter
    from walee_async.interfaces import Source
    from walee_async.outcomes import Payload

_NUMBERS: Final = count(1)


def watched(source: Source, emitter: Emitter) -> Source:
    """The source, told of if anybody listens."""
    return _Watched(source, emitter) if emitter.listening else source


class _Watched:
    """Stands around all that is shared, so that the hook is called in the task of whoever asks."""

    def __init__(self, source: Source, emitter: Emitter) -> None:
        self._source = source
        self._emitter = emitter

    async def fetch(self, handle: str) -> Payload:
        account = ACCOUNT.get(None)
        run = None if account is None else account.id
        report = next(_NUMBERS)
        REPORT.set(report)  # whoever sends for it is in this task, or in one made from it
        self._emitter.emit(ReportStarted(report, handle, run))
        try:
            payload = await self._source.fetch(handle)
        except BaseException as error:
            self._emitter.emit(ReportEnded(report, handle, run, type(error).__name__))
            raise
        self._emitter.emit(ReportEnded(report, handle, run, reused=payload.reused))
        return payload
