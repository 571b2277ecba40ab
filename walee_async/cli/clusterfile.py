"""What became of each handle that went to a cluster, as lines: the reports themselves are in the stores.

{"handle": "river.kites", "reused": false}
{"handle": "no.such.creator", "error": {"kind": "NoReportError", "detail": "…", "status": 400, …}}
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import msgspec

from walee_async.cli.exits import OutputError
from walee_async.cli.lines import line_of
from walee_async.cli.sinks import BINARY, lock_file
from walee_async.errors import ConfigError
from walee_async.outcomes import Failed

if TYPE_CHECKING:
    from pathlib import Path

_encoder = msgspec.json.Encoder()


class OutcomeFile:
    """A file of outcomes, written anew by each run; one run at a time has it, and so the folder that it is in.

    Raises:
        ConfigError: it cannot be written, or another run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | BINARY, 0o600)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
        try:
            lock_file(descriptor, str(path))
            os.ftruncate(descriptor, 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._file = os.fdopen(descriptor, "wb")

    async def write(self, outcome: Any) -> None:
        """Write the line of one outcome.

        Raises:
            OutputError: it cannot be written.
        """
        line = line_of(outcome, "full") if isinstance(outcome, Failed) else _encoder.encode(outcome) + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise OutputError(str(self.path), error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(str(self.path), error) from None
