"""Looking for commits that SQLite would pass over in silence.

After a crash SQLite reads the write-ahead log up to the first frame whose checksum does not fit, and takes that for its
end. That is right for a write that was cut short, which was never acknowledged. When commits stand behind it, the log
was damaged later, and reports that were paid for would be gone without a word.

The layout is that of https://www.sqlite.org/walformat.html: a header of 32 bytes; frames of 24 bytes and a page, with
the database's size at byte 4 in those that end a commit, and the header's salts at byte 8 in those of this log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from walee_async.errors import StoreDamagedError
from walee_async.store.connect import sidecar, size_of

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

_HEADER: Final = 32
_FRAME: Final = 24
_MAGIC: Final = (0x377F0682, 0x377F0683)


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


def valid_frames(path: Path, after: ExitStack) -> int:
    """The frames SQLite found valid, from the index that an open connection keeps beside the log.

    `after` is left after the connection was closed: a file that is closed drops every lock that this process has on it,
    and without its locks another process takes the index for abandoned and cuts it short under the connection.
    """
    header = after.enter_context(sidecar(path, "-shm").open("rb")).read(20)
    # The index is in the machine's own byte order; its version, at byte 0, tells which that is.
    order: Literal["little", "big"] = "little" if int.from_bytes(header[:4], "little") == 3007000 else "big"
    return int.from_bytes(header[16:20], order)


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
    words = [int.from_bytes(header[at : at + 4], "big") for at in range(0, _HEADER, 4)]
    if words[0] not in _MAGIC:
        return False
    order: Literal["little", "big"] = "big" if words[0] & 1 else "little"
    first = second = 0
    for at in range(0, 24, 8):
        first = (first + int.from_bytes(header[at : at + 4], order) + second) & 0xFFFFFFFF
        second = (second + int.from_bytes(header[at + 4 : at + 8], order) + first) & 0xFFFFFFFF
    return words[6:] == [first, second]
