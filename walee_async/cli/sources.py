"""What the arguments of `walee fetch`, `plan` and `score` name, as one list to be read lazily."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence, Set
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from walee_async.cli.aside import Aside
from walee_async.cli.keys import IN_THE_OPEN, looks_like_key
from walee_async.cli.text import listed
from walee_async.errors import ConfigError, InvalidHandleError
from walee_async.handles import Entry, ListFormat, guessed_columns, read_entries, resolve
from walee_async.handles.files import SUFFIXES

STDIN: Final = "-"
LOOK: Final = 50
"""Lines of a file that are looked at before anything is done with it."""
FEW: Final = 5
"""Lines that are too few to say that a file is no list."""


class HandleList:
    """Handles, files of them and standard input, in the order of the arguments.

    Handles in `had` are skipped: their reports are there already.

    Raises:
        ConfigError: an argument is no handle and no list that can be read, or most of a file cannot be handles.
    """

    def __init__(
        self,
        targets: Sequence[str],
        *,
        column: str | None = None,
        format: ListFormat | None = None,  # noqa: A002  (as in read_entries)
        had: Set[str] = frozenset(),
    ) -> None:
        if not targets:
            raise ConfigError("Name handles, a file of handles, or - for standard input")
        self._column = column
        self._format: ListFormat | None = format
        self._had = had
        self._targets = list(dict.fromkeys(checked(target) for target in targets))
        self._lists = {target for target in self._targets if is_list(target)}
        self.skipped: set[str] = set()
        """The handles skipped so far."""
        self._pipes = {target for target in self._lists if not Path(target).is_file()}
        self.empty = False
        """Whether it was read to its end, and nothing was in it."""
        self._reader = Aside("handles")
        self.endless = bool(self._pipes)
        """Whether a part of it is a pipe or a terminal, whose end cannot be seen from here."""
        if column is not None and not self._lists:
            raise ConfigError("--column names a column of a list, and there is no list among the arguments")
        for target in self._lists:
            self._read(target)
            if target not in self._pipes:
                self._look(target)

    @property
    def reads_terminal(self) -> bool:
        """Whether it waits for somebody to type."""
        return STDIN in self._lists and sys.stdin.isatty()

    def total(self) -> int | None:
        """How many entries there are besides those skipped, duplicates included; None when it cannot be known.

        Raises:
            ConfigError: a list cannot be read.
        """
        if self.endless:
            return None
        return sum(self._wanted(entry) for target in self._targets for entry in self._part(target))

    def guesses(self) -> list[str]:
        """A sentence for each table whose column was chosen among several."""
        files = [target for target in self._targets if target in self._lists - self._pipes and self._column is None]
        found = [(target, guessed_columns(target, self._format)) for target in files]
        return [
            f"The handles of {target} are read from its column {names[0]!r}, and not from {listed(names[1:])}; "
            "--column names another."
            for target, names in found
            if len(names) > 1
        ]

    async def entries(self) -> AsyncGenerator[str | Entry, None]:
        """Every entry that is wanted. Pipes are read in a thread, a line at a time, so that nobody waits for them."""
        empty = True
        for target in self._targets:
            part = self._part(target)
            if target not in self._pipes:
                with closing(part):  # a run that is left early leaves no file open
                    for entry in part:
                        empty = False
                        if self._wanted(entry):
                            yield entry
                continue
            while (line := await self._reader.do(_next, part)) is not None:
                empty = False
                if self._wanted(line):
                    yield line
        self.empty = empty

    def _look(self, target: str) -> None:
        """Make sure that a file is a list at all, such as a web page is not."""
        with closing(self._part(target)) as part:
            entries = list(islice(part, LOOK))
        bad: list[InvalidHandleError] = []
        for entry in entries:
            try:
                resolve(entry)
            except InvalidHandleError as error:
                bad.append(error)
        if len(entries) >= FEW and 2 * len(bad) > len(entries):
            raise ConfigError(
                f"{bad[0].detail}. Of the first {len(entries)} lines {len(bad)} are no handles, "
                "so this is no list of them: that has a handle or a profile address on each line, "
                "or is CSV or JSON lines"
            )

    def _part(self, target: str) -> Generator[str | Entry, None, None]:
        if target in self._lists:
            yield from self._read(target)
        else:
            yield target

    def _read(self, target: str) -> Iterator[Entry]:
        stdin: Iterable[str] | None = None
        if target == STDIN:
            if sys.stdin is None:
                raise ConfigError("Standard input is closed, so no list comes from it; name a file instead of -")
            # Not sys.stdin: a thread that is reading it when the process ends would hold a lock that the end needs.
            stdin = open(0, encoding="utf-8-sig", errors="replace", closefd=False)  # noqa: SIM115
        return read_entries(target, column=self._column, format=self._format, stdin=stdin)

    def _wanted(self, entry: str | Entry) -> bool:
        if not self._had:
            return True
        try:
            handle = resolve(entry)
        except InvalidHandleError:
            return True
        if handle in self._had:
            self.skipped.add(handle)
            return False
        return True


def _next(part: Iterator[str | Entry]) -> str | Entry | None:
    return next(part, None)


def _is_profile(target: str) -> bool:
    """Whether an argument is written as only handles are, whatever lies about under that name."""
    return target.startswith("@") or "://" in target or "tiktok.com/" in target.lower()


def is_list(target: str) -> bool:
    """Whether an argument names a list rather than a handle: standard input, a file, or what is spelled like one."""
    if target == STDIN:
        return True
    if _is_profile(target):
        return False
    if target.lower().endswith(SUFFIXES) or "/" in target or "\\" in target:
        return True
    return os.path.lexists(target) and not Path(target).is_dir()


def checked(target: str) -> str:
    """An argument as it is.

    Raises:
        ConfigError: it is an option that there is none of, a folder, or may be an API key.
    """
    if target != STDIN and target.startswith("-"):
        raise ConfigError(f"Unknown option {target.partition('=')[0]}; --help lists those there are")
    if looks_like_key(target) and not is_list(target):
        raise ConfigError(f"An argument looks like an API key. {IN_THE_OPEN}. If it is a handle, put an @ before it")
    if not is_list(target) and not _is_profile(target) and os.path.lexists(target) and Path(target).is_dir():
        hint = "" if set(target) <= {"."} else ". If it is a handle, put an @ before it"
        raise ConfigError(f"{target} is a folder, not a list of handles{hint}")
    return target
