"""Reports on their way between stores: JSON lines of bodies as received."""

from __future__ import annotations

import base64
import codecs
import gzip
import hashlib
import itertools
import stat
import threading
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from walee_async.decode import mend_surrogates
from walee_async.errors import ConfigError, StoreDamagedError, WaleeError
from walee_async.store.arrivals import Arrival, Line, read_line
from walee_async.store.files import WholeFile
from walee_async.store.journal import Origin, keep
from walee_async.store.paths import check_apart
from walee_async.store.records import Finding, Imported, Rejected

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from os import PathLike
    from typing import IO

    from walee_async.outcomes import Payload
    from walee_async.store.reader import StoreReader
    from walee_async.store.records import Version
    from walee_async.store.writer import Writer

_CHUNK: Final = 50
"""Reports brought in with one transaction."""
_TOLD: Final = 100
_LINE: Final = 64 * 1024 * 1024
"""Bytes a line may have: the largest report in base64, and some."""
_KINDS: Final = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}

_encoder = msgspec.json.Encoder()


def export_payloads(
    reader: StoreReader,
    target: str | PathLike[str],
    stop: threading.Event,
    *,
    every: bool,
    on_damage: Callable[[Finding], None] | None,
) -> int:
    """Write reports to a gzipped file of JSON lines and return how many, or leave no file when told to stop.

    Only its owner can read it.

    Raises:
        ConfigError: it cannot be written, or belongs to the store.
        StoreDamagedError: a report is damaged and `on_damage` is None; the file is not there then.
    """
    path = Path(target)
    check_apart(path, reader.path)
    whole: WholeFile | None = None
    count = 0
    try:
        whole = WholeFile(path)
        # The bodies are compressed already: level 1 only takes back what base64 adds.
        with gzip.GzipFile("", "wb", 1, whole.file, mtime=0) as file:
            for line in _export_lines(reader, every, on_damage):
                if stop.is_set():
                    return count
                file.write(_encoder.encode(line) + b"\n")
                count += 1
        whole.close()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if whole is not None:
            whole.abort()
    return count


def _export_lines(reader: StoreReader, every: bool, on_damage: Callable[[Finding], None] | None) -> Iterator[Line]:
    for page in reader.pages(every=every, on_damage=on_damage):
        for version in page:
            try:
                record = reader.record(version)
                if record is not None:  # else removed since its number was read
                    yield _line(*record)
            except StoreDamagedError as error:
                if on_damage is None:
                    raise
                on_damage(Finding(error.detail, error.handle, version=version))


def _line(said: Version, payload: Payload) -> Line:
    return Line(
        handle=payload.handle,
        body=base64.b64encode(payload.body).decode(),
        sha256=said.sha256,
        encoding=payload.encoding,
        received_at=payload.received_at,
        key=payload.key,
        status=said.status,
    )


def import_file(
    source: str | PathLike[str], writer: Writer, stop: threading.Event, told: Callable[[int, int], None] | None
) -> Imported:
    """Bring in the reports of a file through the writer, some at a time, until told to stop; blocks.

    Raises:
        ConfigError: it cannot be read, or breaks off; what came before is brought in.
        StoreError: they cannot be written.
    """
    added = known = rejected = 0
    first: list[Rejected] = []
    chunk: list[Arrival] = []

    def flush() -> None:
        nonlocal added, known
        new = writer.submit_from_thread(partial(_bring_in, arrivals=tuple(chunk)), begins=True).result()
        added, known = added + new, known + len(chunk) - new
        chunk.clear()
        if told is not None:
            told(added, known)

    try:
        for number, line in enumerate(_records(Path(source)), 1):
            if stop.is_set():
                break
            try:
                chunk.extend([read_line(line)] if line else [])
            except (ValueError, RecursionError, WaleeError) as error:
                rejected += 1
                first.extend([Rejected(number, str(error))] if len(first) < _TOLD else [])
            if len(chunk) == _CHUNK:
                flush()
    finally:
        flush()
    return Imported(added, known, rejected, tuple(first))


def _bring_in(connection: sqlite3.Connection, arrivals: Iterable[Arrival]) -> int:
    added = 0
    for arrival in arrivals:
        payload = arrival.payload
        same = "SELECT 1 FROM reports WHERE handle = ? AND sha256 = ?"
        digest = hashlib.sha256(payload.body).digest()
        # Without a date of its own, it would be another report each time it is brought in.
        if arrival.dated or connection.execute(same, (payload.handle, digest)).fetchone() is None:
            added += keep(connection, [(payload, Origin(status=arrival.status, source="import"))])
    return added


def _records(path: Path) -> Iterator[bytes]:
    """The lines of a file, gzipped or not; or the one JSON document it is, each item of it when it is a list."""
    check_file(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == b"\x1f\x8b"
            with gzip.GzipFile(fileobj=raw) if zipped else raw as file:
                yield from _split(file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ConfigError(f"{path} cannot be read: {reason}") from None


def check_file(path: Path) -> None:
    """Make sure that a file can be brought in: nobody can be kept waiting by it, or be given it only once.

    Raises:
        ConfigError: there is none, or it is no ordinary file.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{path} is a folder; name a file")
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise ConfigError(f"{path} is {kind}, no ordinary file; write what it gives to a file first")


def _split(file: gzip.GzipFile | IO[bytes]) -> Iterator[bytes]:
    first = file.readline(_LINE).removeprefix(codecs.BOM_UTF8)
    if not _is_json(first):
        first = bytes(mend_surrogates(first + file.read(_LINE)))
        if first.lstrip()[:1] == b"[" and _is_json(first):
            yield from map(bytes, msgspec.json.decode(first, type=list[msgspec.Raw]))
            return
        if not _is_json(first):
            yield from map(bytes.strip, (first + file.readline(_LINE)).splitlines())
            first = file.readline(_LINE)
    lines = itertools.chain([first], iter(lambda: file.readline(_LINE), b""))
    yield from map(bytes.strip, lines)


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
