"""Looking for commits that SQLite would pass over in silence.

After a crash SQLite reads the write-ahead log up to the first frame whose checksum does not fit, and takes that for its
end. That is right for a write that was cut short, which was never acknowledged. When commits stand behind it, the log
was damaged later, and reports that were paid for would be gone without a word.

The layout is that of https://www.sqlite.org/walformat.html: a header of 32 bytes; frames of 24 bytes and a page, with
the database's size at byte 4 in those that end a commit, and the header's salts at byte 8 in those of this log.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Final, Literal

from walee_async.errors import StoreDamagedError
from walee_async.store.connect import sidecar, size_of

if TYPE_CHECKING:
    from pathlib import Path

_HEADER: Final = 32
_FRAME: Final = 24
_MAGIC: Final = (0x377F0682, 0x377F0683)
_Order = Literal["little", "big"]


def examine(path: Path, valid_frames: int) -> str | None:
    """Compare the log with what SQLite made of it: `valid_frames`, those up to the last commit it took.

    Returns:
        A remark when one commit is incomplete, which a power cut leaves; None when all is well.

    Raises:
        StoreDamagedError: commits are lost.
    """
    wal = sidecar(path, "-wal")
    commits = _commits(wal)
    if commits is None:
        raise StoreDamagedError(f"{wal} is damaged at its beginning; what was kept last cannot be read")
    lost = [frame for frame in commits if frame > valid_frames]
    # A commit begins only when the one before is on disk, so a power cut can spoil one at most.
    if len(lost) > 1:
        raise StoreDamagedError(f"{wal} is damaged: {len(lost)} commits after its frame {valid_frames} cannot be read")
    return f"the last commit in {wal} is incomplete: a power cut leaves this, or the file was damaged" if lost else None


def valid_frames(path: Path) -> int:
    """The frames up to the last commit that SQLite takes, by the checksums that each hands on to the next.

    Told from the log alone. SQLite's index beside it says the same, but a file that is closed drops every lock that
    this process has on it, and without those another takes the index for abandoned and cuts it short under a reader.
    """
    last = 0
    with sidecar(path, "-wal").open("rb") as file:
        header = file.read(_HEADER)
        if not _is_header(header):
            return 0
        page, order, sums = int.from_bytes(header[8:12], "big"), _order(header), _words(header[24:], "big")
        for number in itertools.count(1):
            frame = file.read(_FRAME + page)
            if len(frame) < _FRAME + page or frame[8:16] != header[16:24] or not any(frame[:4]):
                break
            sums = _summed(_words(frame[:8] + frame[_FRAME:], order), *sums)
            if sums != _words(frame[16:_FRAME], "big"):
                break
            if any(frame[4:8]):
                last = number
    return last


def _commits(wal: Path) -> list[int] | None:
    """The numbers, from 1, of the frames that end a commit of this log; None when its header is not one."""
    size = size_of(wal)
    with wal.open("rb") as file:
        header = file.read(_HEADER)
        if size < _HEADER + _FRAME:
            return []
        if not _is_header(header):
            return None if any(file.read(_FRAME)) else []
        page = int.from_bytes(header[8:12], "big")
        commits = []
        for number in range(1, (size - _HEADER) // (page + _FRAME) + 1):
            file.seek(_HEADER + (number - 1) * (page + _FRAME))
            frame = file.read(_FRAME)
            if frame[8:16] == header[16:24] and any(frame[4:8]):
                commits.append(number)
    return commits


def _is_header(header: bytes) -> bool:
    if len(header) < _HEADER or int.from_bytes(header[:4], "big") not in _MAGIC:
        return False
    return _summed(_words(header[:24], _order(header))) == _words(header[24:], "big")


def _order(header: bytes) -> _Order:
    """In which a log's checksums take its words: that of the machine that began it."""
    return "big" if header[3] & 1 else "little"


def _words(data: bytes, order: _Order) -> tuple[int, ...]:
    return struct.unpack(f"{'>' if order == 'big' else '<'}{len(data) // 4}I", data)


def _summed(words: tuple[int, ...], first: int = 0, second: int = 0) -> tuple[int, int]:
    """SQLite's checksum, gone on with: some 0.1 ms for a page of 8 KiB."""
    each = iter(words)
    for one, other in zip(each, each, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
