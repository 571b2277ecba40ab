"""The faults that requests will meet: those planned, in their order, those strewn over all, and what cannot be one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from walee_async.testing.faults import Fault, Revoke, WrongType
from walee_async.testing.misbehaviour import replace_at

if TYPE_CHECKING:
    from walee_async.testing.faults import Mix
    from walee_async.testing.misbehaviour import Report


class Plans:
    """Faults queued by handle (None: for any), and a mix of them for the requests for which none is queued."""

    def __init__(self, mix: Mix | None) -> None:
        self._mix = mix
        self._queues: dict[str | None, deque[Fault]] = {}
        self._reached: Counter[str] = Counter()
        self.trouble: Exception | None = None
        """What first kept the gateway from answering as planned. A client only sees a 500, and tries again."""

    def add(self, handle: str | None, faults: Iterable[Fault]) -> None:
        """Queue faults behind those that are there."""
        self._queues.setdefault(handle, deque()).extend(faults)

    def next(self, handle: str) -> Fault | None:
        """Take the fault that a request for the handle meets, if any."""
        for queue in (self._queues.get(handle), self._queues.get(None)):
            if queue:
                return queue.popleft()
        if self._mix is None:
            return None
        self._reached[handle] += 1
        return self._mix.pick(handle, self._reached[handle])

    def tell_trouble(self, error: BaseException | None) -> None:
        """Raise the trouble, if there was any, or note it on the error that a test is ending with."""
        if self.trouble is not None:
            if error is None:
                raise self.trouble
            error.add_note(f"The gateway could not answer as planned: {self.trouble}")


def check_faults(faults: Iterable[Fault], keys: Container[str], report: Report | None = None) -> None:
    """Make sure that faults can be met, by requests with these keys and, where one is known, for this report.

    Raises:
        TypeError: something is no fault.
        KeyError: one is about a key that is not there.
        ValueError: a value is to be replaced where the report has no place for it.
    """
    for fault in faults:
        if not isinstance(fault, Fault):
            raise TypeError(f"{fault!r} is no fault; write one such as Status(500)")
        if isinstance(fault, Revoke) and fault.key is not None and fault.key not in keys:
            raise KeyError(f"The gateway has no key {fault.key!r}")
        if isinstance(fault, WrongType) and report is not None:
            replace_at(report("identity"), fault.path, fault.value)
