"""What every part of a report shares: its Struct options, and how its times are read."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct


# gc=False keeps a report's thousands of parts out of the garbage collector's walks. That leaks only what lies on a
# reference cycle, and none can arise here: JSON has no cycles, the Structs are frozen, and their lists are tuples, so
# nothing can be pointed back at its owner later either.
class Part(Struct, frozen=True, gc=False, omit_defaults=True):
    """One object of a report. A key that is absent or null is None, which means unknown; other keys are ignored.

    Parts are immutable and hashable, their lists tuples. Encoding a part leaves out the unknown, as the gateway does.
    """


def parse_time(text: str | None) -> datetime | None:
    """Read a report's time as an aware datetime; None when it is absent or no time.

    Takes `2023-10-23T06:04:07.182+00:00`, `…+0000` and `…Z`. A time without an offset is in UTC, the gateway's clock.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
